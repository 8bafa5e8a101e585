"""What `headgate serve` makes of a project: the station of a worker, or the supervisor of several."""

import json
import logging
import socket
import ssl
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from headgate.base.errors import Refused

if TYPE_CHECKING:
    from headgate.gateway.admin import Desk
    from headgate.gateway.station import Station
    from headgate.journal.ports import Document
    from headgate.wiring import Project

LOG = logging.getLogger("headgate.gateway")
Listening: TypeAlias = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a worker is asked for, as its command line carries it.

    Attributes:
        folder: The project folder.
        host: Address.
        port: TCP port.
        grpc_port: TCP port of gRPC; None: none.
        insecure: Whether it may listen beyond this machine without asking for keys.
        path: A Unix socket; empty: none.
        plugs: Numbers of the sockets that the supervisor hands over.
        link: Number of the socket that leads to the supervisor.
    """

    folder: str
    host: str
    port: int
    grpc_port: int | None
    insecure: bool
    path: str = ""
    plugs: tuple[int, ...] = ()
    link: int | None = None


def station(
    project: "Project",
    plan: Plan,
    desk: "Desk | None" = None,
    *,
    listening: Listening | None = None,
    grpc_listening: Listening | None = None,
) -> "Station":
    """Return a worker's station."""
    from headgate.gateway.guard.keys import COLLECTION as KEYS
    from headgate.gateway.station import Station
    from headgate.routing.route import COLLECTION

    def routes() -> "tuple[Document, ...]":
        return project.journal().documents(COLLECTION)

    return Station(
        plan.host,
        plan.port,
        project.state,
        routes,
        project.runtimes(),
        project.clock,
        insecure=plan.insecure,
        listening=listening,
        grpc_port=plan.grpc_port,
        grpc_listening=grpc_listening,
        plugs=tuple(socket.socket(fileno=number) for number in plan.plugs),
        path=Path(plan.path) if plan.path else None,
        tls=tls_of(project),
        grpc_tls=grpc_tls_of(project) if plan.grpc_port is not None else None,
        keeping=project.keeping,
        desk=desk,
        link=None if plan.link is None else socket.socket(fileno=plan.link),
        keys=lambda: project.journal().documents(KEYS),
        ask_keys=project.policy.settings.ask_keys == "always",
        serving={name: model.serving for name, model in project.policy.models.items()},
        shared=project.state / "gateway",
        opener="headgate.wiring:open_model",
    )


def tls_of(project: "Project") -> ssl.SSLContext | None:
    """Return what connections are encrypted with, as the settings say.

    Raises:
        Refused: Only one of certificate and key is set.
        BadInput: Certificate or key cannot be used.
    """
    from headgate.gateway.listen import open_tls

    settings = project.policy.settings
    if not settings.tls_certificate and not settings.tls_key:
        return None
    where = "settings tls_certificate and tls_key"
    if not settings.tls_certificate or not settings.tls_key:
        raise Refused("TLS needs both a certificate and its key", where=where, way_out="set both, or neither")
    return open_tls(project.folder / settings.tls_certificate, project.folder / settings.tls_key)


def grpc_tls_of(project: "Project") -> tuple[bytes, bytes] | None:
    """Return private key and certificate chain for gRPC; tls_of has said whether they can be used."""
    settings = project.policy.settings
    if not settings.tls_key:
        return None
    key, certificate = (project.folder / path for path in (settings.tls_key, settings.tls_certificate))
    return key.read_bytes(), certificate.read_bytes()


def desk_of(
    project: "Project", host: str, port: int | None, listening: Listening, compact_seconds: float, *, insecure: bool
) -> "Desk":
    """Return where metrics are shown, rollups kept, and the prediction log compacted every so many seconds."""
    from headgate.gateway.admin import Desk
    from headgate.gateway.guard.host import is_loopback
    from headgate.gateway.guard.keys import COLLECTION as KEYS
    from headgate.gateway.supervise.chore import Chore

    command = [sys.executable, "-m", "headgate.cli.compactor", str(project.folder)]
    spool = project.spool()
    chore = Chore("compaction of the log", command, lambda: any(spool.glob("*/*.arrows")), compact_seconds)
    final = {name: model.serving.final_after.total_seconds() for name, model in project.policy.models.items()}
    keys = None if insecure or is_loopback(host) else lambda: project.journal().documents(KEYS)
    return Desk(host, port, project.rollups(), lambda: project.clock.now().timestamp(), listening, chore, final, keys)


def lead(plan: Plan, desk: "Desk", workers: int, listening: Listening, grpc_listening: Listening) -> int:
    """Supervise several workers until a signal; return the exit code."""
    import uvloop

    from headgate.gateway.limits import Limits
    from headgate.gateway.listen import listen, listen_path, reserve, show
    from headgate.gateway.supervise.supervisor import Crew, Supervisor

    plugs = listen(plan.host, plan.port, workers)
    shared = (listen_path(Path(plan.path)),) if plan.path else ()
    if plan.grpc_port == 0:
        plan = replace(plan, grpc_port=reserve(plan.host))

    def command(numbers: Sequence[int], link: int) -> Sequence[str]:
        told = json.dumps(asdict(replace(plan, plugs=tuple(numbers), link=link)))
        return [sys.executable, "-m", "headgate.cli.worker", told]

    listening(*plugs[0].getsockname()[:2])
    for plug in shared:
        LOG.info("listening on %s", show(plug))
    if plan.grpc_port is not None:
        grpc_listening(plan.host, plan.grpc_port)
    crew = Crew(tuple((plug,) for plug in plugs), shared, command, Limits().drain_seconds)

    async def run() -> int:
        return await Supervisor(crew, desk).run()

    return uvloop.run(run())
