"""llhttp reads a connection's requests: head, then body in pieces, within the limits.

It decides nothing about answers: the connection is told of a head, of a whole request, or of what cannot be read.
"""

import logging
from typing import Protocol

import httptools

from headgate.gateway.http.door import Door
from headgate.gateway.http.head import Head
from headgate.gateway.refusal import Refusal

LOG = logging.getLogger("headgate.gateway")
SEPARATORS = 4  # ": " and the end of the line
FRAMING = 8  # bytes around a byte of body: chunks of one byte each have five


class Listener(Protocol):
    """What a reader tells its connection."""

    last: bool

    def expect(self, head: Head) -> None:
        """Answer Expect: 100-continue."""
        ...

    def take(self, head: Head, body: bytes) -> None:
        """Answer a whole request."""
        ...

    def refuse(self, refusal: Refusal) -> None:
        """Answer what cannot be read any further."""
        ...

    def read_no_more(self) -> None:
        """Take no further request."""
        ...


class Reader:
    """Reads requests from bytes, however they are cut.

    Args:
        door: Limits and handlers.
        listener: The connection.

    Attributes:
        began: The coarse time at which the request that is being received began; None: there is none.
        candidate: The bytes of the head that comes next, when they are all there.
    """

    def __init__(self, door: Door, listener: Listener) -> None:
        self.began: float | None = None
        self.candidate: bytes | None = None
        self._door = door
        self._listener = listener
        self._parser = httptools.HttpRequestParser(self)
        self._body: list[bytes] = []
        self._silent = self._around = 0  # bytes since the last of a body, and all that are none
        self._held = 0
        self._reset()

    def _reset(self) -> None:
        self._head: Head | None = None
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = []
        self._door.held -= self._held
        self._held = self._received = 0
        self._told = 0

    def forget(self) -> None:
        """Let go of what came of a request that nobody will answer."""
        self._reset()

    def close(self) -> None:
        """Let go of everything; nothing is fed any more.

        Connection, reader and parser hold each other, and a worker rarely looks for such garbage.
        """
        self._reset()
        del self._parser, self._listener

    def feed(self, data: bytes) -> None:
        """Take bytes in."""
        if self.began is None:
            self.began = self._door.now
        self._silent += len(data)
        self._around += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._listener.read_no_more()  # its head says close
        except httptools.HttpParserCallbackError:
            LOG.exception("reading a request failed")
            self._listener.refuse(Refusal(500, "internal", "the worker failed on this request"))
        except httptools.HttpParserError:
            self._listener.refuse(Refusal(400, "bad_http", "this is no HTTP request that can be read"))
        most = self._door.limits.head_bytes  # llhttp tells nothing of a piece of a header, nor of what chunks extend
        if self._silent > most or self._around > most + FRAMING * self._received:
            self._too_long()

    def on_message_begin(self) -> None:
        """Start a request."""
        self._reset()
        if self.began is None:
            self.began = self._door.now

    def on_url(self, target: bytes) -> None:
        """Take a piece of the target."""
        self._target += target
        self._count(len(target))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header in."""
        self._count(len(name) + len(value) + SEPARATORS)
        if self._head is None and not self._listener.last:  # else a trailer: nothing here means anything by one
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Read the head: what answers, and whether the body may come."""
        candidate, self.candidate = self.candidate, None
        if self._listener.last:
            return
        try:
            self._head = self._door.read_head(self._parser, self._target, self._headers)
        except Refusal as refusal:
            self._listener.refuse(refusal)
            return
        if candidate is not None:
            self._door.learn(candidate, self._head)
        head = self._head = self._door.screen(self._head)
        if b"expect" not in head.headers or not head.recent:
            return
        if head.refusal is None:
            self._listener.expect(head)
        else:
            self._listener.refuse(head.refusal)  # whether its body comes all the same, nobody can tell

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._received += len(body)
        self._around -= len(body)
        self._silent = 0
        if self._listener.last or self._head is None:
            return
        door = self._door
        if self._received > door.limits.body_bytes:
            self._listener.refuse(door.too_large())
        elif self._head.refusal is None:
            door.held += len(body)
            self._held += len(body)
            self._body.append(body)
            if door.held > door.limits.held_bytes:
                self._listener.refuse(door.too_much())

    def on_message_complete(self) -> None:
        """Hand the whole request over."""
        head, self.began = self._head, None
        self._silent = self._around = 0
        if self._listener.last or head is None:
            return
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._reset()
        self._listener.take(head, body)

    def _count(self, size: int) -> None:
        self._told += size
        if self._told > self._door.limits.head_bytes:
            self._too_long()

    def _too_long(self) -> None:
        what = f"request line and headers are longer than {self._door.limits.head_bytes} bytes"
        if self._head is not None:
            what = f"what stands around the body is longer than {self._door.limits.head_bytes} bytes"
        self._listener.refuse(Refusal(431, "head_too_large", what))
