"""What a worker is given: where it listens, and what it needs of the world."""

import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from headgate.base.clock import Clock
from headgate.features.predictor import MakeRuntime
from headgate.gateway.admin import Desk
from headgate.gateway.limits import Limits
from headgate.gateway.record import Keeping
from headgate.journal.ports import Document
from headgate.policy.model import ServingPolicy


@dataclass(frozen=True, slots=True)
class Station:
    """Where a worker listens, and what it needs of the world.

    Attributes:
        host: Address.
        port: TCP port; 0: any free one.
        folder: The state folder: bundles lie in it under their digests.
        routes: Returns the route documents; called in a thread.
        make: Builds the runtime that a bundle names.
        opener: ``module:name`` of what opens a bundle in the process of a shadow; empty: there are no shadows.
        clock: Tells the time of prediction ids.
        limits: What clients are allowed.
        insecure: Whether nobody is asked for a key, wherever it listens.
        keys: Returns the documents of API keys; called in a thread; None: there are none.
        ask_keys: Whether a key is needed on loopback too; beyond it, it always is.
        serving: How each model is served.
        shared: Folder of what the workers of this machine share: the tokens of limits; None: nothing is limited.
        poll_seconds: Between two looks at the routes.
        listening: Called with host and port once it listens.
        grpc_port: TCP port of gRPC; 0: any free one; None: no gRPC, and nothing of it is imported.
        grpc_listening: Called with host and port once it listens for gRPC.
        plugs: Sockets that listen already, and that a supervisor keeps; empty: host and port are listened on.
        path: A Unix socket beside host and port.
        tls: What a connection over TCP is encrypted with; None: nothing.
        grpc_tls: The same for gRPC: private key and certificate chain, PEM.
        keeping: Opens what keeps answers and outcomes, in the worker's own process; None: nothing is kept.
        desk: Where metrics are shown and kept; None: nowhere, or by the supervisor.
        link: To the supervisor; when the supervisor is gone, the worker drains.
    """

    host: str
    port: int
    folder: Path
    routes: Callable[[], Sequence[Document]]
    make: MakeRuntime
    clock: Clock
    limits: Limits = field(default_factory=Limits)
    insecure: bool = False
    keys: Callable[[], Sequence[Document]] | None = None
    ask_keys: bool = False
    serving: Mapping[str, ServingPolicy] = field(default_factory=dict)
    shared: Path | None = None
    poll_seconds: float = 0.2
    listening: Callable[[str, int], None] | None = None
    grpc_port: int | None = None
    grpc_listening: Callable[[str, int], None] | None = None
    plugs: tuple[socket.socket, ...] = ()
    path: Path | None = None
    tls: ssl.SSLContext | None = None
    grpc_tls: tuple[bytes, bytes] | None = None
    keeping: Callable[[], Keeping] | None = None
    desk: Desk | None = None
    link: socket.socket | None = None
    opener: str = ""
