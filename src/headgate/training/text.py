"""Turn text columns into typed ones, exactly or not at all; a value that does not fit is named with its row.

Missing is an empty field; in columns of numbers, booleans and times also NA, NaN, null and their like. In string
columns those stay what they are: Namibia's code is NA.
"""

from collections.abc import Callable
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from headgate.base.errors import BadInput
from headgate.policy.model import ColumnType

Convert: TypeAlias = Callable[[pa.Array], pa.Array]
ARROW = {
    "float": pa.float64(),
    "int": pa.int64(),
    "string": pa.string(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", "UTC"),
}
MISSING = pa.array(["", "NA", "N/A", "#N/A", "NaN", "nan", "NAN", "null", "NULL", "None", "NaT"])
EXAMPLES = {
    "float": "a number such as 3.5",
    "int": "a whole number such as 3",
    "bool": "true or false",
    "string": "text in UTF-8",
    "timestamp": "a time with its zone, such as 2013-01-31T09:30:00-05:00 or ...Z",
}
SHOWN = 3


def parse(values: pa.Array, wanted: ColumnType) -> pa.Array:
    """Return a column of text as the wanted type, missing values as nulls.

    Raises:
        BadInput: Naming the first values that do not fit, and their rows (the header not counted).
    """
    if wanted == "string":
        return values
    trimmed = pc.utf8_trim_whitespace(values)
    known = pc.if_else(pc.is_in(trimmed, MISSING), pa.scalar(None, pa.string()), trimmed)
    return convert(known, wanted, _whole_numbers if wanted == "int" else lambda part: part.cast(ARROW[wanted]))


def convert(values: pa.Array, wanted: ColumnType, how: Convert) -> pa.Array:
    """Return `how(values)`; where it fails, find the rows and say what is wrong with them."""
    try:
        return how(values)
    except pa.ArrowInvalid:
        rows = first_failures(values, how)
    shown = ", ".join(f"{values[row].as_py()!r} at row {row + 1}" for row in rows)
    raise BadInput(f"{_complaint(values[rows[0]], wanted)}: {shown}", way_out=_way_out(values[rows[0]], wanted))


def first_failures(values: pa.Array, how: Convert) -> list[int]:
    """Return the first rows that `how` cannot convert, by halving: it costs a few passes and only on failure."""
    found: list[int] = []
    start = 0
    while len(found) < SHOWN and start < len(values) and not _works(values.slice(start), how):
        low, high = start, len(values)  # a failure lies in [low, high); none before low
        while high - low > 1:
            middle = (low + high) // 2
            if _works(values.slice(low, middle - low), how):
                low = middle
            else:
                high = middle
        found.append(low)
        start = low + 1
    return found


def _works(values: pa.Array, how: Convert) -> bool:
    try:
        how(values)
    except pa.ArrowInvalid:
        return False
    return True


def _whole_numbers(text: pa.Array) -> pa.Array:
    """Parse whole numbers; 3.0 counts as one, since that is how tables with missing values are often written."""
    try:
        return text.cast(pa.int64())
    except pa.ArrowInvalid:
        return pc.replace_substring_regex(text, r"(\d)\.0*$", r"\1").cast(pa.int64())


def _complaint(value: pa.Scalar, wanted: ColumnType) -> str:
    if wanted == "timestamp" and _lacks_zone(value):
        return "has times without a zone"
    if wanted == "timestamp" and _too_fine(value):
        return "has times finer than a microsecond"
    return f"is declared {wanted}, but holds"


def _way_out(value: pa.Scalar, wanted: ColumnType) -> str:
    if wanted == "timestamp" and _lacks_zone(value):
        return (
            "say which clock it is: 2013-01-31T09:30:00-05:00, or ...Z if it is UTC; a guess would shift the features"
        )
    if wanted == "timestamp" and _too_fine(value):
        return "round the times up to microseconds, so that nothing counts as known before it was"
    return f"write {EXAMPLES[wanted]}, leave the field empty if it is missing, or declare another type"


def _lacks_zone(value: pa.Scalar) -> bool:
    return _casts(value, pa.timestamp("ns"))


def _too_fine(value: pa.Scalar) -> bool:
    return _casts(value, pa.timestamp("ns", "UTC"))


def _casts(value: pa.Scalar, kind: pa.DataType) -> bool:
    return pa.types.is_string(value.type) and _works(pa.array([value.as_py()]), lambda part: part.cast(kind))
