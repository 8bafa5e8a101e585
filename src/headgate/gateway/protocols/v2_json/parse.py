"""Turn any request body into columns, or say in a sentence what is wrong with it.

Columns are cast by the signature; nothing is inferred from the values. What is not supported is refused, never ignored.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

import msgspec
import numpy as np

from headgate.base.errors import BadInput
from headgate.gateway.protocols.v2_json.datatypes import datatype, describe
from headgate.gateway.refusal import Refusal, bad
from headgate.registry.cast import cast
from headgate.registry.field import Field
from headgate.registry.signature import Columns, Signature

UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
Scalar: TypeAlias = float | str | bool | None
WHOLE = ("int32", "int64")


class Tensor(msgspec.Struct, forbid_unknown_fields=True):
    """One input as it was sent; its data is read once its field is known."""

    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw
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


@dataclass(frozen=True, slots=True)
class Asked:
    """A request in the gateway's own form.

    Attributes:
        id: The client's own name for it; echoed.
        columns: Every input of the signature, cast by it, all of `rows` rows.
        rows: How many.
        outputs: The outputs that are wanted, in that order; None: all.
    """

    id: str | None
    columns: Columns
    rows: int
    outputs: tuple[str, ...] | None


_body = msgspec.json.Decoder(Body)
_flat = msgspec.json.Decoder(list[Scalar])
_flat_whole = msgspec.json.Decoder(list[int | None])
_nested = msgspec.json.Decoder(list[list[Scalar]])
_nested_whole = msgspec.json.Decoder(list[list[int | None]])


def parse(body: bytes, signature: Signature, most_rows: int) -> Asked:
    """Read a request body.

    Raises:
        Refusal: 400 (413 for too many rows), with a sentence that names the input and what is expected.
    """
    try:
        asked = _body.decode(body)
    except UNREADABLE as error:
        raise _explain(body, error, signature) from error
    _refuse_parameters("the request", asked.parameters)
    fields = {field.name: field for field in signature.inputs}
    rows = _check_inputs(asked.inputs, fields)
    if rows > most_rows:
        raise Refusal(413, "too_many_rows", f"{rows} rows in one request, at most {most_rows}: send several requests")
    columns = {tensor.name: _column(tensor, fields[tensor.name], rows) for tensor in asked.inputs}
    return Asked(asked.id, columns, rows, _wanted(asked.outputs, signature))


def _check_inputs(tensors: Sequence[Tensor], fields: Mapping[str, Field]) -> int:
    """Check names, types and shapes against the signature; return the number of rows."""
    seen: set[str] = set()
    rows: int | None = None
    for tensor in tensors:
        field = fields.get(tensor.name)
        if field is None:
            raise bad("unknown_input", f"input {tensor.name!r} is not known; expected: {', '.join(fields)}")
        if tensor.name in seen:
            raise bad("repeated_input", f"input {tensor.name!r} is there twice; send each input once")
        seen.add(tensor.name)
        _refuse_parameters(f"input {tensor.name!r}", tensor.parameters)
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


def wrong_value(error: BadInput) -> Refusal:
    """Return the refusal of a value that the signature's cast does not take."""
    return bad("wrong_value", f"input {error.where}: {error.what}")


def _is_nested(data: msgspec.Raw) -> bool:
    return bytes(data)[1:64].lstrip().startswith(b"[")


def _wanted(outputs: Sequence[Wanted] | None, signature: Signature) -> tuple[str, ...] | None:
    if not outputs:
        return None
    known = [field.name for field in signature.outputs]
    for output in outputs:
        if output.name not in known:
            raise bad("unknown_output", f"output {output.name!r} is not known; expected: {', '.join(known)}")
        _refuse_parameters(f"output {output.name!r}", output.parameters)
    names = tuple(output.name for output in outputs)
    if len(set(names)) < len(names):
        raise bad("repeated_output", "an output is asked for twice; ask for each output once")
    return names


def _refuse_parameters(where: str, parameters: Mapping[str, Any] | None) -> None:
    """Refuse parameters: each changes what is asked for, and none is supported; `binary_data: false` asks for JSON."""
    for name, value in (parameters or {}).items():
        if name in ("binary_data", "binary_data_output") and value is False:
            continue
        raise bad("unsupported_parameter", f"{where} has the parameter {name!r}, which is not supported; leave it out")


def _explain(body: bytes, error: Exception, signature: Signature) -> Refusal:
    if isinstance(error, msgspec.ValidationError):
        return bad("bad_body", f"the body is not an inference request: {error}")
    if isinstance(error, RecursionError):
        return bad("bad_json", "the body is nested too deeply")
    if (b"NaN" in body or b"Infinity" in body) and (name := _not_finite(body)):
        field = next((field for field in signature.inputs if field.name == name), None)
        expected = f"; expected {describe(field)}" if field else ""
        what = f"input {name!r} holds NaN or Infinity, which JSON cannot carry"
        return bad("bad_json", f"{what}{expected}; missing is null")
    return bad("bad_json", f"the body is not JSON: {error}")


def _not_finite(body: bytes) -> str | None:
    """Return the name of the first input that holds NaN or Infinity, as other JSON readers would read it."""
    try:
        inputs = json.loads(body, parse_constant=_Constant)["inputs"]
        return next((str(tensor["name"]) for tensor in inputs if _holds(tensor["data"])), None)
    except (ValueError, RecursionError, TypeError, LookupError, AttributeError):
        return None


class _Constant(str):
    __slots__ = ()


def _holds(data: Any) -> bool:
    return isinstance(data, _Constant) or (isinstance(data, list) and any(map(_holds, data)))
