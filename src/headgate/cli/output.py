"""What every command shares: the project, printing for people or programs, and errors without tracebacks."""

import functools
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec

import typer

from headgate.base.errors import HeadgateError

if TYPE_CHECKING:
    from headgate.wiring import Project

P = ParamSpec("P")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
Because = Annotated[str, typer.Option("--because", help="Why; kept in the journal.")]
Folder = Annotated[Path, typer.Option("--project", "-C", help="The project folder, or one above headgate.yaml.")]
Actor = Annotated[str, typer.Option("--as", envvar="HEADGATE_ACTOR", help="Who acts; default: your login name.")]
HERE = Path()


def open_project(folder: Path) -> "Project":
    """Open the project that the folder lies in, its policy read and checked."""
    from headgate.wiring import Project

    return Project.open(folder)


def actor_of(name: str) -> str:
    """Return ``person:<name>``; without a name, the login name."""
    import getpass

    return name if name.startswith(("person:", "process:")) else f"person:{name or getpass.getuser()}"


def choose_model(project: "Project", name: str) -> str:
    """Return the model of this name; without a name, the project's only one."""
    from headgate.base.errors import BadInput

    models = list(project.policy.models)
    if name in models:
        return name
    if not name and len(models) == 1:
        return models[0]
    what = f"the project has no model {name!r}" if name else "the project has several models"
    raise BadInput(what, where=str(project.folder), way_out=f"name one of: {', '.join(models)}")


def counted(number: int, thing: str) -> str:
    """Return ``1 finding``, ``2 findings``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def show(data: Any, *, as_json: bool, render: Callable[[], Any]) -> None:
    """Print the data as JSON, or what `render` returns with Rich."""
    if as_json:
        typer.echo(json.dumps(data, indent=2, ensure_ascii=False, default=str))
        return
    from rich.console import Console

    Console(soft_wrap=not sys.stdout.isatty(), highlight=False).print(render())


@contextmanager
def telling() -> Iterator[Callable[[str], None]]:
    """Give a function that tells, on stderr, how long work goes on: what runs (ends in "...") and what is done.

    On a terminal what runs is shown beside a clock, until it is done; elsewhere only what is done is printed.
    """
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, highlight=False)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("starting")

        def tell(line: str) -> None:
            if line.endswith("..."):
                progress.update(task, description=line)
            else:
                console.print(f"  {line}", soft_wrap=True)

        yield tell


def plainly(command: Callable[P, None]) -> Callable[P, None]:
    """Turn a HeadgateError into its message on stderr and its exit code; a traceback only with --debug."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except HeadgateError as error:
            if os.environ.get("HEADGATE_DEBUG"):
                raise
            if kwargs.get("as_json"):
                body = {"error": type(error).__name__, "what": error.what, "where": error.where}
                typer.echo(json.dumps({**body, "way_out": error.way_out}, ensure_ascii=False))
            typer.echo(f"headgate: {error}", err=True)
            raise typer.Exit(error.exit_code) from None

    return wrapped
