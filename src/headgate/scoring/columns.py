"""Turn a piece of a file into the columns that a bundle takes, whole columns at a time, and say which rows cannot be.

A file is typed as training types it (training.table), and then held to the signature as the gateway holds a request: no
missing value where none may be, no infinity, nothing beyond the field's range. Nothing is read or written here.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headgate.base.errors import BadInput
from headgate.policy.model import ColumnType
from headgate.registry.cast import NUMPY
from headgate.registry.field import Columns, DType, Field
from headgate.training.table import check_names, together, typed

Array = npt.NDArray[Any]
KINDS: Mapping[DType, ColumnType] = {
    "float32": "float",
    "float64": "float",
    "int32": "int",
    "int64": "int",
    "bool": "bool",
    "string": "string",
    "timestamp": "timestamp",
}
NO_VALUE, NO_NUMBER, TOO_LARGE = "is missing, and may not be", "is infinite", "is out of range for"


@dataclass(frozen=True, slots=True)
class Taken:
    """The columns of some rows.

    Attributes:
        columns: By the signature; what stands in a bad row means nothing.
        bad: Row (from 0) -> what is wrong with it.
    """

    columns: Columns
    bad: Mapping[int, str]


def check_schema(schema: pa.Schema, fields: Sequence[Field], where: str) -> None:
    """Refuse a file whose columns or types can never be the signature's, all problems in one error.

    Raises:
        BadInput: With the columns.
    """
    check_names([field.name for field in fields], schema.names, where)
    problems = []
    for field in fields:
        try:
            _typed(field, pa.array([], schema.field(field.name).type))
        except BadInput as error:
            problems.append(BadInput(f"column {field.name} {error.what}", way_out=f"{field.name}: {error.way_out}"))
    if problems:
        raise together(problems, where)


def take(fields: Iterable[Field], piece: pa.RecordBatch) -> Taken:
    """Return the columns of a piece, and which of its rows cannot be answered."""
    columns: dict[str, Array] = {}
    bad: dict[int, str] = {}
    for field in fields:
        values, unread = _read(field, piece.column(field.name))
        columns[field.name], wrong = _hold(field, values)
        for at, why in {**wrong, **unread}.items():
            bad.setdefault(at, f"{field.name} {why}")
    return Taken(columns, bad)


def _read(field: Field, values: pa.Array) -> tuple[pa.Array, dict[int, str]]:
    """Return a column typed, and why some rows could not be read (a filler stands there)."""
    try:
        return _typed(field, values), {}
    except BadInput:
        wrong = {at: _reason(field, values.slice(at, 1)) for at in find_all(values, lambda part: _typed(field, part))}
        keep = np.ones(len(values), np.bool_)
        keep[list(wrong)] = False
        return _typed(field, pc.if_else(pa.array(keep), values, _filler(field, values.type))), wrong


def _filler(field: Field, kind: pa.DataType) -> pa.Scalar:
    return pa.scalar(None if field.width is None else [0] * field.width, kind)


def _reason(field: Field, value: pa.Array) -> str:
    try:
        _typed(field, value)
    except BadInput as error:
        return error.what.replace(" at row 1", "")
    return "cannot be read"


def find_all(values: Any, works: Callable[[Any], object]) -> list[int]:
    """Return every place whose value alone raises BadInput, by halving: cheap where few are wrong."""
    found, left = [], [(0, len(values))]
    while left:
        start, count = left.pop()
        try:
            works(values.slice(start, count))
        except BadInput:
            if count == 1:
                found.append(start)
            elif count:
                half = count // 2
                left += [(start + half, count - half), (start, half)]
    return found


def _typed(field: Field, values: pa.Array) -> pa.Array:
    """Return a column as Arrow has the field's type; floats stay as wide as the file has them."""
    if field.width is not None:
        return _vectors(field, values)
    if KINDS[field.dtype] == "float" and pa.types.is_floating(values.type) and values.type != pa.float16():
        return values
    return typed(values, KINDS[field.dtype])


