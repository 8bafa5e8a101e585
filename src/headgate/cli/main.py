"""The `headgate` command: gathers the commands and keeps its own start light; it decides nothing."""

import importlib
import os
import sys
from typing import Annotated

import typer

# The order of --help: from a new project to what serves, then looking back, then upkeep.
NOUNS = (
    "init",
    "check",
    "train",
    "register",
    "gate",
    "profile",
    "person",
    "approve",
    "promote",
    "release",
    "route",
    "key",
    "up",
    "serve",
    "api",
    "controller",
    "score",
    "predictions",
    "outcomes",
    "tick",
    "status",
    "at",
    "journal",
    "audit",
    "reproduce",
    "backup",
    "webhook",
)
UNEXPECTED = 70


def build() -> typer.Typer:
    """Return the application with every command attached; no command's own imports are paid here."""
    app = typer.Typer(
        name="headgate",
        help="Take a model from a training run to production traffic, and keep it fit there.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    app.callback()(_options)
    for noun in NOUNS:
        importlib.import_module(f"headgate.cli.{noun}").attach(app)
    return app


def _print_version(asked: bool) -> None:  # noqa: FBT001 - Typer hands a callback its value
    if asked:
        from importlib.metadata import version as installed

        typer.echo(f"headgate {installed('headgate')}")
        raise typer.Exit


def _options(
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    del version  # its callback has ended the command
    if debug:
        os.environ["HEADGATE_DEBUG"] = "1"


def main() -> None:
    """Run the command line; nobody sees a traceback unless they ask for one."""
    try:
        build()()
    except Exception as error:  # the last stop: whatever was not foreseen is said in one line
        if os.environ.get("HEADGATE_DEBUG"):
            raise
        typer.echo(
            f"headgate: this should not have happened: {type(error).__name__}: {error}\n"
            "  way out: run it again as `headgate --debug ...` and report what it prints",
            err=True,
        )
        sys.exit(UNEXPECTED)


if __name__ == "__main__":
    main()
