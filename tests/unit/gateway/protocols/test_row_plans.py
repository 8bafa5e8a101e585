"""A row that a plan reads is the row that the long way reads, value by value and refusal by refusal."""

import json
import struct
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.features.predictor import Predictor
from headgate.gateway.grpc.messages import build
from headgate.gateway.grpc.translate import read
from headgate.gateway.protocols.asked import Asked
from headgate.gateway.protocols.v2_json.datatypes import datatype
from headgate.gateway.protocols.v2_json.packed import parse_packed
from headgate.gateway.protocols.v2_json.parse import parse
from headgate.gateway.protocols.v2_json.plans import MOST
from headgate.gateway.refusal import Refusal
from headgate.gateway.version import Loaded
from headgate.registry.bundle import Manifest
from headgate.registry.field import Field
from headgate.registry.ports import ModelRuntime
from headgate.registry.signature import Signature

FIELDS = (
    Field("whole", "int64"), Field("small", "int32"), Field("flag", "bool"), Field("text", "string"),
    Field("wide", "float64"), Field("gap", "float32", missing=True), Field("vector", "float32", 2),
    Field("gaps", "float64", 2, missing=True),
)  # fmt: skip
OUTPUTS = (Field("y", "float32"),)
SIZES = {"whole": 8, "small": 4, "flag": 1, "wide": 8, "gap": 4, "vector": 8, "gaps": 16}
GOOD = {
    "whole": struct.pack("<q", -5), "small": struct.pack("<i", 7), "flag": b"\x01", "text": b"\x03\0\0\0\xc3\xa9a",
    "wide": struct.pack("<d", 0.5), "gap": struct.pack("<f", np.nan), "vector": struct.pack("<2f", 1, 2),
    "gaps": struct.pack("<2d", np.nan, 3),
}  # fmt: skip
MESSAGES = build()


def loaded(fields: tuple[Field, ...] = FIELDS) -> Loaded:
    manifest = Manifest("m", "regression", "onnx", "", Signature(fields, fields, OUTPUTS), (), 1, {})
    return Loaded("1", "sha256:1", Predictor(manifest, cast("ModelRuntime", None)), lambda: None)


def head(row: Mapping[str, bytes], **more: Any) -> bytes:
    inputs = [
        {
            "name": field.name,
            "shape": [1] if field.width is None else [1, field.width],
            "datatype": datatype(field),
            "parameters": {"binary_data_size": len(row[field.name])},
        }
        for field in FIELDS
    ]
    return json.dumps({"inputs": inputs, **more}).encode()


def message(row: Mapping[str, bytes], **more: Any) -> Any:
    request = MESSAGES["ModelInferRequest"](
        model_name="m", raw_input_contents=[row[one.name] for one in FIELDS], **more
    )
    for field in FIELDS:
        request.inputs.add(
            name=field.name, datatype=datatype(field), shape=[1] if field.width is None else [1, field.width]
        )
    return request


def tried(call: Callable[[], Asked]) -> Any:
    try:
        asked = call()
    except Refusal as refusal:
        return refusal.code, refusal.what
    columns = {
        name: (values.dtype, values.shape, values.tolist() if values.dtype == object else values.tobytes())
        for name, values in asked.columns.items()
    }
    return asked.id, asked.rows, asked.outputs, columns


ODD = [np.nan, np.inf, -np.inf, -0.0]  # floats that random bytes seldom are


def of_size(name: str, size: int) -> st.SearchStrategy[bytes]:
    form = {"wide": "<d", "gap": "<f", "vector": "<ff", "gaps": "<dd"}.get(name)
    some = st.binary(min_size=size, max_size=size)
    if form is None:
        return some
    return some | st.sampled_from(ODD).map(lambda value: struct.pack(form, *[value] * (len(form) - 1)))


parts = st.fixed_dictionaries(
    {
        **{name: of_size(name, size) for name, size in SIZES.items()},
        "text": st.binary(max_size=3).map(lambda text: len(text).to_bytes(4, "little") + text) | st.binary(max_size=8),
    }
)
rows = parts | st.builds(lambda row, name: {**GOOD, name: row[name]}, parts, st.sampled_from([*GOOD]))


@given(rows)
def test_over_rest_a_known_head_reads_as_an_unknown_one(row: Mapping[str, bytes]) -> None:
    version, tail = loaded(), b"".join(row[field.name] for field in FIELDS)
    long_way = tried(lambda: parse(head(row), version.signature, 10, tail))
    like = {**GOOD, "text": bytes([max(0, len(row["text"]) - 4), 0, 0, 0]) + b"x" * max(0, len(row["text"]) - 4)}
    if len(like["text"]) == len(row["text"]):
        parse_packed(head(like), b"".join(like[field.name] for field in FIELDS), version, 10)
        assert version.plans.get(head(row)) is not None
    assert tried(lambda: parse_packed(head(row), tail, version, 10)) == long_way


@given(rows, st.sampled_from(["", "mine"]))
def test_over_grpc_a_known_request_reads_as_an_unknown_one(row: Mapping[str, bytes], name: str) -> None:
    version = loaded()
    long_way = tried(lambda: read(message(row, id=name), print, loaded(), 10))
    read(message(GOOD, id="another"), print, version, 10)
    assert tried(lambda: read(message(row, id=name), print, version, 10)) == long_way


def test_a_plan_is_for_what_was_said_and_no_more() -> None:
    version = loaded()
    read(message(GOOD), print, version, 10)
    strange = MESSAGES["ModelInferRequest"].FromString(message(GOOD).SerializeToString() + b"\xf8\x06\x01")
    with pytest.raises(Refusal, match="fields that this server does not know"):
        read(strange, print, version, 10)
    short = message(GOOD)
    del short.raw_input_contents[-1]
    with pytest.raises(Refusal, match="7 raw_input_contents for 8 inputs"):
        read(short, print, version, 10)


def test_the_id_and_the_outputs_of_a_known_head_are_its_own() -> None:
    version, tail = loaded(), b"".join(GOOD[field.name] for field in FIELDS)
    outputs = [{"name": "y", "parameters": {"binary_data": True}}]
    for _ in range(2):
        assert parse_packed(head(GOOD, id="a"), tail, version, 10).id == "a"
        asked = parse_packed(head(GOOD, outputs=outputs), tail, version, 10)
        assert (asked.id, asked.outputs, asked.write is None) == (None, ("y",), False)


def test_no_more_plans_are_kept_than_may_be() -> None:
    version, tail = loaded(), b"".join(GOOD[field.name] for field in FIELDS)
    for at in range(MOST + 2):
        parse_packed(head(GOOD, id=str(at)), tail, version, 10)
    known = [version.plans.get(head(GOOD, id=str(at))) is not None for at in range(MOST + 2)]
    assert sum(known) == 2
    assert known[-2:] == [True, True]


def test_times_and_several_rows_go_the_long_way() -> None:
    version = loaded((Field("at", "timestamp"),))
    time = b"\x14\0\0\x002026-01-01T00:00:00Z"
    one = {"name": "at", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": len(time)}}
    text = json.dumps({"inputs": [one]}).encode()
    assert str(parse_packed(text, time, version, 10).columns["at"][0]) == "2026-01-01T00:00:00.000000"
    assert version.plans.get(text) is None
