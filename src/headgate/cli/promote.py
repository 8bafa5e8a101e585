"""`headgate promote` and `headgate rollback`: move the pointer to the version that serves."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from headgate.cli.output import (
    HERE,
    Actor,
    AsJson,
    Because,
    Folder,
    actor_of,
    choose_model,
    open_project,
    plainly,
    show,
)

if TYPE_CHECKING:
    from headgate.release.steps import Desk, Outcome
    from headgate.wiring import Project

Version = Annotated[str, typer.Argument(help="The version.")]
To = Annotated[str | None, typer.Option("--to", help="The version; default: the champion before the present one.")]
Model = Annotated[str, typer.Option("--model", "-m", help="The model; may be left out where the project has one.")]
Override = Annotated[
    str | None, typer.Option("--override", help="Set the rules aside, and why; every screen shows it.")
]


def attach(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("promote", rich_help_panel="Decide")(promote)
    app.command("rollback", rich_help_panel="Decide")(rollback)


def desk_of(project: "Project") -> "Desk":
    """Return what moving a pointer needs of a project."""
    from headgate.release.steps import Desk

    return Desk(project.journal(), project.registry(), project.clock, project.policy, project.bundles())


@plainly
def promote(
    version: Version,
    *,
    because: Because,
    model: Model = "",
    override: Override = None,
    actor: Actor = "",
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Make a version champion: refused without a passing verdict and standing approval."""
    from headgate.release import steps

    project = open_project(folder)
    name = choose_model(project, model)
    _tell(name, steps.promote(desk_of(project), name, version, actor_of(actor), because, override), as_json=as_json)


@plainly
def rollback(
    *,
    because: Because,
    to: To = None,
    model: Model = "",
    override: Override = None,
    actor: Actor = "",
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Bring an earlier champion back; needs no new ballot, no training, and no tracking server."""
    from headgate.release import steps

    project = open_project(folder)
    name = choose_model(project, model)
    _tell(name, steps.roll_back(desk_of(project), name, to, actor_of(actor), because, override), as_json=as_json)


def _tell(model: str, outcome: "Outcome", *, as_json: bool) -> None:
    show(_json(model, outcome), as_json=as_json, render=lambda: _summary(model, outcome))


def _json(model: str, outcome: "Outcome") -> dict[str, Any]:
    body = outcome.event.body if outcome.event else {}
    return {
        "model": model,
        "version": outcome.version,
        "moved": outcome.move is not None,
        **{key: body.get(key) for key in ("from", "digest", "revision", "cause", "override", "authenticated")},
        "why": list(outcome.move.why) if outcome.move else [],
        "warnings": list(outcome.warnings),
    }


def _summary(model: str, outcome: "Outcome") -> str:
    from rich.markup import escape

    lines = [f"version [bold]{outcome.version}[/bold] of {model} is champion"]
    if outcome.move is None:
        lines = [f"version {outcome.version} of {model} is champion already; nothing was moved"]
    else:
        lines += [f"  {escape(line)}" for line in outcome.move.why]
        if outcome.move.override is not None:
            lines.append(f"[red]the rules were overridden: {escape(outcome.move.override)}[/red]")
        elif not outcome.move.authenticated:
            lines.append("[yellow]the approval is unauthenticated: no trusted key carries it[/yellow]")
    return "\n".join([*lines, *(f"[yellow]{escape(warning)}[/yellow]" for warning in outcome.warnings)])
