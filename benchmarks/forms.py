"""The row like a flight as each form of the protocol carries it."""

from collections.abc import Sequence
from typing import Any

import msgspec

from benchmarks import bundles
from headgate.gateway.grpc.messages import build
from headgate.gateway.protocols.v2_json.datatypes import datatype
from headgate.gateway.protocols.v2_json.tensors import pack
from headgate.registry.cast import cast
from headgate.registry.field import Field

JSON = {"inputs": [bundles.row(field, at) for at, field in enumerate(bundles.FLIGHT)]}


def tensors(fields: Sequence[Field] = bundles.FLIGHT) -> list[bytes]:
    """Return the bytes of each column's value."""
    sent = {one["name"]: one["data"] for one in JSON["inputs"]}
    return [pack(field, cast(field, sent[field.name])) for field in fields]


def binary() -> tuple[bytes, int]:
    """Return V2's binary form, its output asked for as bytes, and how much of it is JSON."""
    parts = tensors()
    inputs = [
        {"name": field.name, "shape": [1], "datatype": datatype(field), "parameters": {"binary_data_size": len(part)}}
        for field, part in zip(bundles.FLIGHT, parts, strict=True)
    ]
    outputs = [{"name": "probability", "parameters": {"binary_data": True}}]
    head = msgspec.json.encode({"inputs": inputs, "outputs": outputs})
    return head + b"".join(parts), len(head)


def message() -> Any:
    """Return the message of gRPC's ModelInfer."""
    request = build()["ModelInferRequest"](model_name="flight", raw_input_contents=tensors())
    for field in bundles.FLIGHT:
        request.inputs.add(name=field.name, datatype=datatype(field), shape=[1])
    return request
