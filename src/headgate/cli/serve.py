"""`headgate serve`: one worker that answers for the champion of every model."""

import logging
import sys
from typing import Annotated

import typer

from headgate.cli.output import HERE, Folder, open_project, plainly


@plainly
def serve(
    folder: Folder = HERE,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="TCP port; 0: any free one, which is printed.")] = 8080,
    grpc_port: Annotated[
        int | None, typer.Option("--grpc-port", help="TCP port for gRPC, such as 8082; without it there is no gRPC.")
    ] = None,
    *,
    insecure_no_auth: Annotated[
        bool, typer.Option("--insecure-no-auth", help="Listen beyond this machine although nobody is asked for a key.")
    ] = False,
) -> None:
    """Answer requests with the champion of every model (Open Inference Protocol V2, JSON); Ctrl-C drains."""
    from headgate.gateway.worker import Station, check_host, serve
    from headgate.journal.ports import Document
    from headgate.routing.route import COLLECTION
    from headgate.wiring import make_runtime

    check_host(host, insecure=insecure_no_auth)
    project = open_project(folder)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")

    def routes() -> tuple[Document, ...]:
        return project.journal().documents(COLLECTION)

    def listening(host: str, port: int) -> None:
        typer.echo(f"headgate serves on http://{host}:{port}/v2 (Ctrl-C drains and ends)")

    def listening_grpc(host: str, port: int) -> None:
        typer.echo(f"headgate serves gRPC on {host}:{port}")

    serve(
        Station(
            host,
            port,
            project.folder,
            routes,
            make_runtime,
            project.clock,
            insecure=insecure_no_auth,
            listening=listening,
            grpc_port=grpc_port,
            grpc_listening=listening_grpc,
        )
    )


def attach(app: typer.Typer) -> None:
    """Register the command."""
    app.command("serve")(serve)
