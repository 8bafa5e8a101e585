"""`python -m headgate.cli.tracking FOLDER HOST PORT`: MLflow's own server on the project's store. Not for people.

It makes MLflow's database where there is none, before anything else looks at it, and becomes `mlflow server`.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from headgate.base.errors import HeadgateError
from headgate.cli.output import open_project

if TYPE_CHECKING:
    from headgate.wiring import Project


def main(folder: str, host: str, port: str) -> int:
    """Become the server; return an exit code only when that cannot be."""
    try:
        project = open_project(Path(folder))
        project.registry().ping()
    except HeadgateError as error:
        typer.echo(f"headgate: {error}", err=True)
        return error.exit_code
    return become_server(project, host, port)


def become_server(project: "Project", host: str, port: str) -> NoReturn:
    """Replace this process by MLflow's server."""
    store, artefacts = project.tracking_store()
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    environment = {**os.environ, **quiet, "MLFLOW_BACKEND_STORE_URI": store}  # not an option: it may hold a password
    place = ["--artifacts-destination", artefacts] if artefacts else []
    command = [sys.executable, "-m", "mlflow", "server", "--host", host, "--port", port, "--workers", "1", *place]
    os.execve(sys.executable, command, environment)  # noqa: S606 - there is no shell to go through


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
