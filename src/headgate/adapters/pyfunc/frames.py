"""Frames between a gateway worker and a pyfunc process: a length, then msgpack. Numbers travel as raw bytes.

Nothing that arrives is ever run: no pickle.
"""

import socket
import struct
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
LENGTH = struct.Struct(">I")
NUMBERS = "fiub"


class Column(msgspec.Struct, array_like=True):
    """A column on its way: raw bytes of a numeric dtype, or strings and None as they are."""

    dtype: str
    shape: list[int]
    raw: bytes
    texts: list[str | None]


class Message(msgspec.Struct, array_like=True):
    """One frame.

    Attributes:
        kind: ``run`` asks; ``ready``, ``done``, ``refused`` (the model refuses the rows) and ``broken`` answer.
        why: For refused and broken: what the model said.
        columns: Features, or outputs.
    """

    kind: str
    why: str = ""
    columns: dict[str, Column] = {}


_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.Decoder(Message).decode


class Closed(Exception):
    """The other side is gone."""


def pack(columns: Mapping[str, Array]) -> dict[str, Column]:
    """Return columns as they travel."""
    return {name: _pack(values) for name, values in columns.items()}


def _pack(values: Array) -> Column:
    shape = list(values.shape)
    if values.dtype.kind in NUMBERS:
        return Column(values.dtype.str, shape, values.tobytes(), [])
    return Column("O", shape, b"", values.reshape(-1).tolist())


def unpack(columns: Mapping[str, Column]) -> dict[str, Array]:
    """Return columns as they were packed."""
    return {name: _unpack(column) for name, column in columns.items()}


def _unpack(column: Column) -> Array:
    if column.dtype != "O":
        return np.frombuffer(column.raw, np.dtype(column.dtype)).reshape(column.shape)
    texts = np.empty(len(column.texts), object)
    texts[:] = column.texts
    return texts.reshape(column.shape)


def send(plug: socket.socket, message: Message) -> None:
    """Write one frame."""
    data = _encode(message)
    plug.sendall(LENGTH.pack(len(data)) + data)


def receive(plug: socket.socket) -> Message:
    """Read one frame.

    Raises:
        Closed: The other side is gone, in the middle of a frame or between two.
        TimeoutError: It took longer than the socket's time-out.
    """
    (size,) = LENGTH.unpack(_exactly(plug, LENGTH.size))
    return _decode(_exactly(plug, size))


def _exactly(plug: socket.socket, size: int) -> bytearray:
    data = bytearray(size)
    view, got = memoryview(data), 0
    while got < size:
        count = plug.recv_into(view[got:])
        if not count:
            raise Closed
        got += count
    return data
