"""Tensors as bytes: little-endian values row by row; BYTES elements each behind four bytes of length. Pure.

The binary tensor extension of REST and the raw contents of gRPC carry the same bytes.
"""

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from headgate.base.errors import BadInput
from headgate.gateway.protocols.asked import plain
from headgate.gateway.protocols.v2_json.datatypes import describe
from headgate.gateway.refusal import Refusal, bad
from headgate.registry.cast import cast
from headgate.registry.field import DType, Field

Array = npt.NDArray[Any]
LITTLE: Mapping[DType, np.dtype[Any]] = {
    "float32": np.dtype("<f4"),
    "float64": np.dtype("<f8"),
    "int32": np.dtype("<i4"),
    "int64": np.dtype("<i8"),
    "bool": np.dtype("u1"),
}
_length = struct.Struct("<I")


def unpack(field: Field, data: bytes | memoryview, rows: int) -> Array:
    """Return the column that these bytes hold, cast by the signature.

    NaN stands for missing, where the input may be missing. A string or time cannot be missing in this form.

    Raises:
        Refusal: The bytes are too few, too many, or hold what the signature does not take.
    """
    kind = LITTLE.get(field.dtype)
    values = _texts(field, bytes(data), rows) if kind is None else _numbers(field, data, rows, kind)
    shape = (rows,) if field.width is None else (rows, field.width)
    try:
        return cast(field, values.reshape(shape))
    except BadInput as error:
        raise wrong_value(error) from error


def wrong_value(error: BadInput) -> Refusal:
    """Return the refusal of a value that the signature's cast does not take."""
    return bad("wrong_value", f"input {error.where}: {error.what}")


def _numbers(field: Field, data: bytes | memoryview, rows: int, kind: np.dtype[Any]) -> Array:
    expected = rows * (field.width or 1) * kind.itemsize
    if len(data) != expected:
        what = f"input {field.name!r} has {len(data)} bytes of data, expected {expected}"
        raise bad("wrong_size", f"{what} ({describe(field)}, {rows} rows)")
    values = np.frombuffer(data, kind)
    if field.dtype != "bool":
        return values
    if values.size and int(values.max()) > 1:
        raise bad("wrong_value", f"input {field.name!r} holds a byte that is neither 0 nor 1; expected BOOL")
    return values.astype(np.bool_)


def _texts(field: Field, data: bytes, rows: int) -> Array:
    count, at = rows * (field.width or 1), 0
    found: list[bytes] = []
    end = len(data)
    while at < end and len(found) < count:
        if end - at < _length.size or (stop := at + _length.size + _length.unpack_from(data, at)[0]) > end:
            raise bad("wrong_size", f"input {field.name!r}: element {len(found)} is longer than the data that is there")
        found.append(data[at + _length.size : stop])
        at = stop
    if at != end or len(found) != count:
        what = f"input {field.name!r} has {len(found)}{'' if at == end else ' or more'} elements, expected {count}"
        raise bad("wrong_size", f"{what} ({describe(field)}, {rows} rows); each has 4 bytes of length, then its bytes")
    return texts(field, found)


def texts(field: Field, elements: list[bytes]) -> Array:
    """Return byte strings as a column of text.

    Raises:
        Refusal: One of them is not UTF-8.
    """
    column = np.empty(len(elements), object)
    try:
        column[:] = [element.decode() for element in elements]
    except UnicodeDecodeError as error:
        raise bad("wrong_value", f"input {field.name!r} holds bytes that are not UTF-8 text") from error
    return column


def pack(field: Field, values: Array) -> bytes:
    """Return the bytes of an output; a missing string is an empty one."""
    kind = LITTLE.get(field.dtype)
    if kind is not None:
        return values.astype(kind, copy=False).tobytes()
    elements = [(value or "").encode() for value in plain(field, values.reshape(-1))]
    return b"".join([part for element in elements for part in (_length.pack(len(element)), element)])
