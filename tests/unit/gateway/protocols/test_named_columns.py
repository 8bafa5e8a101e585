"""Rows, columns and CSV by name: the same values whichever way they come; anything else is a 4xx."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.gateway.protocols.named import from_columns, from_csv, from_one, from_rows
from headgate.gateway.refusal import Refusal
from headgate.registry.field import Field
from headgate.registry.signature import Signature

FIELDS = (
    Field("temp", "float64", missing=True),
    Field("count", "int64"),
    Field("flag", "bool"),
    Field("name", "string"),
    Field("at", "timestamp"),
)
SIGNATURE = Signature(FIELDS, FIELDS, (Field("y", "float32"),))
ROW = st.fixed_dictionaries(
    {
        "temp": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "count": st.integers(-(2**63), 2**63 - 1),
        "flag": st.booleans(),
        "name": st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n")),
        "at": st.sampled_from(["2013-01-31T09:30:00Z", "2020-02-29T00:00:00+02:00"]),
    }
)


def shown(columns: Any) -> dict[str, str]:
    return {field.name: repr(columns[field.name].tolist()) for field in FIELDS}


@given(st.lists(ROW, min_size=1, max_size=5))
def test_rows_columns_and_csv_mean_the_same(rows: list[dict[str, Any]]) -> None:
    expected = shown(from_rows(rows, SIGNATURE, 10))
    columns = {field.name: [row[field.name] for row in rows] for field in FIELDS}
    assert shown(from_columns(columns, SIGNATURE, 10)) == expected
    assert (
        shown(from_columns({name: [[value] for value in values] for name, values in columns.items()}, SIGNATURE, 10))
        == expected
    )
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in FIELDS])
    writer.writeheader()
    writer.writerows([{**row, "temp": "" if row["temp"] is None else repr(row["temp"])} for row in rows])
    assert shown(from_csv(text.getvalue().encode(), SIGNATURE, 10)) == expected


@given(st.binary(max_size=120))
def test_any_bytes_as_csv_are_columns_or_a_400(content: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        from_csv(content, SIGNATURE, 10)
    assert caught.value.status == 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([f.name for f in FIELDS]), inner),
    max_leaves=10,
)


@given(st.lists(JSON, max_size=4))
def test_any_rows_are_columns_or_a_400(rows: list[Any]) -> None:
    for read in (from_rows, from_one):
        with pytest.raises(Refusal) as caught:
            read(rows, SIGNATURE, 10)
        assert caught.value.status == 400
        assert caught.value.what


def attempt(call: Callable[[], Any]) -> Any:
    """Return what a call returns, or its refusal."""
    try:
        return call()
    except Refusal as refusal:
        return refusal


@given(ROW, st.sampled_from([field.name for field in FIELDS]), JSON)
def test_a_row_with_one_strange_value_is_columns_or_a_400(row: dict[str, Any], name: str, value: Any) -> None:
    columns = attempt(lambda: from_rows([{**row, name: value}], SIGNATURE, 10))
    if isinstance(columns, Refusal):
        assert columns.status == 400
        assert name in columns.what
    else:
        assert {len(column) for column in columns.values()} == {1}


def test_too_many_rows_are_refused() -> None:
    row = {"temp": 1, "count": 1, "flag": True, "name": "", "at": "2013-01-31T09:30:00Z"}
    with pytest.raises(Refusal) as caught:
        from_rows([row] * 11, SIGNATURE, 10)
    assert (caught.value.status, caught.value.code) == (413, "too_many_rows")
    with pytest.raises(Refusal):
        from_csv(b"temp,count,flag,name,at\n" + b"1,1,true,a,2013-01-31T09:30:00Z\n" * 11, SIGNATURE, 10)


def test_a_value_without_a_name_needs_a_model_with_one_input() -> None:
    vector = Field("x", "float32", 2)
    one = Signature((vector,), (vector,), ())
    assert from_one(json.loads("[[1, 2], [3, 4]]"), one, 10)["x"].tolist() == [[1, 2], [3, 4]]
    with pytest.raises(Refusal, match="a list of 1 values"):
        from_one([[1]], one, 10)
    with pytest.raises(Refusal, match="which CSV cannot carry"):
        from_csv(b"x\n1\n", one, 10)
