"""`headgate release`: start a release, look at it, hold it, end it. The controller carries it out."""

import sys
from collections.abc import Iterator
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
from headgate.cli.promote import Rate, begin, desk_of, tell_begun
from headgate.cli.release_report import report

if TYPE_CHECKING:
    from headgate.release.sheet import Sheet
    from headgate.release.standing import Standing
    from headgate.wiring import Project

SECONDS = 1.0
Model = Annotated[str, typer.Argument(help="The model.")]
Version = Annotated[str, typer.Argument(help="The version; with --arm it may be left out.")]
Arms = Annotated[list[str] | None, typer.Option("--arm", help="NAME=VERSION of an arm of an A/B test; repeat it.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what each rung needs, and start nothing.")]
Id = Annotated[str, typer.Argument(help="The release, such as delay-3.")]
AnyId = Annotated[str, typer.Argument(help="The release; may be left out where one runs.")]
Every = Annotated[bool, typer.Option("--all", help="Those that are over as well.")]


def attach(app: typer.Typer) -> None:
    """Add the commands."""
    release = typer.Typer(help="Release versions by rungs, judged on evidence.", no_args_is_help=True)
    release.command("start")(start)
    release.command("list")(list_)
    release.command("show")(show_)
    release.command("watch")(watch)
    release.command("report")(report)
    release.command("pause")(pause)
    release.command("resume")(resume)
    release.command("abort")(abort)
    app.add_typer(release, name="release", rich_help_panel="Decide")


@plainly
def start(
    model: Model,
    version: Version = "",
    *,
    because: Because,
    arm: Arms = None,
    traffic: Rate = None,
    dry_run: DryRun = False,
    actor: Actor = "",
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Start a release: say what each rung needs at today's traffic, or refuse what traffic cannot decide."""
    from headgate.base.errors import BadInput
    from headgate.cli.route import pairs
    from headgate.routing.route import CHALLENGER

    project = open_project(folder)
    arms = pairs(arm, "--arm", "NAME=VERSION")
    if bool(arms) == bool(version):
        raise BadInput("which version?", where="release start", way_out="name one, or an --arm for each of an A/B test")
    name = choose_model(project, model)
    begun = begin(project, name, arms or {CHALLENGER: version}, traffic, actor, because, dry_run=dry_run)
    tell_begun(name, begun, as_json=as_json)


@plainly
def list_(folder: Folder = HERE, *, every: Every = False, as_json: AsJson = False) -> None:
    """List the releases that run, and what each waits for."""
    from headgate.cli.release_view import table

    project = open_project(folder)
    found = [one for one in _sheets(project) if every or not one.at.state.ended]
    show([one.to_json() for one in found], as_json=as_json, render=lambda: table(found))


@plainly
def show_(release: AnyId = "", *, folder: Folder = HERE, as_json: AsJson = False) -> None:
    """Show a release: rungs, shares, what each guard says and why, what happens next and when."""
    from headgate.cli.release_view import page

    one = next(_watched(open_project(folder), release))
    show(one.to_json(), as_json=as_json, render=lambda: page(one))


@plainly
def watch(release: AnyId = "", *, folder: Folder = HERE, as_json: AsJson = False) -> None:
    """Show a release live until it is over or Ctrl-C; elsewhere than on a terminal, a line for each change."""
    import contextlib

    sheets = _watched(open_project(folder), release)
    with contextlib.suppress(KeyboardInterrupt):
        if sys.stdout.isatty() and not as_json:
            _live(sheets)
        else:
            _lines(sheets, as_json=as_json)


@plainly
def pause(release: Id, *, because: Because, actor: Actor = "", folder: Folder = HERE, as_json: AsJson = False) -> None:
    """Hold a release where it is; its share stays. A pause that is forgotten rolls back."""
    from headgate.release import release_steps as steps

    project = open_project(folder)
    _said(project, steps.pause(desk_of(project), release, actor_of(actor), because), as_json=as_json)


@plainly
def resume(release: Id, *, because: Because, actor: Actor = "", folder: Folder = HERE, as_json: AsJson = False) -> None:
    """Let a release go on that was paused, or asks; its patience begins anew."""
    from headgate.release import release_steps as steps

    project = open_project(folder)
    _said(project, steps.resume(desk_of(project), release, actor_of(actor), because), as_json=as_json)


@plainly
def abort(release: Id, *, because: Because, actor: Actor = "", folder: Folder = HERE, as_json: AsJson = False) -> None:
    """End a release; everything goes back to the champion of before."""
    from headgate.release import release_steps as steps

    project = open_project(folder)
    _said(project, steps.abort(desk_of(project), release, actor_of(actor), because), as_json=as_json)


def _said(project: "Project", at: "Standing", *, as_json: bool) -> None:
    from rich.markup import escape

    (one,) = [found for found in _sheets(project) if found.at.release == at.release]
    said = f"release {at.release}: [bold]{escape(one.headline)}[/bold]\n  next: {escape(one.what_next)}"
    if at.order is not None:
        said = (
            f"release {at.release}: {escape(at.order.why)}\n  the controller ends it (`headgate up`, `headgate tick`)"
        )
    show(one.to_json(), as_json=as_json, render=lambda: said)


def _sheets(project: "Project") -> "tuple[Sheet, ...]":
    from headgate.release.sheet_steps import Watcher

    return Watcher(project.journal(), project.judge(), project.policy.models).sheets(project.clock.now())


def _watched(project: "Project", release: str) -> "Iterator[Sheet]":
    """Yield how a release stands whenever it is asked for; the last one is how it ended."""
    from headgate.release.sheet_steps import Watcher

    watcher = Watcher(project.journal(), project.judge(), project.policy.models)
    one = watcher.sheet(release, project.clock.now())
    yield one
    while not one.at.state.ended:
        one = watcher.sheet(one.at.release, project.clock.now())
        yield one


def _live(sheets: "Iterator[Sheet]") -> None:
    from threading import Event

    from rich.console import Console
    from rich.live import Live

    from headgate.cli.release_view import page

    console = Console(highlight=False)
    with Live(page(next(sheets)), console=console, auto_refresh=False, vertical_overflow="visible") as live:
        for one in sheets:
            live.update(page(one), refresh=True)
            Event().wait(SECONDS)


def _lines(sheets: "Iterator[Sheet]", *, as_json: bool) -> None:
    """Print a line for each change; what only counts on (requests, intervals) is none."""
    import json
    from threading import Event

    before: Any = None
    for one in sheets:
        told = (one.headline, one.seen.verdict, dict(one.shares), one.waits_for, one.at.step, one.at.why)
        if told != before:
            line = f"{one.now:%H:%M:%S} {one.at.release} {one.headline}, {one.seen.verdict}; {one.what_next}"
            typer.echo(json.dumps(one.to_json(), ensure_ascii=False) if as_json else line)
        before = told
        if not one.at.state.ended:
            Event().wait(SECONDS)
