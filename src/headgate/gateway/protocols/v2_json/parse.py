"""Turn any request body into columns, or say in a sentence what is wrong with it.

Columns are cast by the signature; nothing is inferred from the values. What is not supported is refused, never ignored.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, TypeAlias

import msgspec
import numpy as np

from headgate.base.errors import BadInput
from headgate.gateway.protocols.asked import Asked, Write
from headgate.gateway.protocols.v2_json.binary import BinaryWriter
from headgate.gateway.protocols.v2_json.datatypes import datatype, describe
from headgate.gateway.protocols.v2_json.explain import UNREADABLE, explain
from headgate.gateway.protocols.v2_json.tensors import unpack, wrong_value
from headgate.gateway.refusal import Refusal, bad
from headgate.registry.cast import cast
from headgate.registry.field import Field
from headgate.registry.signature import Signature

__all__ = ["Asked", "parse"]

Scalar: TypeAlias = float | str | bool | None
WHOLE = ("int32", "int64")
BINARY, BINARY_SIZE, ALL_BINARY = "binary_data", "binary_data_size", "binary_data_output"


class Tensor(msgspec.Struct, forbid_unknown_fields=True):
    """One input as it was sent; its data is read once its field is known."""

    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw = msgspec.Raw(b"")
    parameters: dict[str, Any] | None = None


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    """An output that the client asks for."""

    name: str
    parameters: dict[str, Any] | None = None


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """A request body."""

    inputs: list[Tensor]
    id: str | None = None
    parameters: dict[str, Any] | None = None
    outputs: list[Wanted] | None = None


_body = msgspec.json.Decoder(Body)
_flat = msgspec.json.Decoder(list[Scalar])
_flat_whole = msgspec.json.Decoder(list[int | None])
_nested = msgspec.json.Decoder(list[list[Scalar]])
_nested_whole = msgspec.json.Decoder(list[list[int | None]])


def parse(body: bytes, signature: Signature, most_rows: int, tail: bytes | None = None) -> Asked:
    """Read a request body.

    Args:
        body: JSON.
        signature: The model's.
        most_rows: Of one request.
        tail: The bytes behind the JSON, in the binary tensor extension.

    Raises:
        Refusal: 400 (413 for too many rows), with a sentence that names the input and what is expected.
    """
    try:
        asked = _body.decode(body)
    except UNREADABLE as error:
        raise explain(body, error, signature.inputs) from error
    refuse_parameters("the request", asked.parameters, ALL_BINARY)
    rows = check_inputs(asked.inputs, signature, most_rows, () if tail is None else (BINARY_SIZE,))
    fields = {field.name: field for field in signature.inputs}
    tails = _cut(asked.inputs, tail or b"")
    columns = {
        tensor.name: _column(tensor, fields[tensor.name], rows)
        if tensor.name not in tails
        else unpack(fields[tensor.name], tails[tensor.name], rows)
        for tensor in asked.inputs
    }
    names = check_outputs(asked.outputs, signature, (BINARY,))
    return Asked(asked.id, columns, rows, names, _binary(asked, names, signature))


def _cut(tensors: Sequence[Tensor], tail: bytes) -> dict[str, memoryview]:
    """Return the bytes of every tensor that has some behind the JSON."""
    view, at, cuts = memoryview(tail), 0, {}
    for tensor in tensors:
        size = (tensor.parameters or {}).get(BINARY_SIZE)
        if (size is None) is (not bytes(tensor.data)):
            what = "has neither data nor binary_data_size" if size is None else "has data and binary_data_size"
            raise bad("bad_body", f"input {tensor.name!r} {what}; expected one of them")
        if size is None:
            continue
        if type(size) is not int or not 0 <= size <= len(tail) - at:
            what = f"input {tensor.name!r} says binary_data_size {str(size)[:20]}; {len(tail) - at} bytes are left"
            raise bad("wrong_size", what)
        cuts[tensor.name] = view[at : at + size]
        at += size
    if at != len(tail):
        raise bad("wrong_size", f"{len(tail) - at} bytes are left over behind the last binary tensor")
    return cuts


def _binary(asked: Body, names: Sequence[str] | None, signature: Signature) -> Write | None:
    """Return what writes the outputs that are wanted as bytes; None when none is."""
    every = bool((asked.parameters or {}).get(ALL_BINARY, False))
    if asked.outputs:
        wanted = [one.name for one in asked.outputs if (one.parameters or {}).get(BINARY, every)]
    else:
        wanted = [field.name for field in signature.outputs] if every and names is None else []
    return BinaryWriter(wanted) if wanted else None


def check_inputs(tensors: Sequence[Tensor], signature: Signature, most_rows: int, parameters: Sequence[str]) -> int:
    """Check names, types, shapes and parameters against the signature; return the number of rows."""
    fields = {field.name: field for field in signature.inputs}
    seen: set[str] = set()
    rows: int | None = None
    for tensor in tensors:
        field = fields.get(tensor.name)
        if field is None:
            raise bad("unknown_input", f"input {tensor.name!r} is not known; expected: {', '.join(fields)}")
        if tensor.name in seen:
            raise bad("repeated_input", f"input {tensor.name!r} is there twice; send each input once")
        seen.add(tensor.name)
        refuse_parameters(f"input {tensor.name!r}", tensor.parameters, *parameters)
        if tensor.datatype != datatype(field):
            raise bad("wrong_datatype", f"input {tensor.name!r} is {tensor.datatype}, expected {describe(field)}")
        if not _fits(tensor.shape, field):
            raise bad("wrong_shape", f"input {tensor.name!r} has shape {tensor.shape}, expected {describe(field)}")
        if rows is not None and tensor.shape[0] != rows:
            what = f"input {tensor.name!r} has {tensor.shape[0]} rows, but {tensors[0].name!r} has {rows}"
            raise bad("wrong_shape", f"{what}; expected the same number in every input")
        rows = tensor.shape[0]
    if missing := [field for name, field in fields.items() if name not in seen]:
        listed = "; ".join(f"{field.name!r} ({describe(field)})" for field in missing)
        raise bad("missing_input", f"missing: input {listed}")
    if (rows or 0) > most_rows:
        raise Refusal(413, "too_many_rows", f"{rows} rows in one request, at most {most_rows}: send several requests")
    return rows or 0


def _fits(shape: Sequence[int], field: Field) -> bool:
    if not shape or shape[0] < 1:
        return False
    rest = list(shape[1:])
    return rest in ([], [1]) if field.width is None else rest == [field.width]


def _column(tensor: Tensor, field: Field, rows: int) -> np.ndarray[Any, Any]:
    values = _values(tensor, field, rows)
    if field.width is not None:
        values = [values[at : at + field.width] for at in range(0, len(values), field.width)]
    try:
        return cast(field, values)
    except BadInput as error:
        raise wrong_value(error) from error


def _values(tensor: Tensor, field: Field, rows: int) -> list[Any]:
    """Return the tensor's values, row by row in one list, from flat or nested data."""
    whole = field.dtype in WHOLE
    width = field.width or 1
    try:
        values: list[Any] = (_flat_whole if whole else _flat).decode(tensor.data)
    except UNREADABLE as flat_error:
        try:
            nested = (_nested_whole if whole else _nested).decode(tensor.data)
        except UNREADABLE as nested_error:
            error = nested_error if _is_nested(tensor.data) else flat_error
            raise bad("wrong_value", f"input {tensor.name!r}: {error}; expected {describe(field)}") from error
        if tensor.shape[1:] and len(nested) == rows and set(map(len, nested)) == {width}:
            return list(chain.from_iterable(nested))
        what = f"input {tensor.name!r}: its nested data does not have shape {tensor.shape}"
        raise bad("wrong_shape", f"{what}; expected {describe(field)}") from flat_error
    if len(values) != rows * width:
        what = f"input {tensor.name!r} has {len(values)} values for shape {tensor.shape}"
        raise bad("wrong_shape", f"{what}; expected {rows * width} ({describe(field)})")
    return values


