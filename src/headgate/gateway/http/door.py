"""What the connections of one worker share: limits, handlers, known heads, and the sweep that cuts off slow clients."""

import logging
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from headgate.base.errors import HeadgateError
from headgate.gateway.http.exchange import Exchange
from headgate.gateway.http.head import Handler, Head, refuse, turned_away
from headgate.gateway.limits import Limits
from headgate.gateway.refusal import Refusal

if TYPE_CHECKING:
    from headgate.gateway.http.connection import Connection

LOG = logging.getLogger("headgate.gateway")
SPOKEN = ("1.1", "1.0")
KNOWN_HEADS = 1024
KNOWN_HEAD_BYTES = 2048
ORIGIN = re.compile(rb"https?://[^/?]*", re.IGNORECASE)
Resolve = Callable[[str, str, Mapping[bytes, bytes]], Handler]
Knock = Callable[[str, str, Mapping[bytes, bytes]], object]


class Door:
    """Shared by every connection of a worker.

    Args:
        resolve: Returns what answers a method, target and headers; raises Refusal.
        limits: What clients are allowed.
        knock: Raises Refusal when a request with this method, target and headers has no business here; asked before
            its body is taken in, each time anew.

    Attributes:
        now: The loop's time at the last sweep, in seconds: exact enough to cut off a slow client, and free to read.
        heads: Heads that llhttp has read, by their bytes.
        held: Bytes of bodies that are being received.
        calls: Requests that came another way and have no answer yet.
        refused: Refused requests by status and code, since somebody last looked.
        hurried: Whether a connection on which nothing was said yet ends as well.
        draining: Whether the worker is on its way out; every answer then ends its connection.
    """

    def __init__(self, resolve: Resolve, limits: Limits, knock: Knock | None = None) -> None:
        self.limits = limits
        self.now = 0.0
        self.held = 0
        self.calls: set[object] = set()
        self.draining = self.hurried = False
        self.refused: Counter[tuple[int, str]] = Counter()
        self.connections: set[Connection] = set()
        self.heads: dict[bytes, Head] = {}
        self.unread = Head("", "", {}, recent=True, keep_alive=False, length=0, handle=_no_handler)
        self._resolve = resolve
        self._knock = knock

    def admit(self, connection: "Connection") -> bool:
        """Take a connection in; False when the worker has as many as it may."""
        self.connections.add(connection)
        return len(self.connections) <= self.limits.connections

    def sweep(self, now: float) -> None:
        """Move the coarse clock on and cut off who is too slow."""
        self.now = now
        for connection in tuple(self.connections):
            connection.sweep(now)

    def drain(self) -> None:
        """Read no further request; every connection ends after what it has open.

        A connection that was made or used a moment ago may have a request under way: it ends after that, or by hurry.
        """
        self.draining = True
        self.heads.clear()
        for connection in tuple(self.connections):
            connection.end()

    def hurry(self) -> None:
        """End the connections, too, on which nothing was said yet."""
        self.hurried = True
        for connection in tuple(self.connections):
            connection.end()

    def read_head(self, parser: Any, target: bytes, headers: Sequence[tuple[bytes, bytes]]) -> Head:
        """Return a head from what llhttp read.

        Raises:
            Refusal: It asks for something that this worker does not do.
        """
        named, target = _merge(headers), _path(target)
        version = parser.get_http_version()
        recent = version == "1.1"
        method = parser.get_method().decode("ascii")
        length = -1 if b"transfer-encoding" in named else int(named.get(b"content-length", b"0"))
        if recent and sum(name == b"host" for name, _ in headers) != 1:
            raise Refusal(400, "bad_host", "a request has the header Host, and has it once (RFC 9112, 3.2)")
        if version not in SPOKEN:
            raise Refusal(400, "bad_http", f"HTTP {version} is not spoken here, only 1.1 and 1.0")
        if not recent and b"transfer-encoding" in named:
            raise Refusal(400, "bad_http", "HTTP/1.0 knows no transfer encoding (RFC 9112, 6.1)")
        if named.get(b"transfer-encoding", b"chunked").lower() != b"chunked":
            raise Refusal(400, "unsupported_transfer_encoding", "only the transfer encoding chunked is supported")
        if named.get(b"expect", b"100-continue").lower() != b"100-continue":
            raise Refusal(417, "unsupported_expectation", "only Expect: 100-continue is supported")
        if length > self.limits.body_bytes:
            raise self.too_large()
        keep_alive = parser.should_keep_alive() and not parser.should_upgrade() and not self.draining
        head = Head(method, target.decode("latin-1"), named, recent, keep_alive, length, _no_handler)
        try:
            head.handle = self._resolve(method, target.decode("ascii"), named)
        except Refusal as refusal:
            return turned_away(head, refusal)
        except UnicodeDecodeError:
            return turned_away(head, Refusal(400, "bad_path", "the path holds bytes beyond ASCII; percent-encode them"))
        return head

    def screen(self, head: Head) -> Head:
        """Return a head, turned away if its body would be taken in for nothing: what is known of a head stays true."""
        if self._knock is None or head.refusal is not None or not head.length:
            return head
        try:
            self._knock(head.method, head.target, head.headers)
        except Refusal as refusal:
            return turned_away(head, refusal)
        return head

    def learn(self, raw: bytes, head: Head) -> None:
        """Keep a head, if the same bytes can only ever mean the same."""
        ends = raw.count(b"\r\n")
        simple = not self.draining and head.keep_alive and head.length >= 0 and b"expect" not in head.headers
        whole = raw[:1].isalpha() and raw.count(b"\n") == ends and raw.count(b"\r") == ends
        if not simple or not whole or len(raw) > KNOWN_HEAD_BYTES:
            return
        if len(self.heads) >= KNOWN_HEADS:
            self.heads.clear()
        self.heads[raw] = head

    def fail(self, exchange: Exchange, error: Exception) -> None:
        """Answer a request whose handler raised; the log may get a traceback, the client never."""
        if isinstance(error, Refusal):
            refusal = error
        elif isinstance(error, HeadgateError):
            refusal = Refusal(400, "bad_request", error.what)
        else:
            LOG.error("a request failed: %s %s", exchange.head.method, exchange.head.target, exc_info=error)
            refusal = Refusal(500, "internal", "the worker failed on this request")
        self.refused[refusal.status, refusal.code] += 1
        exchange.reply(refuse(exchange.head, refusal))

    def too_much(self) -> Refusal:
        """Return the refusal of a body when the worker holds as many as it may."""
        return Refusal(503, "too_many_bytes", "this worker is receiving too many large bodies", retry_after=1)

    def too_large(self) -> Refusal:
        """Return the refusal of a body beyond the limit."""
        return Refusal(413, "body_too_large", f"the body is longer than {self.limits.body_bytes} bytes")


def _merge(headers: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    named: dict[bytes, bytes] = {}
    for name, value in headers:
        named[name] = named[name] + b", " + value if name in named else value
    return named


def _path(target: bytes) -> bytes:
    """Return path and query of a target; one sent as to a proxy names the server as well."""
    found = ORIGIN.match(target)
    if found is None:
        return target
    path = target[found.end() :]
    return path if path.startswith(b"/") else b"/" + path


def _no_handler(_exchange: Exchange, _body: bytes) -> None:
    raise Refusal(400, "bad_http", "this is not a request")
