"""A request's head as values, and the start of an answer. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TypeAlias

import msgspec

from headgate.gateway.http.exchange import Exchange
from headgate.gateway.refusal import Refusal

Handler: TypeAlias = Callable[[Exchange, bytes], None]
Header: TypeAlias = tuple[bytes, bytes]
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
END = b"\r\n\r\n"  # of a head
_STAYS = (b"close", b"keep-alive")
JSON: Header = (b"content-type", b"application/json")
_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


@dataclass(slots=True, eq=False)
class Head:
    """Request line and headers.

    Attributes:
        method: Such as ``POST``.
        target: Path and query as sent.
        headers: Lower-case name to value; values of a repeated header are joined by a comma.
        recent: Whether the client speaks HTTP/1.1.
        keep_alive: Whether the connection stays open after the answer.
        length: Bytes of body that were announced; -1: chunked.
        handle: What answers it.
        refusal: Why it is refused whatever its body holds; None: it is not.
        plain: Whether the answer needs nothing beyond a status line, its own headers and a body.
    """

    method: str
    target: str
    headers: Mapping[bytes, bytes]
    recent: bool
    keep_alive: bool
    length: int
    handle: Handler
    refusal: Refusal | None = None
    plain: bool = False

    def __post_init__(self) -> None:
        self.plain = self.recent and self.keep_alive and self.method != "HEAD"

    def suit(self, answer: bytes) -> bytes:
        """Return the answer to this request, made of the one that a plain request would get."""
        if self.plain:
            return answer
        end = answer.index(END)
        line = b"" if self.keep_alive and self.recent else b"\r\nconnection: " + _STAYS[self.keep_alive]
        return answer[:end] + line + answer[end : end + len(END) if self.method == "HEAD" else None]

    def refuse(self, refusal: Refusal) -> bytes:
        """Return the answer to a refused request."""
        return refusal.whole if self.plain and refusal.whole is not None else refuse(self, refusal)


def closing(head: Head) -> Head:
    """Return the head with an answer that ends the connection."""
    return replace(head, keep_alive=False)


def turned_away(head: Head, refusal: Refusal) -> Head:
    """Return the head of a request that is refused whatever its body holds."""

    def handle(exchange: Exchange, _body: bytes) -> None:
        exchange.refuse(refusal)

    return replace(head, handle=handle, refusal=refusal)


def answer(head: Head | None, status: int, body: bytes, headers: Iterable[Header] = (JSON,)) -> bytes:
    """Return a whole answer; without a head (it could not be read) the connection closes after it."""
    parts = [_LINES[status]]
    parts += [b"%b: %b\r\n" % header for header in headers]
    if head is None or not head.keep_alive:
        parts.append(b"connection: close\r\n")
    elif not head.recent:
        parts.append(b"connection: keep-alive\r\n")
    parts.append(b"content-length: %d\r\n\r\n" % len(body))
    if head is None or head.method != "HEAD":
        parts.append(body)
    return b"".join(parts)


def answer_json(head: Head | None, status: int, body: object, headers: Iterable[Header] = ()) -> bytes:
    """Return a whole answer with a JSON body."""
    return answer(head, status, msgspec.json.encode(body), (JSON, *headers))


def often(refusal: Refusal) -> Refusal:
    """Return a refusal whose answer is written beforehand; hand it over, do not raise it: tracebacks would pile up."""
    refusal.whole = refuse(_PLAIN, refusal)
    return refusal


def refuse(head: Head | None, refusal: Refusal) -> bytes:
    """Return the answer to a refused request: JSON with the sentence and the code."""
    headers: list[Header] = [*refusal.headers]
    if refusal.retry_after is not None:
        headers.append((b"retry-after", b"%d" % refusal.retry_after))
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b'Bearer realm="headgate"'))
    if refusal.allow:
        headers.append((b"allow", refusal.allow.encode()))
    return answer_json(head, refusal.status, {"error": refusal.what, "code": refusal.code}, headers)


_PLAIN = Head("POST", "", {}, recent=True, keep_alive=True, length=0, handle=lambda _exchange, _body: None)
