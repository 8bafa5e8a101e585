"""`headgate up`: gateway, controller, control API and MLflow's server, all under one supervisor."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from headgate.cli.output import HERE, Folder, open_project, plainly

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headgate.running.addresses import Place
    from headgate.running.part import Part
    from headgate.wiring import Project

Host = Annotated[str, typer.Option("--host", help="Address of the gateway and the control API.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="The gateway's TCP port; 0: any free one.")]
ApiPort = Annotated[int, typer.Option("--api-port", min=0, max=65535, help="The control API's port; 0: any free one.")]
TrackingPort = Annotated[
    int,
    typer.Option("--tracking-port", min=0, max=65535, help="MLflow's port, on this machine alone; 0: any free one."),
]
AdminPort = Annotated[
    int, typer.Option("--admin-port", min=0, max=65535, help="Port of the gateway's metrics; 0: any free one.")
]
GrpcPort = Annotated[
    int | None, typer.Option("--grpc-port", min=0, max=65535, help="The gateway's gRPC port; without it there is none.")
]
Workers = Annotated[int, typer.Option("--workers", min=1, max=256, help="Processes of the gateway.")]
NoTracking = Annotated[bool, typer.Option("--no-tracking", help="Run no MLflow server.")]
LOCAL = "127.0.0.1"
DRAIN_SECONDS = 45.0  # a gateway has 30 for what is in flight


def attach(app: typer.Typer) -> None:
    """Add the command."""
    app.command("up", rich_help_panel="Run")(up)


@plainly
def up(
    *,
    host: Host = LOCAL,
    port: Port = 8080,
    api_port: ApiPort = 8081,
    tracking_port: TrackingPort = 5000,
    admin_port: AdminPort = 8083,
    grpc_port: GrpcPort = None,
    workers: Workers = 1,
    no_tracking: NoTracking = False,
    folder: Folder = HERE,
) -> None:
    """Run everything: gateway, controller, control API, MLflow's server; Ctrl-C ends them in order."""
    import asyncio
    import os

    from headgate.gateway.listen import listen
    from headgate.running.addresses import Place, claim
    from headgate.running.lock import alone
    from headgate.running.supervisor import Supervisor

    project = open_project(folder)
    places = [
        Place("gateway", "--port", host, port),
        Place("metrics", "--admin-port", LOCAL, admin_port),
        Place("api", "--api-port", host, api_port),
        *([] if grpc_port is None else [Place("grpc", "--grpc-port", host, grpc_port)]),
    ]
    elsewhere = project.policy.settings.tracking.startswith(("http://", "https://"))
    if not (no_tracking or elsewhere):
        places.append(Place("mlflow", "--tracking-port", LOCAL, tracking_port))
    _check(project, host)
    with alone(project.state):
        parts = _parts(project, places, claim(places, listen), workers)
        typer.echo(f"headgate starts {len(parts)} parts of {project.policy.project} (process {os.getpid()})")
        if elsewhere:
            typer.echo("  mlflow runs elsewhere: settings.tracking names its server")
        supervisor = Supervisor(parts, project.state, project.clock, os.getpid(), typer.echo)
        raise typer.Exit(asyncio.run(supervisor.run()))


def _check(project: "Project", host: str) -> None:
    """Refuse what every part would refuse, before anything starts."""
    from headgate.gateway.guard.host import check_host
    from headgate.gateway.guard.keys import COLLECTION

    check_host(host, insecure=bool(project.journal().documents(COLLECTION)))


def _parts(project: "Project", places: "list[Place]", ports: "Mapping[str, int]", workers: int) -> "list[Part]":
    from headgate.cli.controller import READY
    from headgate.running.part import Part

    program, here = (sys.executable, "-m", "headgate.cli.main"), ("-C", str(project.folder))
    host = next(place.host for place in places if place.part == "gateway")
    secure = "s" if project.policy.settings.tls_certificate else ""
    shown = {name: f"http{secure}://{_in_url(host)}:{ports[name]}" for name in ("gateway", "api")}
    asked = {name: f"http{secure}://{_reached(host)}:{ports[name]}" for name in ("gateway", "api")}
    grpc = f", gRPC on {_in_url(host)}:{ports['grpc']}" if "grpc" in ports else ""
    metrics = f"http://{LOCAL}:{ports['metrics']}"
    serve: tuple[str, ...] = ("serve", "--host", host, "--port", str(ports["gateway"]))
    serve += ("--admin-port", str(ports["metrics"]), "--workers", str(workers))
    serve += ("--grpc-port", str(ports["grpc"])) if "grpc" in ports else ()
    after = "mlflow" if "mlflow" in ports else ""
    parts = [
        Part(
            "gateway",
            (*program, *serve, *here),
            f"{shown['gateway']}/v2{grpc}, metrics on {metrics}/metrics",
            f"{asked['gateway']}/v2/health/live",
            drain=DRAIN_SECONDS,
            admin=metrics,
        ),
        Part("controller", (*program, "controller", *here), says=READY, after=after),
        Part(
            "api",
            (*program, "api", "--host", host, "--port", str(ports["api"]), *here),
            f"{shown['api']}/v1/status",
            f"{asked['api']}/health",
            after=after,
        ),
    ]
    if after:
        address, place = f"http://{LOCAL}:{ports[after]}", (str(project.folder), LOCAL, str(ports[after]))
        command = (sys.executable, "-m", "headgate.cli.tracking", *place)
        parts.append(Part(after, command, address, f"{address}/health"))
    return parts


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _reached(host: str) -> str:
    """Return by which address this machine reaches what listens on a host."""
    return {"0.0.0.0": LOCAL, "::": "[::1]"}.get(host, _in_url(host))  # noqa: S104 - it is compared with
