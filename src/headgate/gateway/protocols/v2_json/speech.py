"""The paths of the Open Inference Protocol V2 (REST): inference, metadata, health, the repository's index."""

from functools import partial
from typing import Any

from headgate import __name__ as server
from headgate.gateway.http.exchange import Exchange
from headgate.gateway.http.head import Handler, Head
from headgate.gateway.protocols.asked import Asked
from headgate.gateway.protocols.speech import (
    JSON_TYPES,
    READ,
    WRITE,
    Ask,
    Gateway,
    Headers,
    allow,
    check_body,
    model_path,
    page,
)
from headgate.gateway.protocols.v2_json.binary import HEADER_LENGTH, OCTETS
from headgate.gateway.protocols.v2_json.datatypes import metadata
from headgate.gateway.protocols.v2_json.packed import parse_packed
from headgate.gateway.protocols.v2_json.parse import parse
from headgate.gateway.refusal import Refusal
from headgate.gateway.table import Entry
from headgate.gateway.version import Loaded

EXTENSIONS = ("binary_tensor_data", "model_repository(index)")


class V2:
    """Open Inference Protocol V2.

    Args:
        gateway: Holds the table.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def find(self, method: str, parts: tuple[str, ...], headers: Headers) -> Handler | None:
        """Return what answers this head; None when the path is not of this protocol."""
        if parts[0] != "v2":
            return None
        if parts[-1] == "infer" and (found := model_path(parts[:-1])):
            allow(method, WRITE)
            return self._infer(*found, headers)
        if parts == ("v2", "repository", "index"):
            allow(method, WRITE)
            return page(self._index)
        handler = self._page(parts)
        if handler is not None:
            allow(method, READ)
        return handler

    def _infer(self, model: str, version: str | None, headers: Headers) -> Handler:
        length = headers.get(HEADER_LENGTH)
        if length is None:
            check_body(headers)
            return Infer(self._gateway, model, version).handle
        check_body(headers, (OCTETS, *JSON_TYPES))
        if not length.isdigit() or len(length) > 9:  # noqa: PLR2004 - a gigabyte of JSON
            raise Refusal(400, "bad_header", "Inference-Header-Content-Length is not a number of bytes")
        return Ask(self._gateway, model, version, partial(_read_binary, int(length)))

    def _page(self, parts: tuple[str, ...]) -> Handler | None:
        match parts:
            case ("v2",):
                return page(lambda: (200, {"name": server, "version": version_of(), "extensions": EXTENSIONS}))
            case ("v2", "health", "live"):
                return page(lambda: (200, {"live": True}))
            case ("v2", "health", "ready"):
                return page(self._ready)
            case (*start, "ready") if named := model_path(tuple(start)):
                return page(partial(self._model_ready, *named))
            case _ if named := model_path(parts):
                return page(partial(self._metadata, *named))
        return None

    def _ready(self) -> tuple[int, object]:
        table = self._gateway.table
        ready = table.ready and not self._gateway.draining
        state = "ready" if ready else "starting" if not table.read else "not ready"
        state = "draining" if self._gateway.draining else state
        body = {"ready": ready, "state": state, "routes": table.away or "read"}
        return (200 if ready else 503), {**body, "models": [self._show(entry) for entry in table.entries.values()]}

    def _show(self, entry: Entry) -> dict[str, Any]:
        shown: dict[str, Any] = {"name": entry.model, "revision": entry.revision}
        shown["version"] = entry.serving.arm.version if entry.serving else None
        if entry.others:
            shown["arms"] = self._gateway.shares(entry.model)
        return {**shown, "why": entry.why} if entry.why else shown

    def _index(self) -> tuple[int, object]:
        return 200, [_list(entry) for entry in self._gateway.table.entries.values()]

    def _model_ready(self, model: str, version: str | None) -> tuple[int, object]:
        try:
            serving = self._gateway.table.find(model, version)
        except Refusal as refusal:
            if refusal.code != "model_not_ready":
                raise
            return 503, {"name": model, "ready": False, "why": refusal.what}
        return 200, {"name": model, "version": serving.arm.version, "ready": True}

    def _metadata(self, model: str, version: str | None) -> tuple[int, object]:
        serving = self._gateway.table.find(model, version)
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
    """Answers the JSON inference requests of one path; looks its model up once per table.

    Args:
        gateway: Holds the table.
        model: The model's name.
        version: The version that the path names.
    """

    __slots__ = ("_gateway", "_model", "_put", "_rows", "_stand", "_version")

    def __init__(self, gateway: Gateway, model: str, version: str | None) -> None:
        self._gateway = gateway
        self._rows = gateway.rows
        self._model = model
        self._version = version
        self._stand: object = None

    def handle(self, exchange: Exchange, body: bytes) -> None:
        """Put a request on its lane."""
        if self._stand is not self._gateway.stand:
            self._look_up(exchange.head.headers)
        self._put(exchange, body, _parse, self._rows)

    def _look_up(self, headers: Headers) -> None:
        self._stand = None
        self._put = self._gateway.meet(self._model, self._version, headers).put_single
        self._stand = self._gateway.stand


def _parse(body: bytes, loaded: Loaded, most_rows: int) -> Asked:
    return parse(body, loaded.signature, most_rows)


def _read_binary(length: int, _head: Head, body: bytes, loaded: Loaded, most_rows: int) -> Asked:
    if length > len(body):
        what = f"Inference-Header-Content-Length is {length}, but the body has {len(body)} bytes"
        raise Refusal(400, "bad_header", what)
    return parse_packed(body[:length], body[length:], loaded, most_rows)


def _list(entry: Entry) -> dict[str, str]:
    if entry.serving is None:
        return {"name": entry.model, "version": "", "state": "UNAVAILABLE", "reason": entry.why}
    return {"name": entry.model, "version": entry.serving.arm.version, "state": "READY", "reason": ""}


def version_of() -> str:
    """Return this package's version."""
    from importlib.metadata import version

    return version(server)
