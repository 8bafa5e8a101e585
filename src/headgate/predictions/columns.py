"""Turn numpy columns into the buffers of Arrow arrays. Pure; several pieces of one column become one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Piece: TypeAlias = bytes | memoryview  # a view of an array is not copied before it is written
Kind = Literal["utf8", "float32", "float64", "int16", "int32", "int64", "bool", "timestamp"]
WIDTHS = {"float32": "<f4", "float64": "<f8", "int16": "<i2", "int32": "<i4", "int64": "<i8"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the log.

    Attributes:
        name: Its name in the files.
        kind: Its type; timestamp is microseconds in UTC.
        width: None: one value a row; k: a list of k values.
    """

    name: str
    kind: Kind
    width: int | None = None


@dataclass(frozen=True, slots=True)
class Packed:
    """The buffers of one Arrow array.

    Attributes:
        nodes: (length, nulls) of the array and of its child.
        buffers: In Arrow's order; empty where there is nothing to say.
    """

    nodes: tuple[tuple[int, int], ...]
    buffers: tuple[Piece, ...]


def pack(column: Column, values: Array) -> Packed:
    """Return the buffers of a column: [n] values, or [n, k] of a column of lists."""
    if column.width is None:
        return _flat(column.kind, values)
    inner = _flat(column.kind, values.reshape(-1))
    return Packed(((len(values), 0), *inner.nodes), (b"", *inner.buffers))


def missing(column: Column, rows: int) -> Packed:
    """Return a column in which every value is missing."""
    none = bytes((rows + 7) // 8)
    if column.width is not None:
        inner = missing(Column(column.name, column.kind), rows * column.width)
        return Packed(((rows, rows), *inner.nodes), (none, *inner.buffers))
    if column.kind == "utf8":
        return Packed(((rows, rows),), (none, bytes(4 * rows + 4), b""))
    size = (rows + 7) // 8 if column.kind == "bool" else rows * int(WIDTHS.get(column.kind, "<i8")[2:])
    return Packed(((rows, rows),), (none, bytes(size)))


def repeated(texts: Sequence[bytes], counts: Sequence[int]) -> Packed:
    """Return a string column in which each text stands as often as its count says."""
    rows = sum(counts)
    sizes = np.repeat(np.fromiter(map(len, texts), np.int64, len(texts)), counts)
    data = b"".join([text * count for text, count in zip(texts, counts, strict=True)])
    return Packed(((rows, 0),), (b"", _offsets(sizes), data))


def _flat(kind: Kind, values: Array) -> Packed:
    return _PACKERS.get(kind, _numbers)(kind, values)


def _numbers(kind: Kind, values: Array) -> Packed:
    return Packed(((len(values), 0),), (b"", _bytes(np.ascontiguousarray(values, WIDTHS[kind]))))


def _booleans(_kind: Kind, values: Array) -> Packed:
    return Packed(((len(values), 0),), (b"", np.packbits(values.astype(bool), bitorder="little").tobytes()))


def _times(_kind: Kind, values: Array) -> Packed:
    if values.dtype.kind != "M":
        return Packed(((len(values), 0),), (b"", _bytes(np.ascontiguousarray(values, "<i8"))))
    gone = np.isnat(values)
    data = _bytes(values.astype("datetime64[us]").view("<i8"))
    return Packed(((len(values), int(gone.sum())),), (_valid(gone), data))


def _texts(_kind: Kind, values: Array) -> Packed:
    texts: list[Any] = values.tolist()
    gone = np.fromiter([text is None for text in texts], bool, len(texts))
    if gone.any():
        texts = ["" if text is None else text for text in texts]
    joined = "".join(texts).encode(errors="backslashreplace")
    sizes = np.fromiter(map(len, texts), np.int64, len(texts))
    if len(joined) != sizes.sum():  # not ASCII alone: a character is not a byte
        parts = [text.encode(errors="backslashreplace") for text in texts]
        joined, sizes = b"".join(parts), np.fromiter(map(len, parts), np.int64, len(parts))
    return Packed(((len(texts), int(gone.sum())),), (_valid(gone), _offsets(sizes), joined))


def _valid(gone: Array) -> bytes:
    return np.packbits(~gone, bitorder="little").tobytes() if gone.any() else b""


def _offsets(sizes: npt.NDArray[np.int64]) -> Piece:
    offsets = np.zeros(len(sizes) + 1, "<i4")
    np.cumsum(sizes, out=offsets[1:])
    return _bytes(offsets)


def _bytes(values: Array) -> memoryview:
    return values.view(np.uint8).reshape(-1).data if values.size else memoryview(b"")


_PACKERS: dict[Kind, Callable[[Kind, Array], Packed]] = {"bool": _booleans, "timestamp": _times, "utf8": _texts}
