"""Rows and columns with names, as JSON or CSV, become columns cast by the signature.

Several protocols send these. A name that the model does not know is refused; one that it needs is asked for.
"""

import csv
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from itertools import chain
from typing import Any

import msgspec

from headgate.base.errors import BadInput
from headgate.gateway.protocols.v2_json.explain import UNREADABLE
from headgate.gateway.protocols.v2_json.tensors import wrong_value
from headgate.gateway.refusal import Refusal, bad
from headgate.registry.cast import cast
from headgate.registry.field import DType, Field
from headgate.registry.refusal import WANTED
from headgate.registry.signature import Columns, Signature

NAMED = "name the columns: {expected}"
TRUTH = {"true": True, "false": False}


def decode(decoder: "msgspec.json.Decoder[Any]", body: bytes) -> Any:
    """Decode a JSON body.

    Raises:
        Refusal: It is no JSON, or not of the decoder's form.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise bad("bad_body", f"the body is not what this path takes: {error}") from error
    except RecursionError as error:
        raise bad("bad_json", "the body is nested too deeply") from error
    except UNREADABLE as error:
        nan = "; JSON carries no NaN or Infinity: missing is null" if b"NaN" in body or b"Infinity" in body else ""
        raise bad("bad_json", f"the body is not JSON: {error}{nan}") from error


def from_rows(rows: Sequence[Any], signature: Signature, most: int) -> Columns:
    """Return the columns of one object a row.

    Raises:
        Refusal: A row is no object, lacks an input or has a strange one; there are none or too many.
    """
    check_count(len(rows), most)
    names = [field.name for field in signature.inputs]
    known = set(names)
    for at, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise bad("bad_body", f"row {at} is not an object; {NAMED.format(expected=', '.join(names))}")
        if row.keys() != known:
            check_names(row, signature, f"row {at}: ")
    return {field.name: column(field, [row[field.name] for row in rows]) for field in signature.inputs}


def from_columns(columns: Mapping[str, Any], signature: Signature, most: int) -> Columns:
    """Return columns that were sent as columns.

    Raises:
        Refusal: One is missing, strange, no list, or of another length.
    """
    check_names(columns, signature, "")
    first: tuple[str, int] | None = None
    for name, values in columns.items():
        if not isinstance(values, list):
            raise bad("bad_body", f"input {name!r} is not a list; expected one value a row")
        first = first or (name, len(values))
        if len(values) != first[1]:
            what = f"input {name!r} has {len(values)} rows, but {first[0]!r} has {first[1]}"
            raise bad("wrong_shape", f"{what}; expected the same number in every input")
    check_count(first[1] if first else 0, most)
    return {field.name: column(field, columns[field.name]) for field in signature.inputs}


def from_one(values: Sequence[Any], signature: Signature, most: int) -> Columns:
    """Return the column of values without a name, which only a model with one input can mean.

    Raises:
        Refusal: The model has several inputs.
    """
    if len(signature.inputs) != 1:
        expected = ", ".join(field.name for field in signature.inputs)
        raise bad("unnamed_input", f"the model has {len(signature.inputs)} inputs; {NAMED.format(expected=expected)}")
    check_count(len(values), most)
    field = signature.inputs[0]
    return {field.name: column(field, values)}


def from_csv(body: bytes, signature: Signature, most: int) -> Columns:
    """Return the columns of a CSV text with a header; an empty cell is missing.

    Raises:
        Refusal: It is no such text, or a cell does not hold what the signature says.
    """
    try:
        header, *rows = [row for row in csv.reader(StringIO(body.decode("utf-8-sig"), newline=""), strict=True) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise bad("bad_csv", f"the body is not CSV in UTF-8: {error}") from error
    except ValueError as error:
        raise bad("bad_csv", "the body is empty; expected CSV with a header line") from error
    if len(set(header)) != len(header):
        raise bad("repeated_input", "the header names a column twice")
    for at, row in enumerate(rows):
        if len(row) != len(header):
            raise bad("bad_csv", f"row {at} has {len(row)} cells, the header {len(header)}")
    check_names(dict.fromkeys(header), signature, "")
    check_count(len(rows), most)
    cells = dict(zip(header, zip(*rows, strict=True), strict=True))
    return {field.name: column(field, _read_cells(field, cells[field.name])) for field in signature.inputs}


def check_count(rows: int, most: int) -> None:
    """Refuse no row at all, and more than are allowed."""
    if rows < 1:
        raise bad("wrong_shape", "there is no row; expected at least one")
    if rows > most:
        raise Refusal(413, "too_many_rows", f"{rows} rows in one request, at most {most}: send several requests")


def check_names(found: Mapping[str, Any], signature: Signature, where: str) -> None:
    """Refuse a name that is not an input, and the lack of one that is."""
    names = [field.name for field in signature.inputs]
    for name in found:
        if name not in names:
            raise bad("unknown_input", f"{where}input {str(name)[:100]!r} is not known; expected: {', '.join(names)}")
    if missing := [name for name in names if name not in found]:
        raise bad("missing_input", f"{where}missing: input {', '.join(missing)}; a value that is missing is null")


def column(field: Field, values: Sequence[Any]) -> Any:
    """Return one column, cast by the signature; one value a row may come in a list of its own."""
    if field.width is None and values and all(type(value) is list and len(value) == 1 for value in values):
        values = list(chain.from_iterable(values))
    try:
        return cast(field, values)
    except BadInput as error:
        raise wrong_value(error) from error


def _number(cell: str) -> float:
    if "_" in cell:
        raise ValueError
    return float(cell)


def _whole(cell: str) -> int:
    if "_" in cell:
        raise ValueError
    return int(cell)


CELLS: Mapping[DType, Callable[[str], Any]] = {
    "float32": _number,
    "float64": _number,
    "int32": _whole,
    "int64": _whole,
    "bool": lambda cell: TRUTH[cell.lower()],
    "string": str,
    "timestamp": str,
}


def _read_cells(field: Field, cells: Sequence[str]) -> list[Any]:
    if field.width is not None:
        raise bad("wrong_shape", f"input {field.name!r} is a list of {field.width} values, which CSV cannot carry")
    read, empty = CELLS[field.dtype], "" if field.dtype == "string" and not field.missing else None
    values = []
    for at, cell in enumerate(cells):
        try:
            values.append(read(cell) if cell else empty)
        except (ValueError, KeyError) as error:
            what = f"input {field.name}, row {at}: expected {WANTED[field.dtype]}, got the text {cell[:40]!r}"
            raise bad("wrong_value", what) from error
    return values
