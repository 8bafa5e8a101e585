"""Say why an outside value does not fit a field: place, kind and what was expected; long values are never echoed."""

import math
from collections.abc import Mapping

import numpy as np

from headgate.base.errors import BadInput
from headgate.registry.field import DType, Field

WANTED: Mapping[DType, str] = {
    "float32": "a finite number within float32",
    "float64": "a finite number",
    "int32": "a whole number within int32",
    "int64": "a whole number within int64",
    "bool": "true or false",
    "string": "a string",
    "timestamp": "an ISO 8601 time with a zone, such as 2013-01-31T09:30:00Z",
}
SHOWN = 40
SHOWN_BITS = 128


def refuse(field: Field, row: int | None, value: object, expected: str) -> BadInput:
    """Return the error for a value that does not fit: where it is, what was expected, what it is."""
    place = field.name if row is None else f"{field.name}, row {row}"
    ask = f"{expected} or null" if field.missing else expected
    return BadInput(
        f"expected {ask}, got {name_value(value)}", where=place, way_out=f"send {field.name} as {field.dtype}"
    )


def name_value(value: object) -> str:
    """Name the kind of a value, and show it only while it is short."""
    match value:
        case None:
            name = "null (missing)"
        case bool():
            name = f"the boolean {str(value).lower()}"
        case float():
            name = "NaN (missing)" if math.isnan(value) else f"the number {value!r}"
        case int() if value.bit_length() > SHOWN_BITS:
            name = f"a whole number of {value.bit_length()} bits"
        case int():
            name = f"the whole number {value}"
        case str() if len(value) > SHOWN:
            name = f"a string of {len(value)} characters"
        case str():
            name = f"the string {value!r}"
        case list() | tuple():
            name = f"a list of {len(value)} values"
        case np.dtype():
            name = f"an array of {value}"
        case _:
            name = f"a value of type {type(value).__name__}"
    return name
