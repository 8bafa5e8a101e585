"""The gRPC server of a worker: on the loop that answers HTTP, on the same lanes."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from headgate import __name__ as server_name
from headgate.base.errors import HeadgateError, Unavailable
from headgate.gateway.grpc.bounds import options
from headgate.gateway.grpc.messages import SERVICE, build
from headgate.gateway.grpc.translate import read, tell
from headgate.gateway.guard.keys import ANY
from headgate.gateway.limits import Limits
from headgate.gateway.protocols.asked import Told
from headgate.gateway.protocols.speech import Gateway, Headers, put
from headgate.gateway.protocols.v2_json.datatypes import metadata
from headgate.gateway.protocols.v2_json.speech import EXTENSIONS, version_of
from headgate.gateway.refusal import Refusal, bad
from headgate.gateway.way import TIMEOUT

LOG = logging.getLogger("headgate.gateway")
CODES: Mapping[int, grpc.StatusCode] = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    408: grpc.StatusCode.DEADLINE_EXCEEDED,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
LONGEST_DEADLINE = 3600.0  # seconds; a later one is none
Answer = Callable[[Any, Any], Awaitable[Any]]


class Call:
    """A gRPC request that waits for its answer, as an Exchange does.

    Args:
        headers: The call's metadata.
        future: Gets the answer, or the refusal.
    """

    __slots__ = ("future", "headers")

    def __init__(self, headers: Headers, future: "asyncio.Future[Told]") -> None:
        self.headers = headers
        self.future = future

    @property
    def head(self) -> "Call":
        """Where the headers are."""
        return self

    @property
    def gone(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return self.future.done()

    def refuse(self, refusal: Refusal) -> None:
        """Answer with a refusal."""
        if not self.future.done():
            self.future.set_exception(refusal.with_traceback(None))  # one that is given often must not hold who got it


def give(call: Call, told: Told) -> None:
    """Hand a call its answer; a client that is gone gets none."""
    if not call.future.done():
        call.future.set_result(told)


class Service:
    """Open Inference Protocol V2.

    Args:
        gateway: Holds the table.
        refused: Counts refusals by the HTTP status that they would have, and code.
        underway: Holds the calls that have no answer yet.
    """

    def __init__(self, gateway: Gateway, refused: Counter[tuple[int, str]], underway: set[Any]) -> None:
        self._gateway = gateway
        self._refused = refused
        self._underway = underway
        self._messages = build()

    def handler(self) -> Any:
        """Return what grpc calls."""
        verbs: dict[str, Answer] = {
            "ServerLive": self._live,
            "ServerReady": self._ready,
            "ServerMetadata": self._about,
            "ModelReady": self._model_ready,
            "ModelMetadata": self._metadata,
            "ModelInfer": self._infer,
        }
        return grpc.method_handlers_generic_handler(
            SERVICE, {verb: self._verb(verb, answer) for verb, answer in verbs.items()}
        )

    def _verb(self, verb: str, answer: Answer) -> Any:
        request, response = self._messages[f"{verb}Request"], self._messages[f"{verb}Response"]
        return grpc.unary_unary_rpc_method_handler(
            partial(self.guarded, answer),
            request_deserializer=partial(_decode, request),
            response_serializer=response.SerializeToString,
        )

    async def guarded(self, answer: Answer, request: Any, context: Any) -> Any:
        """Answer, or end the call with the code that says why; the client never sees a traceback."""
        self._underway.add(context)
        try:
            return await answer(_there(request), context)
        except Refusal as error:
            refusal = error
        except HeadgateError as error:
            refusal = Refusal(400, "bad_request", error.what)
        except Exception:
            LOG.exception("a gRPC request failed")
            refusal = Refusal(500, "internal", "the worker failed on this request")
        finally:
            self._underway.discard(context)
        self._refused[refusal.status, refusal.code] += 1
        trailing = [("headgate-code", refusal.code)]
        trailing += [(name.decode(), value.decode()) for name, value in refusal.headers]
        if refusal.retry_after is not None:
            trailing.append(("retry-after", str(refusal.retry_after)))
        code = CODES.get(refusal.status, grpc.StatusCode.INTERNAL)
        return await context.abort(code, refusal.what, trailing_metadata=tuple(trailing))

    async def _live(self, _request: Any, _context: Any) -> Any:
        return self._messages["ServerLiveResponse"](live=True)

    async def _ready(self, _request: Any, _context: Any) -> Any:
        ready = self._gateway.table.ready and not self._gateway.draining
        return self._messages["ServerReadyResponse"](ready=ready)

    async def _about(self, _request: Any, context: Any) -> Any:
        self._gateway.guard.admit(_headers(context), ANY)
        return self._messages["ServerMetadataResponse"](name=server_name, version=version_of(), extensions=EXTENSIONS)

    async def _model_ready(self, request: Any, _context: Any) -> Any:
        try:
            self._gateway.table.find(request.name, request.version or None)
        except Refusal as refusal:
            if refusal.code != "model_not_ready":
                raise
            return self._messages["ModelReadyResponse"](ready=False)
        return self._messages["ModelReadyResponse"](ready=True)

    async def _metadata(self, request: Any, context: Any) -> Any:
        self._gateway.guard.admit(_headers(context), ANY)
        serving = self._gateway.table.find(request.name, request.version or None)
        manifest = serving.loaded.manifest
        tensor = self._messages["ModelMetadataResponse.TensorMetadata"]
        return self._messages["ModelMetadataResponse"](
            name=request.name,
            versions=[serving.arm.version],
            platform=f"headgate_{manifest.runtime}",
            inputs=[tensor(**metadata(field)) for field in manifest.signature.inputs],
            outputs=[tensor(**metadata(field)) for field in manifest.signature.outputs],
        )

    async def _infer(self, request: Any, context: Any) -> Any:
        call = Call(_headers(context), asyncio.get_running_loop().create_future())
        version = request.model_version or None
        put(self._gateway, call, request.model_name, version, partial(read, request, give))
        told = await call.future
        context.set_trailing_metadata([(name.decode(), value.decode()) for name, value in told.headers])
        return tell(self._messages, told)


def _decode(request: Any, data: bytes) -> Any:
    """Return the message, or None for bytes that are none: grpc itself would answer that the server failed."""
    try:
        return request.FromString(data)
    except DecodeError:
        return None


def _there(request: Any) -> Any:
    if request is None:
        raise bad("bad_message", "the bytes are not the message that this call takes")
    return request


def _headers(context: Any) -> dict[bytes, bytes]:
    """Return a call's metadata as headers; its deadline is one of them."""
    named = {name.lower().encode(): _bytes(value) for name, value in context.invocation_metadata() or ()}
    left = context.time_remaining()
    if left is not None and left < LONGEST_DEADLINE:
        named.setdefault(TIMEOUT, b"%d" % max(1, int(left * 1000)))
    return named


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("latin-1", "replace")


