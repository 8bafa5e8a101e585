"""Turn outside values into columns by the signature; nothing is ever inferred from the values.

The good path asks one question of a whole column (which Python types are in it?) and then converts it in one call; only
a column that fails is walked value by value, to say which row is wrong and why.
"""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from headgate.base.errors import BadInput
from headgate.registry.field import DType, Field
from headgate.registry.refusal import WANTED, refuse

Array = npt.NDArray[Any]

NUMPY: Mapping[DType, np.dtype[Any]] = {
    "float32": np.dtype(np.float32),
    "float64": np.dtype(np.float64),
    "int32": np.dtype(np.int32),
    "int64": np.dtype(np.int64),
    "bool": np.dtype(np.bool_),
    "string": np.dtype(object),
    "timestamp": np.dtype("datetime64[us]"),
}
# numpy kinds of arrays that a field takes: f float, i/u integers, b bool, M datetime64; everything else goes by value.
ARRAYS: Mapping[DType, str] = {
    "float32": "fiu",
    "float64": "fiu",
    "int32": "iu",
    "int64": "iu",
    "bool": "b",
    "string": "",
    "timestamp": "M",
}
ONLY_TEXT, ONLY_BOOL = frozenset({str}), frozenset({bool})
NONE = type(None)


def cast(field: Field, values: Sequence[Any] | Array) -> Array:
    """Return the values as the field's dtype and shape, [n] or [n, width].

    None (JSON null), NaN and NaT are missing. Numbers are never made from strings or booleans, whole numbers never from
    fractions. A numpy array is taken by its dtype; datetime64 is read as UTC.

    Returns:
        A numeric, bool or datetime64[us] array; strings as objects with None for missing; booleans that may be missing
        as objects too, once one of them is.

    Raises:
        BadInput: Naming field, first bad row, kind of value and what was expected: a wrong type, a value missing
            where none may be, a number out of range, rows of the wrong width.
    """
    if isinstance(values, np.ndarray):
        return _from_array(field, values)
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Sequence):
        raise refuse(field, None, values, "a list with one value a row")
    if field.width is None:
        return _from_list(field, values)
    return _from_list(field, _flat(field, values), field.width).reshape(len(values), field.width)


def _from_list(field: Field, values: Sequence[Any], width: int = 1) -> Array:
    try:
        return CASTS[field.dtype](field, values)
    except (TypeError, ValueError, OverflowError) as error:
        raise _explain(field, values, width) from error


def _flat(field: Field, rows: Sequence[Any]) -> list[Any]:
    expected = f"a list of {field.width} values"
    for kind in set(map(type, rows)) - {list, tuple}:
        row = next(at for at, value in enumerate(rows) if type(value) is kind)
        raise refuse(field, row, rows[row], expected)
    if set(map(len, rows)) - {field.width}:
        row = next(at for at, value in enumerate(rows) if len(value) != field.width)
        raise refuse(field, row, rows[row], expected)
    return list(chain.from_iterable(rows))


def _floats(field: Field, values: Sequence[Any]) -> Array:
    kinds = set(map(type, values))
    if not kinds <= {float, int}:
        if not (field.missing and kinds <= {float, int, NONE}):
            raise TypeError
    elif field.dtype == "float64" and _has_finite_sum(values):  # the common case, without a pass over an array
        return np.array(values, np.float64)
    return _narrow(field, np.array(values, np.float64))


def _has_finite_sum(values: Sequence[float]) -> bool:
    """Say whether no value can be NaN or infinite; False leaves it open."""
    try:
        return math.isfinite(sum(values))
    except OverflowError:
        return False


def _narrow(field: Field, wide: Array) -> Array:
    """Check what a float column may hold, and make it as narrow as the field."""
    if not np.isfinite(wide).all() and (np.isinf(wide).any() or not field.missing):
        raise ValueError
    if field.dtype == "float64":
        return np.ascontiguousarray(wide, np.float64)
    with np.errstate(over="raise", under="ignore"):
        try:
            return np.ascontiguousarray(wide, np.float32)
        except FloatingPointError as error:
            raise OverflowError from error