def _vectors(field: Field, values: pa.Array) -> pa.Array:
    kind, width = values.type, field.width or 0
    if not (pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        raise BadInput(f"holds {kind}, but a row takes {width} values", way_out="write a list of values in each row")
    inner = Field(field.name, field.dtype)
    if pa.types.is_fixed_size_list(kind):
        if kind.list_size != width:
            raise BadInput(
                f"holds {kind.list_size} values a row, expected {width}", way_out="write as many as it takes"
            )
    elif not pc.all(pc.equal(pc.list_value_length(values), width), skip_nulls=True, min_count=0).as_py():
        raise BadInput(f"holds lists that are not of {width} values", way_out="write as many as it takes")
    if values.null_count:
        raise BadInput("holds a missing list", way_out="write a list in every row")
    return pa.FixedSizeListArray.from_arrays(_typed(inner, values.flatten()), width)


def _hold(field: Field, values: pa.Array) -> tuple[Array, dict[int, str]]:
    """Return a typed column as the signature has it, and which rows break what it says."""
    if field.width is None:
        return _flat(field, values)
    flat, wrong = _flat(field, values.flatten())
    return flat.reshape(len(values), field.width), {at // field.width: why for at, why in reversed(wrong.items())}


def _flat(field: Field, values: pa.Array) -> tuple[Array, dict[int, str]]:
    match KINDS[field.dtype]:
        case "float":
            return _floats(field, values)
        case "int":
            return _ints(field, values)
        case "string":
            return _texts(values), _missing(field, values)
        case "bool":
            return _bools(field, values), _missing(field, values)
        case "timestamp":
            times = values.cast(pa.timestamp("us")).to_numpy(zero_copy_only=False)
            return np.ascontiguousarray(times, "datetime64[us]"), _missing(field, values)


def _missing(field: Field, values: pa.Array) -> dict[int, str]:
    if field.missing or not values.null_count:
        return {}
    return dict.fromkeys(np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False)).tolist(), NO_VALUE)


def _floats(field: Field, values: pa.Array) -> tuple[Array, dict[int, str]]:
    wide = values.to_numpy(zero_copy_only=False)  # a null is NaN
    with np.errstate(over="ignore", under="ignore"):
        column = np.ascontiguousarray(wide, NUMPY[field.dtype])
    if np.isfinite(column).all():
        return column, {}
    missing, infinite = np.isnan(wide), np.isinf(wide)
    wrong = dict.fromkeys(np.flatnonzero(missing).tolist(), NO_VALUE) if not field.missing else {}
    wrong |= dict.fromkeys(np.flatnonzero(infinite).tolist(), NO_NUMBER)
    beyond = np.isinf(column) & ~infinite
    return column, wrong | dict.fromkeys(np.flatnonzero(beyond).tolist(), f"{TOO_LARGE} {field.dtype}")


def _ints(field: Field, values: pa.Array) -> tuple[Array, dict[int, str]]:
    wrong = dict.fromkeys(np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False)).tolist(), NO_VALUE)
    wide = (values.fill_null(0) if values.null_count else values).to_numpy()
    limits = np.iinfo(NUMPY[field.dtype])
    beyond = np.flatnonzero((wide < limits.min) | (wide > limits.max)) if field.dtype == "int32" else ()
    wrong |= dict.fromkeys(np.asarray(beyond).tolist(), f"{TOO_LARGE} {field.dtype}")
    return np.ascontiguousarray(wide, NUMPY[field.dtype]), wrong


def _texts(values: pa.Array) -> Array:
    """Return strings as objects, None for missing; equal ones share one object, which is quick where few differ."""
    coded = values.dictionary_encode()
    words = np.empty(len(coded.dictionary) + 1, object)
    words[:-1] = coded.dictionary.to_pylist()
    codes = coded.indices.fill_null(len(coded.dictionary)) if coded.null_count else coded.indices
    chosen: Array = words[codes.to_numpy()]
    return chosen


def _bools(field: Field, values: pa.Array) -> Array:
    if field.missing and values.null_count:  # None stands for a missing one
        return np.array(values.to_pylist(), object)
    filled = values.fill_null(False) if values.null_count else values  # noqa: FBT003 - the value
    return np.asarray(filled.to_numpy(zero_copy_only=False), np.bool_)