async def listen(
    gateway: Gateway,
    host: str,
    port: int,
    limits: Limits,
    *,
    tls: tuple[bytes, bytes] | None = None,
    refused: Counter[tuple[int, str]] | None = None,
    underway: set[Any] | None = None,
) -> tuple[Any, int]:
    """Listen; return the server and its port.

    Args:
        gateway: Holds the table.
        host: Address.
        port: TCP port; 0: any free one.
        limits: What clients are allowed.
        tls: Private key and certificate chain, PEM; None: not encrypted.
        refused: Counts refusals; None: nobody does.
        underway: Gets the calls that have no answer yet; None: nobody asks.

    Raises:
        Unavailable: The address cannot be listened on.
    """
    server = grpc.aio.server(options=options(limits), maximum_concurrent_rpcs=limits.calls)
    service = Service(gateway, Counter() if refused is None else refused, set() if underway is None else underway)
    server.add_generic_rpc_handlers((service.handler(),))
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        if tls is None:
            bound = server.add_insecure_port(where)
        else:
            bound = server.add_secure_port(where, grpc.ssl_server_credentials([tls]))
    except RuntimeError as error:
        raise Unavailable(
            "cannot listen for gRPC", where=where, way_out="end what listens there, or choose another --grpc-port"
        ) from error
    await server.start()
    return server, bound
