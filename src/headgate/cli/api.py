"""`headgate api`: the control API: look at models and decide about them over HTTP."""

import logging
import sys
from typing import Annotated

import typer

from headgate.cli.output import HERE, Folder, open_project, plainly

Host = Annotated[str, typer.Option("--host", help="Address to listen on; beyond this machine keys are asked for.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="TCP port; 0: any free one, which is printed.")]


def attach(app: typer.Typer) -> None:
    """Add the command."""
    app.command("api", rich_help_panel="Run")(api)


@plainly
def api(host: Host = "127.0.0.1", port: Port = 8081, *, folder: Folder = HERE) -> None:
    """Serve the control API; `/openapi.json` describes it. Keys: `headgate key create --role viewer`."""
    from headgate.api.serve import serve
    from headgate.gateway.guard.host import check_host
    from headgate.gateway.guard.keys import COLLECTION
    from headgate.running.standing import running

    project = open_project(folder)
    check_host(host, insecure=bool(project.journal().documents(COLLECTION)))
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")

    def told(address: str) -> None:
        typer.echo(f"headgate answers on {address}/v1/status ({address}/openapi.json)")
        sys.stdout.flush()

    serve(project, host, port, lambda: running(project.state, project.clock.now()), told)