def _is_nested(data: msgspec.Raw) -> bool:
    return bytes(data)[1:64].lstrip().startswith(b"[")


def check_outputs(
    outputs: Sequence[Wanted] | None, signature: Signature, parameters: Sequence[str]
) -> tuple[str, ...] | None:
    """Return the names of the outputs that are wanted; None: all."""
    if not outputs:
        return None
    known = [field.name for field in signature.outputs]
    for output in outputs:
        if output.name not in known:
            raise bad("unknown_output", f"output {output.name!r} is not known; expected: {', '.join(known)}")
        refuse_parameters(f"output {output.name!r}", output.parameters, *parameters)
    names = tuple(output.name for output in outputs)
    if len(set(names)) < len(names):
        raise bad("repeated_output", "an output is asked for twice; ask for each output once")
    return names


def refuse_parameters(where: str, parameters: Mapping[str, Any] | None, *known: str) -> None:
    """Refuse parameters that are not known: each changes what is asked for; `binary_data: false` asks for JSON."""
    for name, value in (parameters or {}).items():
        if name in (BINARY, ALL_BINARY) and (value is False or (value is True and name in known)):
            continue
        if name not in known or name in (BINARY, ALL_BINARY):
            what = f"{where} has the parameter {name!r}, which is not supported"
            raise bad("unsupported_parameter", f"{what}; leave it out")
