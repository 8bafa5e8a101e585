"""What every protocol is to the gateway: a path it knows becomes a handler; the same answers and checks for all."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

from headgate.gateway.http.exchange import Exchange
from headgate.gateway.http.head import JSON, Handler, Head, answer, answer_json
from headgate.gateway.protocols.asked import Asked, Told, Write
from headgate.gateway.refusal import Refusal
from headgate.gateway.table import Table
from headgate.gateway.version import Loaded

READ, WRITE = "GET, HEAD", "POST"
JSON_TYPES = ("application/json", "text/json", "text/plain", "application/x-www-form-urlencoded", "")
Headers: TypeAlias = Mapping[bytes, bytes]


class Takes(Protocol):
    """A lane: takes requests in."""

    def add(self, waiting: Any, asked: Asked) -> None:
        """Take a request in; it is answered at the end of this tick."""
        ...

    def add_single(self, waiting: Any, row: Any) -> None:
        """Take a single row in; it is answered at the end of this tick."""
        ...


class Gateway(Protocol):
    """What a protocol needs of the application."""

    table: Table
    draining: bool

    @property
    def rows(self) -> int:
        """Most rows of one request."""
        ...

    def meet(self, model: str, version: str | None) -> tuple[Loaded, Takes]:
        """Return what a request for a model meets now; raises Refusal when nothing answers it."""
        ...


class Speech(Protocol):
    """A protocol."""

    def find(self, method: str, parts: tuple[str, ...], headers: Headers) -> Handler | None:
        """Return what answers this head; None when the path is not this protocol's.

        Raises:
            Refusal: The path is, but the method or the kind of body is not.
        """
        ...


Read: TypeAlias = Callable[[Head, bytes, Loaded, int], Asked]


class Ask:
    """Answers the requests of one path, whose model the path or a header names.

    Args:
        gateway: Holds the table.
        model: The model's name.
        version: The version that is asked for; None: whichever the route chooses.
        read: Turns head, body, version and most rows into the gateway's form.
    """

    __slots__ = ("_gateway", "_model", "_read", "_version")

    def __init__(self, gateway: Gateway, model: str, version: str | None, read: Read) -> None:
        self._gateway = gateway
        self._model = model
        self._version = version
        self._read = read

    def __call__(self, exchange: Exchange, body: bytes) -> None:
        """Put a request on its lane."""
        loaded, lane = self._gateway.meet(self._model, self._version)
        lane.add(exchange, self._read(exchange.head, body, loaded, self._gateway.rows))


def as_json(content: Callable[[Told], object]) -> Write:
    """Return what writes an answer as JSON: NaN and infinity, which JSON cannot carry, become null."""

    def write(exchange: Exchange, told: Told) -> None:
        exchange.reply(answer_json(exchange.head, 200, content(told), told.headers))

    return write


def page(content: Callable[[], tuple[int, object]]) -> Handler:
    """Return a handler that answers with status and JSON."""

    def handle(exchange: Exchange, _body: bytes) -> None:
        status, body = content()
        exchange.reply(answer_json(exchange.head, status, body))

    return handle


def text(kind: str, content: Callable[[], bytes]) -> Handler:
    """Return a handler that answers 200 with bytes of a content type."""
    header = (JSON[0], kind.encode())

    def handle(exchange: Exchange, _body: bytes) -> None:
        exchange.reply(answer(exchange.head, 200, content(), (header,)))

    return handle


def allow(method: str, allowed: str) -> None:
    """Refuse a method that a path does not take."""
    if method not in allowed.split(", "):
        raise Refusal(405, "wrong_method", f"{method} is not possible here; expected {allowed}", allow=allowed)


def check_body(headers: Headers, kinds: tuple[str, ...] = JSON_TYPES) -> str:
    """Refuse what would change the meaning of a body: compression, another type; return the type."""
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Refusal(415, "compression_unsupported", "compressed bodies are not supported; send plain JSON")
    kind, _, rest = headers.get(b"content-type", b"").decode("latin-1").lower().partition(";")
    if kind.strip() not in kinds or ("charset" in rest and "utf-8" not in rest):
        raise Refusal(415, "wrong_content_type", f"content type {kind!r} is not supported; send {kinds[0]}")
    return kind.strip()


def model_path(parts: tuple[str, ...], start: str = "v2") -> tuple[str, str | None] | None:
    """Return model and version of a path below START/models."""
    match parts:
        case (first, "models", model) if first == start and model:
            return model, None
        case (first, "models", model, "versions", version) if first == start and model and version:
            return model, version
    return None
