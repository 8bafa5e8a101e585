"""One client's connection: bytes become requests, answers go back in order.

llhttp reads every head that was not seen before. A head that is byte for byte one that llhttp has read (clients repeat
themselves) is looked up instead, and its body cut by the length that llhttp found; the two ways give the same requests.
Nothing here knows a model.
"""

import asyncio
import logging
import socket
from collections import deque
from typing import cast

import httptools

from headgate.gateway.http.door import Door
from headgate.gateway.http.exchange import Exchange
from headgate.gateway.http.head import CONTINUE, Head, closing, refuse
from headgate.gateway.refusal import Refusal

LOG = logging.getLogger("headgate.gateway")
END = b"\r\n\r\n"
LINGER_SECONDS = 2.0


class Connection(asyncio.Protocol):
    """Reads requests, hands them to their handlers, writes the answers.

    Attributes:
        waiting: Requests in order, the answered ones behind an unanswered one included.
        flowing: Whether answers can still be written.
        direct: Whether the answer to the only open request may be written at once, with no further consequence.
    """

    transport: asyncio.Transport

    def __init__(self, door: Door) -> None:
        self.door = door
        self.waiting: deque[Exchange] = deque()
        self.flowing = self.direct = False
        self.seen = door.now  # when the client last did something
        self.began: float | None = None  # when the request that is being received began
        self.stuck: float | None = None  # since when the client does not read
        self._last = False  # no further request is read from this connection
        self._half = False  # the client has said all that it will say
        self.lingers: float | None = None  # since when all is answered; what the client still sends is thrown away
        self._paused = False
        self._parser = httptools.HttpRequestParser(self)
        self._candidate: bytes | None = None
        self._reset()

    def _reset(self) -> None:
        self._head: Head | None = None
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._received = 0
        self._head_size = 0

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
        self._refuse(Refusal(503, "too_many_connections", "this worker has no connection left", retry_after=1))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        """Forget the client; what is still being computed for it goes nowhere."""
        self.flowing = False
        self._read_no_more()
        self.door.connections.discard(self)
        self.waiting.clear()

    def eof_received(self) -> bool:
        """Read no further; stay open while answers are due."""
        self._half = True
        self._read_no_more()
        return bool(self.waiting)  # a client that only half closed still gets its answers

    def pause_writing(self) -> None:
        """Stop reading from a client that does not read."""
        self.stuck = self.door.now
        self._throttle()

    def resume_writing(self) -> None:
        """Read on."""
        self.stuck = None
        self._throttle()

    def data_received(self, data: bytes) -> None:
        """Take bytes in; answer the requests that they complete."""
        self.seen = self.door.now
        if self._last:
            return
        if self.began is None:
            data = self._take_known(data)
            if not data or self._last:
                return
            self.began = self.seen
        elif self._head is None:
            self._head_size += len(data)  # a head in many pieces; llhttp tells nothing of a piece of a header
            self._check_head_size()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._read_no_more()  # its head says close
        except httptools.HttpParserCallbackError:
            LOG.exception("reading a request failed")
            self._refuse(Refusal(500, "internal", "the worker failed on this request"))
        except httptools.HttpParserError:
            self._refuse(Refusal(400, "bad_http", "this is no HTTP request that can be read"))
        self._throttle()

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
                self._candidate = raw
                break
            stop = end + head.length
            if stop > size:
                break
            exchange = Exchange(self, head)
            self.waiting.append(exchange)
            try:
                head.handle(exchange, data[end:stop])
            except Exception as error:  # noqa: BLE001 - whatever a handler raises is the answer to its request
                self.door.fail(exchange, error)
            start = stop
        if len(self.waiting) >= self.door.limits.pipelined:
            self._throttle()
        return data[start:] if start else data

    # What llhttp calls.

    def on_message_begin(self) -> None:
        """Start a request."""
        self._reset()
        if self.began is None:
            self.began = self.seen

    def on_url(self, target: bytes) -> None:
        """Take a piece of the target."""
        self._target += target
        self._head_size += len(target)
        self._check_head_size()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header in."""
        self._head_size += len(name) + len(value) + 4
        self._check_head_size()
        if self._head is None:  # else a trailer: nothing here means anything by one
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Read the head: what answers, and whether the body may come."""
        candidate, self._candidate = self._candidate, None
        if self._last:
            return
        try:
            self._head = self.door.read_head(self._parser, self._target, self._headers)
        except Refusal as refusal:
            self._refuse(refusal)
            return
        if candidate is not None:
            self.door.learn(candidate, self._head)
        if b"expect" in self._head.headers and self._head.recent:
            interim = Exchange(self, self._head)
            interim.ends, interim.answer = False, CONTINUE
            self.waiting.append(interim)
            self.write_answers()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        if self._last:
            return
        self._received += len(body)
        if self._received > self.door.limits.body_bytes:
            self._refuse(self.door.too_large())
            return
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Hand the whole request to what answers it."""
        head, self.began = self._head, None
        if self._last or head is None:
            return
        if self.door.draining:
            head = closing(head)
        if not head.keep_alive:
            self._read_no_more()
        exchange = Exchange(self, head)
        self.waiting.append(exchange)
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._reset()
        try:
            head.handle(exchange, body)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is the answer to its request
            self.door.fail(exchange, error)

    # Answers.

    def write_answers(self) -> None:
        """Write what has its turn; hang up after the last answer of a connection that ends."""
        waiting = self.waiting
        ready: list[bytes] = []
        ends = False
        while waiting and not ends and (answer := waiting[0].answer) is not None:
            ready.append(answer)
            ends = waiting.popleft().ends
        if ready and self.flowing:
            self.transport.write(b"".join(ready))
        if ends or (self._last and not waiting):
            self.hang_up()
        elif self._paused:
            self._throttle()

    def hang_up(self) -> None:
        """Close once everything is written; the client has a moment to read it before its own bytes are cut off."""
        self._read_no_more()
        self.waiting.clear()
        if not self.flowing:
            return
        self.flowing = False
        self.began, self.lingers = None, self.door.now
        self._throttle()
        if self._half or not self.transport.can_write_eof():
            self.transport.close()
        else:
            self.transport.write_eof()

    def end(self) -> None:
        """Hang up as soon as what was received, and what is being received, is answered."""
        if self.began is not None:
            return
        self._read_no_more()
        if self.waiting:
            last = self.waiting[-1]
            last.head, last.ends = closing(last.head), True
        else:
            self.hang_up()

    def _read_no_more(self) -> None:
        self._last, self.direct = True, False

    def _refuse(self, refusal: Refusal) -> None:
        """Answer what cannot be read any further, in its turn, and hang up."""
        if self._last:
            return
        self._read_no_more()
        self.began = None
        exchange = Exchange(self, self.door.unread)
        self.waiting.append(exchange)
        exchange.reply(refuse(None, refusal))

    def _check_head_size(self) -> None:
        if self._head_size > self.door.limits.head_bytes:
            what = f"request line and headers are longer than {self.door.limits.head_bytes} bytes"
            self._refuse(Refusal(431, "head_too_large", what))

    def _throttle(self) -> None:
        """Stop reading while the client does not read its answers, or has too many requests open."""
        pause = self.flowing and (self.stuck is not None or len(self.waiting) >= self.door.limits.pipelined)
        if pause == self._paused or self.transport.is_closing():
            return
        self._paused = pause
        self.direct = self.flowing and not self._last and not pause
        if pause:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def sweep(self, now: float) -> None:
        """Cut off a client that is too slow, or silent for too long; called about once a second."""
        limits = self.door.limits
        if self.lingers is not None:
            if now - self.lingers > LINGER_SECONDS:
                self.transport.abort()
        elif self.stuck is not None and now - self.stuck > limits.write_seconds:
            self.transport.abort()
        elif self.began is not None and now - self.began > limits.receive_seconds:
            what = f"the request was not complete after {limits.receive_seconds:g} s"
            self._refuse(Refusal(408, "too_slow", what))
        elif self.began is None and not self.waiting and now - self.seen > limits.idle_seconds:
            self.hang_up()
