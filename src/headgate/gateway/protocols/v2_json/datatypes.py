"""How the protocol names types, and what JSON a tensor of each may hold."""

from collections.abc import Mapping
from typing import Any

from headgate.registry.field import DType, Field

DATATYPES: Mapping[DType, str] = {
    "float32": "FP32",
    "float64": "FP64",
    "int32": "INT32",
    "int64": "INT64",
    "bool": "BOOL",
    "string": "BYTES",
    "timestamp": "BYTES",
}


def datatype(field: Field) -> str:
    """Return the protocol's name of the field's type."""
    return DATATYPES[field.dtype]


def shape(field: Field) -> list[int]:
    """Return the shape of any number of rows; -1 stands for the rows."""
    return [-1] if field.width is None else [-1, field.width]


def describe(field: Field) -> str:
    """Say what a tensor of this field is, for an error."""
    wanted = "[n] or [n, 1]" if field.width is None else f"[n, {field.width}]"
    more = " holding ISO 8601 times with a zone" if field.dtype == "timestamp" else ""
    return f"{datatype(field)} of shape {wanted}{more}"


def metadata(field: Field) -> dict[str, Any]:
    """Return how the protocol describes the field."""
    return {"name": field.name, "datatype": datatype(field), "shape": shape(field)}