def _ints(field: Field, values: Sequence[Any]) -> Array:
    if set(map(type, values)) - {int}:
        raise TypeError
    return np.array(values, NUMPY[field.dtype])


def _bools(field: Field, values: Sequence[Any]) -> Array:
    kinds = set(map(type, values))
    if kinds <= ONLY_BOOL:
        return np.array(values, np.bool_)
    if not (field.missing and kinds <= {bool, NONE}):
        raise TypeError
    return _objects(values)


def _strings(field: Field, values: Sequence[Any]) -> Array:
    kinds = set(map(type, values))
    if kinds <= ONLY_TEXT:
        return _objects(values)
    if not field.missing or kinds - {str, NONE, float}:
        raise TypeError
    if float in kinds:  # pandas writes a missing string as NaN
        values = [None if value != value else value for value in values]  # noqa: PLR0124
        if float in set(map(type, values)):
            raise TypeError
    return _objects(values)


def _objects(values: Sequence[Any]) -> Array:
    column = np.empty(len(values), object)
    column[:] = values
    return column


_to_utc = operator.methodcaller("astimezone", UTC)
_drop_zone = operator.methodcaller("replace", tzinfo=None)


def _timestamps(field: Field, values: Sequence[Any]) -> Array:
    kinds = set(map(type, values))
    if kinds - {str, datetime, NONE} or (NONE in kinds and not field.missing):
        raise TypeError
    if kinds <= ONLY_TEXT:
        return _instants(list(map(datetime.fromisoformat, values)))
    column = np.full(len(values), "NaT", "datetime64[us]")
    there = [at for at, value in enumerate(values) if value is not None]
    read = [datetime.fromisoformat(values[at]) if isinstance(values[at], str) else values[at] for at in there]
    column[there] = _instants(read)
    return column


def _instants(times: list[datetime]) -> Array:
    zones = {time.tzinfo for time in times}
    if None in zones:
        raise ValueError
    if zones - {UTC}:
        times = list(map(_to_utc, times))
    return np.array(list(map(_drop_zone, times)), "datetime64[us]")


CASTS: Mapping[DType, Callable[[Field, Sequence[Any]], Array]] = {
    "float32": _floats,
    "float64": _floats,
    "int32": _ints,
    "int64": _ints,
    "bool": _bools,
    "string": _strings,
    "timestamp": _timestamps,
}


def _from_array(field: Field, values: Array) -> Array:
    if values.ndim != (1 if field.width is None else 2) or (field.width or 1) != (values.shape[1:] or (1,))[0]:
        shape = "[n]" if field.width is None else f"[n, {field.width}]"
        raise BadInput(
            f"{field.name} has shape {list(values.shape)}, expected {shape}",
            where=field.name,
            way_out="send one value a row" if field.width is None else f"send {field.width} values a row",
        )
    flat, width = values.reshape(-1), field.width or 1
    if values.dtype.kind in ARRAYS[field.dtype]:
        try:
            return _typed(field, flat).reshape(values.shape)
        except (ValueError, OverflowError) as error:
            raise _explain(field, flat.tolist(), width) from error
    if values.dtype.kind in "OUT":
        return _from_list(field, flat.tolist(), width).reshape(values.shape)
    raise refuse(field, None, values.dtype, WANTED[field.dtype])


def _typed(field: Field, flat: Array) -> Array:
    match field.dtype:
        case "float32" | "float64":
            return _narrow(field, flat)
        case "int32" | "int64":
            limits = np.iinfo(NUMPY[field.dtype])
            if flat.size and (int(flat.max()) > limits.max or int(flat.min()) < limits.min):
                raise OverflowError
        case "timestamp" if not field.missing and np.isnat(flat).any():
            raise ValueError
        case _:
            pass
    return np.ascontiguousarray(flat, NUMPY[field.dtype])


def _explain(field: Field, values: Sequence[Any], width: int) -> BadInput:
    """Find the first value that alone does not fit, and say so."""
    for at, value in enumerate(values):
        try:
            CASTS[field.dtype](field, [value])
        except (TypeError, ValueError, OverflowError):
            return refuse(field, at // width, value, WANTED[field.dtype])
    return refuse(field, None, values, WANTED[field.dtype])
