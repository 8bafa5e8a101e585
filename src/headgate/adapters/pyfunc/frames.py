"""Frames between a gateway worker and a pyfunc process: a length, then msgpack. Numbers travel as raw bytes.

Nothing that arrives is ever run: no pickle.
"""

import socket
import struct

import msgspec

from headgate.registry.wire import Column

LENGTH = struct.Struct(">I")


class Message(msgspec.Struct, array_like=True):
    """One frame.

    Attributes:
        kind: ``run`` asks; ``ready``, ``done``, ``refused`` (the model refuses the rows) and ``broken`` answer.
        why: For refused and broken: what the model said.
        columns: Features, or outputs.
        cpu: With outputs: seconds of processor time that they took.
    """

    kind: str
    why: str = ""
    columns: dict[str, Column] = {}
    cpu: float = 0.0


_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.Decoder(Message).decode


class Closed(Exception):
    """The other side is gone."""


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
