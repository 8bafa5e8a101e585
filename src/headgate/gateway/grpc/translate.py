"""Turn gRPC inference messages into the gateway's form and back. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from headgate.base.errors import BadInput
from headgate.gateway.grpc.messages import strangers
from headgate.gateway.protocols.asked import Asked, Told, Write
from headgate.gateway.protocols.v2_json.datatypes import datatype, describe
from headgate.gateway.protocols.v2_json.parse import Tensor, Wanted, check_inputs, check_outputs, refuse_parameters
from headgate.gateway.protocols.v2_json.tensors import pack, texts, unpack, wrong_value
from headgate.gateway.refusal import bad
from headgate.gateway.version import Loaded
from headgate.registry.cast import NUMPY, cast
from headgate.registry.field import DType, Field

CONTENTS: Mapping[DType, str] = {
    "float32": "fp32_contents",
    "float64": "fp64_contents",
    "int32": "int_contents",
    "int64": "int64_contents",
    "bool": "bool_contents",
    "string": "bytes_contents",
    "timestamp": "bytes_contents",
}


def read(request: Any, write: Write, loaded: Loaded, most: int) -> Asked:
    """Return a ModelInferRequest in the gateway's form: a row that says what an earlier one said by that one's plan.

    Raises:
        Refusal: It does not fit the signature, or holds what is not supported.
    """
    parts, name = list(request.raw_input_contents), request.id
    if not parts:
        return _read(request, write, loaded, most)
    said = _said(request, parts, name)
    plan = loaded.call_plans.get(said)
    if plan is not None and (row := plan.row(parts)) is not None:
        return Asked(name or None, row, 1, plan.outputs, write)
    asked = _read(request, write, loaded, most)
    if plan is None and loaded.call_plans.wants(said, asked):
        loaded.call_plans.learn(said, asked, [one.name for one in request.inputs])
    return asked


def _said(request: Any, parts: Sequence[bytes], name: str) -> bytes:
    """Return the bytes of all that a request says beside its values and its id, fields that are not known included."""
    request.ClearField("raw_input_contents")
    request.ClearField("id")
    said: bytes = request.SerializeToString()
    request.raw_input_contents.extend(parts)
    request.id = name
    return said


def _read(request: Any, write: Write, loaded: Loaded, most: int) -> Asked:
    if strangers(request):
        raise bad("unknown_field", "the request has fields that this server does not know")
    refuse_parameters("the request", parameters(request.parameters))
    tensors = [
        Tensor(one.name, list(one.shape), one.datatype, parameters=parameters(one.parameters)) for one in request.inputs
    ]
    signature = loaded.signature
    rows = check_inputs(tensors, signature, most, ())
    fields = {field.name: field for field in signature.inputs}
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise bad("wrong_size", f"{len(raw)} raw_input_contents for {len(request.inputs)} inputs; expected one each")
    columns = {
        one.name: _column(fields[one.name], one, raw[at] if raw else None, rows)
        for at, one in enumerate(request.inputs)
    }
    wanted = [Wanted(one.name, parameters(one.parameters)) for one in request.outputs]
    return Asked(request.id or None, columns, rows, check_outputs(wanted, signature, ("binary_data",)), write)


def parameters(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as plain values."""
    return {name: getattr(value, value.WhichOneof("parameter_choice") or "", None) for name, value in sent.items()}


def _column(field: Field, tensor: Any, raw: bytes | None, rows: int) -> Any:
    sent: Sequence[str] = [one.name for one, _ in tensor.contents.ListFields()]
    if raw is not None:
        if sent:
            raise bad("bad_body", f"input {field.name!r} has contents beside raw_input_contents; expected one of them")
        return unpack(field, raw, rows)
    kind = CONTENTS[field.dtype]
    if strange := [name for name in sent if name != kind]:
        raise bad("wrong_datatype", f"input {field.name!r} has {strange[0]}, expected {kind} ({describe(field)})")
    values = list(getattr(tensor.contents, kind))
    expected = rows * (field.width or 1)
    if len(values) != expected:
        raise bad(
            "wrong_size", f"input {field.name!r} has {len(values)} values, expected {expected} ({describe(field)})"
        )
    return _cast(field, values, rows)


def _cast(field: Field, values: list[Any], rows: int) -> Any:
    column = texts(field, values) if datatype(field) == "BYTES" else np.array(values, NUMPY[field.dtype])
    try:
        return cast(field, column.reshape((rows,) if field.width is None else (rows, field.width)))
    except BadInput as error:
        raise wrong_value(error) from error


def tell(messages: Mapping[str, Any], told: Told) -> Any:
    """Return the answer as a ModelInferResponse with raw contents."""
    outputs = [
        messages["ModelInferResponse.InferOutputTensor"](
            name=field.name,
            datatype=datatype(field),
            shape=[told.rows] if field.width is None else [told.rows, field.width],
        )
        for field in told.fields
    ]
    return messages["ModelInferResponse"](
        model_name=told.model,
        model_version=told.version,
        id=told.id or "",
        outputs=outputs,
        raw_output_contents=[pack(field, told.values[field.name]) for field in told.fields],
    )
