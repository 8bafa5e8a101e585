"""Any body becomes columns cast by the signature, or a 4xx with a sentence; the one-row reader means the same."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.gateway.protocols.v2_json.datatypes import datatype
from headgate.gateway.protocols.v2_json.explain import UNREADABLE
from headgate.gateway.protocols.v2_json.parse import Asked, parse
from headgate.gateway.protocols.v2_json.single import Singles
from headgate.gateway.refusal import Refusal
from headgate.registry.field import Field
from headgate.registry.signature import Signature

MIXED = (
    Field("vector", "float32", width=3),
    Field("temp", "float64", missing=True),
    Field("count", "int64"),
    Field("small", "int32"),
    Field("flag", "bool"),
    Field("name", "string", missing=True),
    Field("at", "timestamp"),
)
SIGNATURE = Signature(MIXED, MIXED, (Field("score", "float32"), Field("label", "string")))
GOOD: dict[str, Any] = {
    "vector": [1.5, 2, -3],
    "temp": None,
    "count": 2**60,
    "small": -7,
    "flag": True,
    "name": "O'Hare ✈",
    "at": "2013-01-31T09:30:00-05:00",
}


def tensor(field: Field, value: Any) -> dict[str, Any]:
    shape = [1] if field.width is None else [1, field.width]
    return {
        "name": field.name,
        "shape": shape,
        "datatype": datatype(field),
        "data": [value] if field.width is None else value,
    }


def body(**changes: Any) -> dict[str, Any]:
    return {"inputs": [tensor(field, {**GOOD, **changes}[field.name]) for field in MIXED]}


def changed(name: str, /, **changes: Any) -> dict[str, Any]:
    whole = body()
    for one in whole["inputs"]:
        if one["name"] == name:
            one.update(changes)
    return whole


def read(content: Any, rows: int = 100) -> Asked:
    return parse(content if isinstance(content, bytes) else json.dumps(content).encode(), SIGNATURE, rows)


def attempt(text: bytes) -> Asked | Refusal:
    try:
        return read(text)
    except Refusal as refusal:
        return refusal


def refused(content: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read(content)
    assert short(content if isinstance(content, bytes) else json.dumps(content).encode()) is None
    return caught.value


def short(text: bytes) -> Any | None:
    """Read a body the short way; None where it is left to `parse`."""
    try:
        return Singles(MIXED).read(text)
    except UNREADABLE:
        return None


def test_a_row_of_every_type_is_cast_by_the_signature() -> None:
    asked = read({"id": "a-1", **body()})
    assert asked.id == "a-1"
    assert asked.rows == 1
    assert asked.columns["vector"].dtype == np.float32
    assert asked.columns["vector"].tolist() == [[1.5, 2.0, -3.0]]
    assert np.isnan(asked.columns["temp"]).tolist() == [True]
    assert asked.columns["count"].tolist() == [2**60]
    assert asked.columns["small"].dtype == np.int32
    assert asked.columns["flag"].tolist() == [True]
    assert asked.columns["name"].tolist() == ["O'Hare ✈"]
    assert asked.columns["at"].tolist()[0].isoformat() == "2013-01-31T14:30:00"


def test_rows_come_flat_or_nested_and_columns_as_n_or_n_1() -> None:
    flat = changed("vector", shape=[2, 3], data=[1, 2, 3, 4, 5, 6])
    for one in flat["inputs"][1:]:
        one["shape"], one["data"] = [2, 1], one["data"] * 2
    nested = json.loads(json.dumps(flat))
    nested["inputs"][0]["data"] = [[1, 2, 3], [4, 5, 6]]
    nested["inputs"][2]["data"] = [[value] for value in nested["inputs"][2]["data"]]
    for content in (flat, nested):
        columns = read(content).columns
        assert columns["vector"].tolist() == [[1, 2, 3], [4, 5, 6]]
        assert columns["count"].tolist() == [2**60, 2**60]


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (changed("temp", name="tmep"), "unknown_input", ["'tmep'", "temp", "vector"]),
        ({"inputs": body()["inputs"][1:]}, "missing_input", ["'vector'", "FP32", "[n, 3]"]),
        ({"inputs": [*body()["inputs"], body()["inputs"][0]]}, "repeated_input", ["'vector'", "twice"]),
        (changed("count", datatype="INT32"), "wrong_datatype", ["'count'", "INT32", "INT64"]),
        (changed("count", data=[1.5]), "wrong_value", ["'count'", "float", "INT64"]),
        (changed("count", data=["7"]), "wrong_value", ["'count'", "INT64"]),
        (changed("count", data=[None]), "wrong_value", ["count", "null"]),
        (changed("count", data=[2**63]), "wrong_value", ["count", "int64"]),
        (changed("small", data=[2**31]), "wrong_value", ["small", "int32"]),
        (changed("flag", data=[1]), "wrong_value", ["flag", "true or false"]),
        (changed("temp", data=[True]), "wrong_value", ["temp", "true"]),
        (changed("name", data=[5]), "wrong_value", ["name", "string"]),
        (changed("vector", data=[1, None, 3]), "wrong_value", ["vector", "row 0", "null"]),
        (changed("vector", data=[1e39, 2, 3]), "wrong_value", ["vector", "float32"]),
        (changed("vector", shape=[1, 4], data=[1, 2, 3, 4]), "wrong_shape", ["'vector'", "[1, 4]", "[n, 3]"]),
        (changed("vector", data=[1, 2]), "wrong_shape", ["'vector'", "2 values", "3"]),
        (changed("vector", data=[[1, 2], [3]]), "wrong_shape", ["'vector'", "nested", "[1, 3]"]),
        (changed("temp", shape=[2], data=[1, 2]), "wrong_shape", ["'temp'", "2 rows", "'vector'"]),
        (changed("temp", shape=[], data=[]), "wrong_shape", ["'temp'", "[n]"]),
        (changed("temp", shape=[-1]), "wrong_shape", ["'temp'"]),
        (changed("temp", data=[[[1]]]), "wrong_value", ["'temp'"]),
        (changed("temp", parameters={"binary_data_size": 8}), "unsupported_parameter", ["'temp'", "binary_data_size"]),
        ({**body(), "parameters": {"priority": 1}}, "unsupported_parameter", ["priority"]),
        ({**body(), "outputs": [{"name": "scroe"}]}, "unknown_output", ["'scroe'", "score, label"]),
        (
            {**body(), "outputs": [{"name": "score", "parameters": {"classification": 2}}]},
            "unsupported_parameter",
            ["'score'", "classification"],
        ),
        ({**body(), "outputs": [{"name": "score"}, {"name": "score"}]}, "repeated_output", ["twice"]),
        ({**body(), "extra": 1}, "bad_body", ["extra"]),
        ({**body(), "id": 7}, "bad_body", ["id"]),
        ([], "bad_body", ["object"]),
        (b"", "bad_json", ["JSON"]),
        (b"\xff\xfe", "bad_json", ["JSON"]),
        (b"[" * 100_000, "bad_body", ["object"]),
        (b'{"inputs":' + b"[" * 100_000, "bad_body", ["object"]),
        (b'{"parameters":{"a":' + b"[" * 100_000, "bad_json", ["deep"]),
    ],
)
def test_what_is_wrong_is_named_with_what_is_expected(content: Any, code: str, words: list[str]) -> None:
    refusal = refused(content)
    assert (refusal.status, refusal.code) == (400, code), refusal
    for word in words:
        assert word in refusal.what


def test_a_time_that_cannot_be_read_is_refused_the_same_way_alone_and_gathered() -> None:
    content = json.dumps(changed("at", data=["2013-01-31 09:30"])).encode()
    singles = Singles(MIXED)
    with pytest.raises(Refusal) as parsed:
        read(content)
    with pytest.raises(Refusal) as gathered:
        singles.gather([singles.read(content)])
    assert parsed.value.what == gathered.value.what
    assert "input at, row 0: expected an ISO 8601 time with a zone" in parsed.value.what


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_nan_in_json_names_the_input_and_what_is_expected(number: str) -> None:
    content = json.dumps(changed("vector", data=[1, 2, 777])).replace("777", number).encode()
    assert refused(content).what == (
        "input 'vector' holds NaN or Infinity, which JSON cannot carry; expected FP32 of shape [n, 3]; missing is null"
    )


def test_outputs_are_those_asked_for_in_their_order() -> None:
    assert read({**body(), "outputs": [{"name": "label"}, {"name": "score"}]}).outputs == ("label", "score")
    assert read({**body(), "outputs": []}).outputs is None
    assert read({**body(), "outputs": [{"name": "score", "parameters": {"binary_data": False}}]}).outputs == ("score",)


def test_too_many_rows_are_refused_before_their_values_are_read() -> None:
    many = {"inputs": [{**one, "shape": [11, *one["shape"][1:]]} for one in body()["inputs"]]}
    with pytest.raises(Refusal, match="at most 10") as caught:
        read(many, rows=10)
    assert caught.value.status == 413


def same(one: Any, other: Any) -> bool:
    for field in MIXED:
        left, right = one[field.name], other[field.name]
        if left.dtype != right.dtype or left.shape != right.shape or repr(left.tolist()) != repr(right.tolist()):
            return False
    return True


rows = st.fixed_dictionaries(
    {
        "vector": st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=3, max_size=3),
        "temp": st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53),
        "count": st.integers(-(2**63), 2**63 - 1),
        "small": st.integers(-(2**31), 2**31 - 1),
        "flag": st.booleans(),
        "name": st.none() | st.text(),
        "at": st.datetimes(timezones=st.timezones()).map(lambda at: at.isoformat()).filter(lambda at: at[0] in "12"),
    }
)


@settings(max_examples=40)
@given(st.lists(rows, min_size=1, max_size=5), st.randoms())
def test_rows_read_one_by_one_and_gathered_are_what_parse_reads(many: list[dict[str, Any]], random: Any) -> None:
    singles = Singles(MIXED)
    texts = []
    for row in many:
        content = body(**row)
        random.shuffle(content["inputs"])
        texts.append(json.dumps(content).encode())
    try:
        expected = [read(text).columns for text in texts]
    except Refusal:  # an hour that no zone has, before year 1: what cast refuses must be refused by both
        with pytest.raises(Refusal):
            singles.gather([singles.read(text) for text in texts])
        return
    one_by_one = [singles.read(text) for text in texts]
    together = {field.name: np.concatenate([columns[field.name] for columns in expected]) for field in MIXED}
    assert same(singles.gather(one_by_one), together)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
keys = st.sampled_from(["name", "shape", "datatype", "data", "parameters", "id", "inputs", "outputs"])


@settings(max_examples=40)
@given(st.dictionaries(keys, json_values), st.integers(0, len(MIXED) - 1))
def test_whatever_a_tensor_holds_is_columns_or_a_400(strange: dict[str, Any], at: int) -> None:
    content = body()
    content["inputs"][at].update(strange)
    text = json.dumps(content).encode()
    asked = attempt(text)
    if isinstance(asked, Refusal):
        assert 400 <= asked.status < 500
        assert asked.what
        if (row := short(text)) is not None:  # only a time that parse cannot read may come this far
            with pytest.raises(Refusal):
                Singles(MIXED).gather([row])
    else:
        assert {len(column) for column in asked.columns.values()} == {asked.rows}


@given(st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_columns_or_a_400(content: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        read(content)
    assert caught.value.status == 400


@given(st.data())
def test_a_body_cut_or_changed_anywhere_is_columns_or_a_400(data: st.DataObject) -> None:
    whole = bytearray(json.dumps(body()).encode())
    at = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        del whole[at:]
    else:
        whole[at] = data.draw(st.integers(0, 255))
    text = bytes(whole)
    row, asked = short(text), attempt(text)
    if isinstance(asked, Refusal):
        assert asked.status == 400
    else:
        assert row is None or same(Singles(MIXED).gather([row]), asked.columns)
