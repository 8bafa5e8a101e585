"""One client's connection: bytes become requests, answers go back in order.

llhttp reads every head that was not seen before. A head that is byte for byte one that llhttp has read (clients repeat
themselves) is looked up instead, and its body cut by the length that llhttp found; one that this connection had last is
not even looked up. All three ways give the same requests.
Nothing here knows a model.
"""

import asyncio
import socket
from typing import cast

from headgate.gateway.http.door import Door
from headgate.gateway.http.exchange import Exchange
from headgate.gateway.http.head import CONTINUE, END, Head, closing
from headgate.gateway.http.lifetime import Lifetime
from headgate.gateway.http.reader import Reader
from headgate.gateway.refusal import Refusal

NEVER = -1


class Connection(Lifetime):
    """Reads requests and hands them to their handlers; what it writes is its outlet's."""

    def __init__(self, door: Door) -> None:
        super().__init__(door)
        self.reader = Reader(door, self)
        self._known: Head = door.unread
        self._alone = Exchange(self, self._known)  # of a request with that head while there is no other
        self._raw = b""  # the bytes of the known head, and their length
        self._body = 0
        self._whole = NEVER  # bytes of a request with that head

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the client in, or say that there are too many."""
        self.transport = cast("asyncio.Transport", transport)
        plug = transport.get_extra_info("socket")
        if plug is not None and plug.family in (socket.AF_INET, socket.AF_INET6):
            plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.flowing = self.direct = True
        if self.door.admit(self):
            return
        self.refuse(Refusal(503, "too_many_connections", "this worker has no connection left", retry_after=1))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        """Forget the client; what is still being computed for it goes nowhere."""
        self.flowing = False
        self.read_no_more()
        self.reader.close()
        self.door.connections.discard(self)
        self.waiting.clear()
        del self._alone  # it and this connection hold each other, and a worker rarely looks for such garbage

    def eof_received(self) -> bool:
        """Read no further; stay open while answers are due."""
        self.half = True
        self.read_no_more()
        return bool(self.waiting)  # a client that only half closed still gets its answers

    def data_received(self, data: bytes) -> None:
        """Take bytes in; answer the requests that they complete."""
        self.seen = self.door.now
        if len(data) != self._whole or self.reader.began is not None or not data.startswith(self._raw):
            self._take_other(data)
            return
        waiting = self.waiting  # a request with the head of the one before: most requests come this way
        busy = len(waiting)
        if busy:
            exchange = Exchange(self, self._known)
        else:
            exchange = self._alone
            exchange.answer = None
        waiting.append(exchange)
        try:
            self._known.handle(exchange, data[self._body :])
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is the answer to its request
            self.door.fail(exchange, error)
        if busy and len(waiting) >= self.door.limits.pipelined:
            self.throttle()

    def _take_other(self, data: bytes) -> None:
        self.spoke = True
        if self.last:
            return
        if self.reader.began is None:
            data = self._take_known(data)
            if not data:
                return
        self.reader.feed(data)
        self.throttle()

    def _take_known(self, data: bytes) -> bytes:
        """Answer the whole requests at the front of the data whose heads are known; return the rest."""
        heads, start, size = self.door.heads, 0, len(data)
        while start < size:
            end = data.find(END, start) + len(END)
            if end < len(END):
                break
            raw = data[start:end]
            head = heads.get(raw)
            if head is None:
                self.reader.candidate = raw
                break
            stop = end + head.length
            if stop > size:
                break
            if head is not self._known:
                self._known, self._raw, self._body, self._whole = head, raw, end - start, stop - start
                self._alone = Exchange(self, head)
            self._handle(head, data[end:stop])
            start = stop
        if len(self.waiting) >= self.door.limits.pipelined:
            self.throttle()
        return data[start:] if start else data

    # What the reader calls.

    def expect(self, head: Head) -> None:
        """Answer Expect: 100-continue in its turn: the client then sends its body."""
        interim = Exchange(self, head)
        interim.ends, interim.answer = False, CONTINUE
        self.waiting.append(interim)
        self.write_answers()

    def take(self, head: Head, body: bytes) -> None:
        """Hand a whole request to what answers it."""
        if self.door.draining:
            head = closing(head)
        if not head.keep_alive:
            self.read_no_more()
        self._handle(head, body)

    def read_no_more(self) -> None:
        """Take no further request, and keep nothing of one that is half there."""
        super().read_no_more()
        self._whole = NEVER

    def end(self) -> None:
        """Hang up as soon as what was received, and what is being received, is answered."""
        self._whole = NEVER  # whoever comes next is told that the connection ends
        super().end()

    def _handle(self, head: Head, body: bytes) -> None:
        exchange = Exchange(self, head)
        self.waiting.append(exchange)
        try:
            head.handle(exchange, body)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is the answer to its request
            self.door.fail(exchange, error)
