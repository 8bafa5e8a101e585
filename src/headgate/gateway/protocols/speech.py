"""What every protocol is to the gateway: a path it knows becomes a handler; the same answers and checks for all."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol, TypeAlias

from headgate.gateway.guard.guard import Guard
from headgate.gateway.http.exchange import Exchange
from headgate.gateway.http.head import JSON, Handler, Head, answer, answer_json
from headgate.gateway.protocols.asked import Asked, Told, Write
from headgate.gateway.refusal import Refusal, bad
from headgate.gateway.table import Table
from headgate.gateway.version import Loaded

READ, WRITE = "GET, HEAD", "POST"
JSON_TYPES = ("application/json", "text/json", "text/plain", "application/x-www-form-urlencoded", "")
MODEL_HEADER = b"headgate-model"
Headers: TypeAlias = Mapping[bytes, bytes]


class Way(Protocol):
    """What the requests that share a head meet (gateway/way.py)."""

    def put(self, waiting: Any, read: Callable[[Loaded, int], Asked], most: int) -> None:
        """Read a request and put it on the lane of its arm; raises Refusal."""
        ...

    def put_single(self, waiting: Any, body: bytes, read: Callable[[bytes, Loaded, int], Asked], most: int) -> None:
        """Put a request of V2 JSON on its lane, a single row the short way; raises Refusal."""
        ...


class Gateway(Protocol):
    """What a protocol needs of the application."""

    table: Table
    draining: bool
    guard: Guard

    @property
    def rows(self) -> int:
        """Most rows of one request."""
        ...

    @property
    def stand(self) -> object:
        """Changes when anything changes that requests meet."""
        ...

    def shares(self, model: str) -> list[dict[str, Any]]:
        """Return the arms of a model as they stand."""
        ...

    def meet(self, model: str, version: str | None, headers: Headers) -> Way:
        """Return the way of the requests with these headers now; raises Refusal when they may not come in."""
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
        model: The model's name; None: the header's, or the only one.
        version: The version that is asked for; None: whichever the route chooses.
        read: Turns head, body, version and most rows into the gateway's form.
    """

    __slots__ = ("_gateway", "_model", "_read", "_stand", "_version", "_way")

    def __init__(self, gateway: Gateway, model: str | None, version: str | None, read: Read) -> None:
        self._gateway = gateway
        self._model = model
        self._version = version
        self._read = read
        self._stand: object = None

    def __call__(self, exchange: Exchange, body: bytes) -> None:
        """Put a request on its lane; its way is looked up once for all requests with this head, as things stand."""
        gateway, head = self._gateway, exchange.head
        if self._stand is not gateway.stand:
            self._stand = None
            self._way = way_of(gateway, self._model, self._version, head.headers)
            self._stand = gateway.stand
        self._way.put(exchange, partial(self._read, head, body), gateway.rows)


def put(
    gateway: Gateway,
    waiting: Any,
    model: str | None,
    version: str | None,
    read: Callable[[Loaded, int], Asked],
) -> None:
    """Put a request on the lane of the version that it meets now: where a body names the model, or a call has no head.

    Args:
        gateway: Holds the table.
        waiting: Gets the answer; its head has the request's headers.
        model: The model that the protocol names; None: the header's, or the only one.
        version: The version that the protocol names.
        read: Turns version and most rows into the gateway's form.
    """
    way_of(gateway, model, version, waiting.head.headers).put(waiting, read, gateway.rows)


def way_of(gateway: Gateway, model: str | None, version: str | None, headers: Headers) -> Way:
    """Return the way of a request whose protocol names this model; None: the header names it, or it is the only one."""
    return gateway.meet(model if model is not None else choose(gateway, headers), version, headers)


def choose(gateway: Gateway, headers: Headers) -> str:
    """Return the model of a request whose protocol does not name it: the header's, else the only one.

    Raises:
        Refusal: There are several; or none yet.
    """
    if header := headers.get(MODEL_HEADER):
        return header.decode("latin-1")
    models = sorted(gateway.table.entries)
    if len(models) > 1:
        raise bad("which_model", f"several models are served: {', '.join(models)}; name one: header headgate-model")
    if not models and gateway.table.read:
        raise Refusal(404, "unknown_model", "no model is served")
    return models[0] if models else ""


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
