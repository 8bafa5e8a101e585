"""Columns on their way between two processes of one machine: raw bytes of numbers and times, texts as they are. Pure.

Nothing that arrives is ever run: no pickle.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
RAW = "fiubM"


class Column(msgspec.Struct, array_like=True):
    """A column on its way: raw bytes of numbers or times, or strings and None as they are."""

    dtype: str
    shape: list[int]
    raw: bytes
    texts: list[str | None]


def pack(columns: Mapping[str, Array]) -> dict[str, Column]:
    """Return columns as they travel."""
    return {name: _pack(values) for name, values in columns.items()}


def _pack(values: Array) -> Column:
    shape = list(values.shape)
    if values.dtype.kind in RAW:
        return Column(values.dtype.str, shape, values.tobytes(), [])
    return Column("O", shape, b"", values.reshape(-1).tolist())


def unpack(columns: Mapping[str, Column]) -> dict[str, Array]:
    """Return columns as they were packed; numbers may not be changed.

    Raises:
        ValueError: What arrived is not what pack made.
        TypeError: It names a dtype that there is not.
    """
    return {name: _unpack(column) for name, column in columns.items()}


def _unpack(column: Column) -> Array:
    if column.dtype != "O":
        return np.frombuffer(column.raw, np.dtype(column.dtype)).reshape(column.shape)
    texts = np.empty(len(column.texts), object)
    texts[:] = column.texts
    return texts.reshape(column.shape)
