"""What a worker answers: finds the handler of a path, and the version of a request in the current table."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import unquote

from headgate import __name__ as server
from headgate.gateway.answers import Answers
from headgate.gateway.batch import Lane, Pulse
from headgate.gateway.http.exchange import Exchange
from headgate.gateway.http.head import Handler, answer_json
from headgate.gateway.limits import Limits
from headgate.gateway.protocols.v2_json.datatypes import metadata
from headgate.gateway.protocols.v2_json.parse import parse
from headgate.gateway.refusal import Refusal
from headgate.gateway.table import Entry, Serving, Table
from headgate.gateway.version import Loaded

READ, WRITE = "GET, HEAD", "POST"
JSON_TYPES = ("application/json", "text/json", "text/plain", "application/x-www-form-urlencoded", "")


class Application:
    """Holds the table; every request reads it once.

    Args:
        limits: What clients are allowed.
        pulse: Gives lanes their turns.
        milliseconds: Reads the clock: milliseconds since 1970.
        entropy: Returns that many random bytes.
    """

    def __init__(
        self,
        limits: Limits,
        pulse: Pulse,
        milliseconds: Callable[[], int],
        entropy: Callable[[int], bytes],
    ) -> None:
        self.table = Table()
        self.draining = False
        self._limits = limits
        self._pulse = pulse
        self._milliseconds = milliseconds
        self._entropy = entropy
        self._lanes: dict[Serving, Lane] = {}

    def swap(self, table: Table) -> None:
        """Let the next request meet the new table; versions that it lacks close when their work is done."""
        old = self.table.loaded()
        self._lanes = {
            entry.serving: self._lanes.get(entry.serving) or self._lane(entry.model, entry.serving)
            for entry in table.entries.values()
            if entry.serving
        }
        self.table = table
        for loaded in old - table.loaded():
            loaded.retire()

    def meet(self, model: str, version: str | None) -> tuple[Loaded, Lane]:
        """Return what a request for a model meets now; raises Refusal when nothing answers it."""
        serving = self.table.find(model, version)
        return serving.loaded, self._lanes[serving]

    def _lane(self, model: str, serving: Serving) -> Lane:
        answers = Answers(model, serving, self._milliseconds, self._entropy)
        return Lane(serving.loaded, answers, self._pulse)

    def resolve(self, method: str, target: str, headers: Mapping[bytes, bytes]) -> Handler:
        """Return what answers this head.

        Raises:
            Refusal: 404 for an unknown path, 405 for a wrong method, 415 for a body that is not JSON.
        """
        path = target.split("?", 1)[0]
        parts = tuple(unquote(part) for part in path.strip("/").split("/"))
        if parts[-1] == "infer" and (found := _model(parts[:-1])):
            _allow(method, WRITE)
            _check_body(headers)
            return Infer(self, self._limits.rows, *found)
        handler = self._page(parts)
        if handler is None:
            raise Refusal(404, "unknown_path", f"there is nothing at {path[:200]}; the API starts at /v2")
        _allow(method, READ)
        return handler

    def _page(self, parts: tuple[str, ...]) -> Handler | None:
        match parts:
            case ("v2",):
                return _page(lambda: (200, {"name": server, "version": _version(), "extensions": []}))
            case ("v2", "health", "live"):
                return _page(lambda: (200, {"live": True}))
            case ("v2", "health", "ready"):
                return _page(self._ready)
            case (*start, "ready") if named := _model(tuple(start)):
                return _page(partial(self._model_ready, *named))
            case _ if named := _model(parts):
                return _page(partial(self._metadata, *named))
        return None

    def _ready(self) -> tuple[int, object]:
        table = self.table
        ready = table.ready and not self.draining
        state = "draining" if self.draining else "ready" if ready else "starting" if not table.read else "not ready"
        body = {"ready": ready, "state": state, "routes": table.away or "read"}
        return (200 if ready else 503), {**body, "models": [_show(entry) for entry in table.entries.values()]}

    def _model_ready(self, model: str, version: str | None) -> tuple[int, object]:
        try:
            serving = self.table.find(model, version)
        except Refusal as refusal:
            if refusal.code != "model_not_ready":
                raise
            return 503, {"name": model, "ready": False, "why": refusal.what}
        return 200, {"name": model, "version": serving.arm.version, "ready": True}

    def _metadata(self, model: str, version: str | None) -> tuple[int, object]:
        serving = self.table.find(model, version)
        manifest = serving.loaded.manifest
        return 200, {
            "name": model,
            "versions": [serving.arm.version],
            "platform": f"headgate_{manifest.runtime}",
            "inputs": [metadata(field) for field in manifest.signature.inputs],
            "outputs": [metadata(field) for field in manifest.signature.outputs],
            "parameters": {"task": manifest.task, "classes": list(manifest.classes), "digest": serving.arm.digest},
        }


class Infer:
    """Answers the inference requests of one path; looks its model up once per table.

    Args:
        app: Holds the table.
        rows: Most rows of one request.
        model: The model's name.
        version: The version that the path names.
    """

    __slots__ = ("_add", "_app", "_lane", "_loaded", "_model", "_read", "_rows", "_table", "_version")

    def __init__(self, app: Application, rows: int, model: str, version: str | None) -> None:
        self._app = app
        self._rows = rows
        self._model = model
        self._version = version
        self._table: Table | None = None

    def __call__(self, exchange: Exchange, body: bytes) -> None:
        """Put a request on its lane."""
        if self._table is not self._app.table:
            self._look_up()
        row = self._read(body)
        if row is not None:
            self._add(exchange, row)
        else:
            self._lane.add(exchange, parse(body, self._loaded.signature, self._rows))

    def _look_up(self) -> None:
        self._loaded, self._lane = self._app.meet(self._model, self._version)
        self._read, self._add = self._loaded.singles.read, self._lane.add_single
        self._table = self._app.table


def _model(parts: tuple[str, ...]) -> tuple[str, str | None] | None:
    """Return model and version of a path below /v2/models."""
    match parts:
        case ("v2", "models", model) if model:
            return model, None
        case ("v2", "models", model, "versions", version) if model and version:
            return model, version
    return None


def _show(entry: Entry) -> dict[str, Any]:
    shown: dict[str, Any] = {"name": entry.model, "revision": entry.revision}
    shown["version"] = entry.serving.arm.version if entry.serving else None
    return {**shown, "why": entry.why} if entry.why else shown


def _page(content: Callable[[], tuple[int, object]]) -> Handler:
    def handle(exchange: Exchange, _body: bytes) -> None:
        status, body = content()
        exchange.reply(answer_json(exchange.head, status, body))

    return handle


def _allow(method: str, allowed: str) -> None:
    if method not in allowed.split(", "):
        raise Refusal(405, "wrong_method", f"{method} is not possible here; expected {allowed}", allow=allowed)


def _check_body(headers: Mapping[bytes, bytes]) -> None:
    """Refuse what would change the meaning of a body: binary tensors, compression, another type."""
    if b"inference-header-content-length" in headers:
        raise Refusal(400, "binary_unsupported", "the binary tensor extension is not supported; send JSON data")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Refusal(415, "compression_unsupported", "compressed bodies are not supported; send plain JSON")
    kind, _, rest = headers.get(b"content-type", b"").decode("latin-1").lower().partition(";")
    if kind.strip() not in JSON_TYPES or ("charset" in rest and "utf-8" not in rest):
        raise Refusal(415, "wrong_content_type", f"content type {kind!r} is not supported; send application/json")


def _version() -> str:
    from importlib.metadata import version

    return version(server)
