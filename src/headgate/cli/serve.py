"""`headgate serve`: one worker, or several under a supervisor, that answer for every model."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headgate.cli.output import HERE, Folder, open_project, plainly

if TYPE_CHECKING:
    from headgate.wiring import Project

MOST = 65535
Port = Annotated[int, typer.Option("--port", min=0, max=MOST, help="TCP port; 0: any free one, which is printed.")]
GrpcPort = Annotated[
    int | None,
    typer.Option("--grpc-port", min=0, max=MOST, help="TCP port for gRPC, such as 8082; without it there is no gRPC."),
]
AdminPort = Annotated[
    int | None,
    typer.Option(
        "--admin-port", min=0, max=MOST, help="Port of /metrics; default: 8081, or a free one if it is taken."
    ),
]
AdminHost = Annotated[
    str, typer.Option("--admin-host", help="Address of the admin port; beyond this machine any API key must be shown.")
]


@plainly
def serve(
    folder: Folder = HERE,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Port = 8080,
    grpc_port: GrpcPort = None,
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=256, help="Processes; SIGHUP replaces them one by one.")
    ] = 1,
    unix_socket: Annotated[Path | None, typer.Option("--unix-socket", help="Listen on this path as well.")] = None,
    admin_port: AdminPort = None,
    admin_host: AdminHost = "127.0.0.1",
    compact_every: Annotated[
        str,
        typer.Option("--compact-every", help="How often the prediction log becomes Parquet; none: not here."),
    ] = "1m",
    *,
    insecure_no_auth: Annotated[
        bool, typer.Option("--insecure-no-auth", help="Ask nobody for an API key, also beyond this machine.")
    ] = False,
) -> None:
    """Answer requests with the champion of every model; Ctrl-C drains: what is in flight is finished first."""
    from headgate.cli.staff import Plan, desk_of, lead, station, tls_of
    from headgate.gateway.guard.host import check_host
    from headgate.gateway.guard.keys import COLLECTION
    from headgate.gateway.listen import check_free
    from headgate.gateway.worker import serve

    project = open_project(folder)
    open_to_many = insecure_no_auth or bool(project.journal().documents(COLLECTION))
    check_host(host, insecure=open_to_many)
    check_host(admin_host, insecure=open_to_many, option="--admin-host")
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    plan = Plan(str(project.folder), host, port, grpc_port, insecure_no_auth, str(unix_socket or ""))
    secure = "s" if tls_of(project) else ""

    listening = _says(f"headgate serves on http{secure}://%s:%d/v2 (Ctrl-C drains and ends)")
    listening_grpc = _says("headgate serves gRPC on %s:%d")
    showing = _says("headgate shows its metrics on http://%s:%d/metrics")
    often = _seconds(compact_every)
    desk = desk_of(project, admin_host, admin_port, showing, often, insecure=insecure_no_auth)
    warn_without_champion(project)
    if grpc_port:
        check_free(host, grpc_port, "--grpc-port")
    if workers > 1:
        raise typer.Exit(lead(plan, desk, workers, listening, listening_grpc))
    serve(station(project, plan, desk, listening=listening, grpc_listening=listening_grpc))


def _says(words: str) -> Callable[[str, int], None]:
    """Return what prints the words, with host and port in them."""
    return lambda host, port: typer.echo(words % (host, port))


def _seconds(text: str) -> float:
    """Return the seconds of a span; 0 for none."""
    from headgate.base.errors import BadInput
    from headgate.policy.span import parse_span

    if text == "none":
        return 0.0
    try:
        span: Any = parse_span(text)
    except ValueError as error:
        raise BadInput(str(error), where="--compact-every", way_out="--compact-every 1m, or none") from error
    return float(span.total_seconds())


def warn_without_champion(project: "Project") -> None:
    """Say which models nobody can be answered for yet."""
    from headgate.routing.route import COLLECTION

    routed = {document.key for document in project.journal().documents(COLLECTION)}
    if without := [name for name in project.policy.models if name not in routed]:
        what = "no version serves yet of %s: `headgate promote VERSION` makes one champion, and it is served at once"
        logging.getLogger("headgate.gateway").warning(what, ", ".join(without))


def attach(app: typer.Typer) -> None:
    """Register the command."""
    app.command("serve", rich_help_panel="Run")(serve)
