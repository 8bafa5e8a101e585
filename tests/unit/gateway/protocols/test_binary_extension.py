"""The binary tensor extension: JSON head, bytes behind it, and every way in which the two can disagree."""

import json
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.gateway.http.exchange import Exchange
from headgate.gateway.http.head import Head
from headgate.gateway.protocols.asked import Asked, Told
from headgate.gateway.protocols.v2_json.binary import BinaryWriter, compose
from headgate.gateway.protocols.v2_json.parse import parse
from headgate.gateway.protocols.v2_json.tensors import unpack
from headgate.gateway.refusal import Refusal
from headgate.registry.field import Field
from headgate.registry.signature import Signature

FIELDS = (Field("a", "int32", 2), Field("b", "string"))
OUTPUTS = (Field("y", "float32"), Field("label", "string"))
SIGNATURE = Signature(FIELDS, FIELDS, OUTPUTS)
A, B = b"\x01\0\0\0\x02\0\0\0", b"\x02\0\0\0hi"


def head(*changes: dict[str, Any], **more: Any) -> bytes:
    first = {"name": "a", "shape": [1, 2], "datatype": "INT32", "parameters": {"binary_data_size": len(A)}}
    second = {"name": "b", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": len(B)}}
    inputs = [{**one, **change} for one, change in zip((first, second), (*changes, {}, {}), strict=False)]
    return json.dumps({"inputs": [{k: v for k, v in one.items() if v is not None} for one in inputs], **more}).encode()


def read(text: bytes, tail: bytes | None) -> Asked:
    return parse(text, SIGNATURE, 10, tail)


def test_bytes_follow_in_the_order_of_the_inputs() -> None:
    asked = read(head(), A + B)
    assert asked.columns["a"].tolist() == [[1, 2]]
    assert asked.columns["b"].tolist() == ["hi"]


def test_an_input_may_come_as_json_beside() -> None:
    asked = read(head({"parameters": None, "data": [7, 8]}), B)
    assert (asked.columns["a"].tolist(), asked.columns["b"].tolist()) == ([[7, 8]], ["hi"])


@pytest.mark.parametrize(
    ("text", "tail", "code", "words"),
    [
        (head(), None, "unsupported_parameter", "binary_data_size"),
        (head(), A, "wrong_size", "0 bytes are left"),
        (head(), A + B + b"x", "wrong_size", "1 bytes are left over"),
        (head({"parameters": {"binary_data_size": -1}}), A + B, "wrong_size", "-1"),
        (head({"parameters": {"binary_data_size": True}}), A + B, "wrong_size", "True"),
        (head({"parameters": {"binary_data_size": 1e99}}), A + B, "wrong_size", "1e+99"),
        (head({"parameters": {"binary_data_size": 10**30}}), A + B, "wrong_size", "1000000"),
        (head({"data": [1, 2]}), A + B, "bad_body", "has data and binary_data_size"),
        (head({"parameters": None}), B, "bad_body", "neither data nor binary_data_size"),
        (head({"shape": [2, 2]}, {"shape": [2]}), A + B, "wrong_size", "expected 16"),
        (
            head({"parameters": {"binary_data_size": 8, "shared_memory_region": "r"}}),
            A + B,
            "unsupported_parameter",
            "shared",
        ),
        (head(parameters={"binary_data_output": 1}), A + B, "unsupported_parameter", "binary_data_output"),
        (
            head(outputs=[{"name": "y", "parameters": {"binary_data": "yes"}}]),
            A + B,
            "unsupported_parameter",
            "binary_data",
        ),
    ],
)
def test_what_disagrees_is_refused(text: bytes, tail: bytes | None, code: str, words: str) -> None:
    with pytest.raises(Refusal) as caught:
        read(text, tail)
    assert (caught.value.status, caught.value.code) == (400, code), caught.value.what
    assert words in caught.value.what


@pytest.mark.parametrize(
    ("more", "binary"),
    [
        ({}, None),
        ({"parameters": {"binary_data_output": True}}, {"y", "label"}),
        ({"outputs": [{"name": "y", "parameters": {"binary_data": True}}, {"name": "label"}]}, {"y"}),
        (
            {
                "parameters": {"binary_data_output": True},
                "outputs": [{"name": "y", "parameters": {"binary_data": False}}, {"name": "label"}],
            },
            {"label"},
        ),
        ({"outputs": [{"name": "y", "parameters": {"binary_data": False}}]}, None),
    ],
)
def test_an_output_comes_in_the_form_that_is_asked_for(more: dict[str, Any], binary: set[str] | None) -> None:
    write: Any = read(head(**more), A + B).write
    assert (None if write is None else set(write.names)) == binary


def test_an_answer_has_its_bytes_behind_its_head() -> None:
    values = {"y": np.array([1.5, np.nan], np.float32), "label": np.array(["é", ""], object)}
    told = Told("m", "3", "id", 2, OUTPUTS, values, ())
    text, tail = compose({"y", "label"}, told)
    answer = json.loads(text)
    assert [one["parameters"]["binary_data_size"] for one in answer["outputs"]] == [8, 10]
    assert np.array_equal(np.frombuffer(tail[:8], "<f4"), values["y"], equal_nan=True)
    assert unpack(OUTPUTS[1], tail[8:], 2).tolist() == ["é", ""]
    mixed, rest = compose({"label"}, told)
    assert json.loads(mixed)["outputs"][0]["data"] == [1.5, None]
    assert rest == tail[8:]


class Kept:
    """An exchange that keeps its answer."""

    head = Head("POST", "/", {}, recent=True, keep_alive=True, length=0, handle=lambda _exchange, _body: None)

    def __init__(self) -> None:
        self.answer = b""

    def reply(self, answer: bytes) -> None:
        self.answer = answer


told = st.builds(
    lambda version, name, fields, rows: Told(
        "m",
        version,
        name,
        rows,
        fields,
        {"y": np.arange(rows, dtype=np.float32), "n": np.arange(rows), "label": np.array(["a"] * rows, object)},
        (),
    ),
    st.sampled_from("12"),
    st.sampled_from([None, None, "mine"]),
    st.sampled_from([(Field("y", "float32"),), (Field("y", "float32"), Field("n", "int64")), OUTPUTS]),
    st.integers(1, 2),
)


@given(st.lists(told, min_size=1, max_size=8), st.sampled_from([{"y"}, {"y", "n"}, {"y", "label"}]))
def test_what_is_remembered_of_an_answer_changes_no_later_one(answers: list[Told], names: set[str]) -> None:
    writer = BinaryWriter(names)
    for one in answers:
        used, fresh = Kept(), Kept()
        writer(cast("Exchange", used), one)
        BinaryWriter(names)(cast("Exchange", fresh), one)
        assert used.answer == fresh.answer


def attempt(call: Callable[[], Any]) -> Any:
    """Return what a call returns, or its refusal."""
    try:
        return call()
    except Refusal as refusal:
        return refusal


@given(st.binary(max_size=40), st.integers(0, 60))
def test_any_tail_is_columns_or_a_400(tail: bytes, size: int) -> None:
    asked = attempt(lambda: read(head({"parameters": {"binary_data_size": size}}), tail))
    if isinstance(asked, Refusal):
        assert asked.status == 400
    else:
        assert len(tail) == size + len(B)
