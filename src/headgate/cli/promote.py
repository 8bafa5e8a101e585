"""`headgate promote` and `headgate rollback`: release a version, or move the pointer to it at once."""

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
    from collections.abc import Mapping

    from headgate.release.release_steps import Begun
    from headgate.release.steps import Desk, Outcome
    from headgate.wiring import Project

Version = Annotated[str, typer.Argument(help="The version.")]
To = Annotated[str | None, typer.Option("--to", help="The version; default: the champion before the present one.")]
Model = Annotated[str, typer.Option("--model", "-m", help="The model; may be left out where the project has one.")]
Override = Annotated[
    str | None, typer.Option("--override", help="Set the rules aside, and why; every screen shows it.")
]
Now = Annotated[bool, typer.Option("--now", help="At once, unjudged: no release; --because says why.")]
Rate = Annotated[
    float | None,
    typer.Option("--traffic", min=0, help="Requests per second that are expected; default: those of the last hour."),
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
    now: Now = False,
    traffic: Rate = None,
    model: Model = "",
    override: Override = None,
    actor: Actor = "",
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Release a version: by rungs, judged on evidence; a model's first version, and any with --now, at once.

    Refused without a passing verdict and standing approval.
    """
    from headgate.release import steps
    from headgate.routing.route import CHALLENGER

    project = open_project(folder)
    name, desk = choose_model(project, model), desk_of(project)
    if steps.at_once(desk, name, version, override, now=now):
        first = steps.read_ledger(desk.store, name)[0].champion is None
        outcome = steps.promote(desk, name, version, actor_of(actor), because, override)
        _tell(name, outcome, first=first, as_json=as_json)
        return
    tell_begun(name, begin(project, name, {CHALLENGER: version}, traffic, actor, because), as_json=as_json)


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


def begin(
    project: "Project",
    model: str,
    arms: "Mapping[str, str]",
    per_second: float | None,
    actor: str,
    because: str,
    *,
    dry_run: bool = False,
) -> "Begun":
    """Start a release at today's traffic, or that which is expected."""
    from headgate.release import release_steps as steps
    from headgate.release.needs import enough
    from headgate.release.today import expected

    traffic = expected(project.today(model), per_second)
    if dry_run:
        return steps.would_begin(desk_of(project), model, arms, traffic, enough)
    return steps.start(desk_of(project), model, arms, traffic, enough, actor_of(actor), because)


def tell_begun(model: str, begun: "Begun", *, as_json: bool) -> None:
    """Say what was started, what each rung needs, and what it waits for."""
    body = {"model": model, "moved": False, **begun.to_json()}
    show(body, as_json=as_json, render=lambda: _begun(begun))


def _begun(begun: "Begun") -> Any:
    from rich.console import Group

    from headgate.cli.release_view import needs

    rows = needs(begun.ruling.needs, begun.traffic.per_second)
    if begun.event is None:
        cannot = [f"[red]cannot be decided[/red]: {line}" for line in begun.ruling.why]
        return Group(rows, *cannot, "nothing was started (--dry-run)")
    waits = f"; it waits for release {begun.ahead}" if begun.ahead else ""
    return Group(
        f"release [bold]{begun.release}[/bold] started{waits}",
        rows,
        "the controller carries it out (`headgate up`); "
        f"`headgate release watch {begun.release}` shows it, `headgate promote --now` does without",
    )


def _tell(model: str, outcome: "Outcome", *, first: bool = False, as_json: bool) -> None:
    show(outcome.to_json(model), as_json=as_json, render=lambda: _summary(model, outcome, first=first))


def _summary(model: str, outcome: "Outcome", *, first: bool) -> str:
    from rich.markup import escape

    lines = [f"version [bold]{outcome.version}[/bold] of {model} is champion"]
    if outcome.move is None:
        lines = [f"version {outcome.version} of {model} is champion already; nothing was moved"]
    else:
        lines += ["  at once: it is the model's first, and there is nothing to compare with"] if first else []
        lines += [f"  {escape(line)}" for line in outcome.move.why]
        if outcome.move.override is not None:
            lines.append(f"[red]the rules were overridden: {escape(outcome.move.override)}[/red]")
        elif not outcome.move.authenticated:
            lines.append("[yellow]the approval is unauthenticated: no trusted key carries it[/yellow]")
    return "\n".join([*lines, *(f"[yellow]{escape(warning)}[/yellow]" for warning in outcome.warnings)])
