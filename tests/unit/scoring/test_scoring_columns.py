"""A column of a file becomes what the same values in a request would become, or its bad rows are named."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.errors import BadInput
from headgate.registry.cast import cast
from headgate.registry.field import Field
from headgate.scoring.columns import check_schema, find_all, take

FIELDS = st.builds(Field, st.just("x"), st.sampled_from(["float32", "float64"]), missing=st.booleans())
FLOATS = st.lists(st.none() | st.floats(allow_nan=False), max_size=40)


def taken(field: Field, values: Any, kind: Any = None) -> Any:
    return take([field], pa.RecordBatch.from_arrays([pa.array(values, kind)], ["x"]))


def online(field: Field, value: Any) -> Any:
    """Return what a request with this value gives, or None where it is refused."""
    try:
        return cast(field, [value])
    except BadInput:
        return None


@given(FIELDS, FLOATS)
def test_numbers_are_what_a_request_makes_of_them(field: Field, values: list[float | None]) -> None:
    found = taken(field, values, pa.float64())
    for at, value in enumerate(values):
        wanted = online(field, value)
        assert (wanted is None) == (at in found.bad), found.bad
        if wanted is not None:
            np.testing.assert_array_equal(found.columns["x"][at : at + 1], wanted)
            assert found.columns["x"].dtype == wanted.dtype


@given(st.booleans(), st.lists(st.none() | st.text(max_size=4), max_size=20))
def test_strings_are_what_a_request_makes_of_them(missing: bool, values: list[str | None]) -> None:  # noqa: FBT001
    field = Field("x", "string", missing=missing)
    found = taken(field, values, pa.string())
    assert found.columns["x"].dtype == object
    assert set(found.bad) == {at for at, value in enumerate(values) if value is None and not missing}
    assert found.columns["x"].tolist() == values


def test_whole_numbers_keep_every_digit() -> None:
    found = taken(Field("x", "int64"), [2**53 + 1, None, -1], pa.int64())
    assert found.columns["x"][[0, 2]].tolist() == [2**53 + 1, -1]
    assert found.bad == {1: "x is missing, and may not be"}
    assert taken(Field("x", "int32"), [2**40, 3], pa.int64()).bad == {0: "x is out of range for int32"}


def test_booleans_and_times() -> None:
    assert taken(Field("x", "bool", missing=True), [True, None], pa.bool_()).columns["x"].tolist() == [True, None]
    assert taken(Field("x", "bool"), [True, None], pa.bool_()).bad == {1: "x is missing, and may not be"}
    times = pa.array(["2026-01-01T09:00:00+02:00", None])
    found = taken(Field("x", "timestamp", missing=True), times)
    assert found.columns["x"].dtype == "datetime64[us]"
    assert found.columns["x"].astype(str).tolist() == ["2026-01-01T07:00:00.000000", "NaT"]


def test_text_of_a_csv_that_does_not_parse_is_named_row_by_row() -> None:
    found = taken(Field("x", "float64", missing=True), ["1.5", "abc", "", "2", "1,5"])
    np.testing.assert_array_equal(found.columns["x"][[0, 2, 3]], [1.5, np.nan, 2.0])
    assert set(found.bad) == {1, 4}
    assert found.bad[1] == "x is declared float, but holds: 'abc'"


def test_vectors_have_the_signatures_width() -> None:
    field = Field("x", "float32", width=2)
    found = taken(field, [[1, 2], [3, np.nan]], pa.list_(pa.float32()))
    assert found.columns["x"].shape == (2, 2)
    assert found.bad == {1: "x is missing, and may not be"}
    assert set(taken(field, [[1, 2], [3], None, [4, 5]], pa.list_(pa.float64())).bad) == {1, 2}


def test_what_can_never_fit_is_refused_before_a_row_is_read() -> None:
    schema = pa.schema([("age", pa.bool_()), ("plan", pa.string())])
    with pytest.raises(BadInput, match="column age is declared float, but the file holds bool"):
        check_schema(schema, [Field("age", "float64"), Field("plan", "string")], "rows.parquet")
    with pytest.raises(BadInput, match=r"there is no column 'pln'\. Did you mean plan"):
        check_schema(schema, [Field("pln", "string")], "rows.parquet")


@given(st.lists(st.booleans(), max_size=200))
def test_halving_finds_every_failure_and_no_other(bad: list[bool]) -> None:
    def works(part: Any) -> None:
        if part.true_count:
            raise BadInput("no")

    assert sorted(find_all(pa.array(bad, pa.bool_()), works)) == [at for at, one in enumerate(bad) if one]
