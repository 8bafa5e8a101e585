"""`headgate status`: what serves, on what grounds, what waits and for whom, what runs, and what is wrong."""

from typing import TYPE_CHECKING, Any

import typer

from headgate.cli.output import HERE, AsJson, Folder, counted, open_project, plainly, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from headgate.loop.status import ModelStatus, Waiting
    from headgate.release.ledger import Moved
    from headgate.wiring import Project


def attach(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status", rich_help_panel="Look back")(status)


@plainly
def status(*, folder: Folder = HERE, as_json: AsJson = False) -> None:
    """Say how every model stands and what runs; exit code 7: the journal does not hold, 5: it cannot be read."""
    from headgate.base.errors import Tampered, Unavailable
    from headgate.running.standing import running

    project = open_project(folder)
    runs = running(project.state, project.clock.now())
    found: tuple[ModelStatus, ...] = ()
    broken, away = "", None
    try:
        found, broken = _models(project)
    except Unavailable as error:
        away = error
    wrong = [*runs["wrong"], *([f"the journal cannot be read: {away.what} ({away.where})"] if away else [])]
    body = {"models": [one.to_json() for one in found], "running": {**runs, "wrong": wrong}}
    show(body, as_json=as_json, render=lambda: _whole(found, {**runs, "wrong": wrong}))
    if broken:
        raise typer.Exit(Tampered.exit_code)
    if away is not None:
        raise typer.Exit(away.exit_code)


def _models(project: "Project") -> "tuple[tuple[ModelStatus, ...], str]":
    """Return how every model stands, and what is wrong with the journal that says so."""
    from headgate.journal.end import read_checked
    from headgate.loop.inspect import bundle_flaws
    from headgate.loop.state import fold
    from headgate.loop.status import overview
    from headgate.release.sheet_steps import Watcher
    from headgate.routing.route import COLLECTION

    store = project.journal()
    events, broken = read_checked(store)
    state, now = fold(events), project.clock.now()
    flaws = bundle_flaws(state, project.bundles())
    releases = () if broken else Watcher(store, project.judge(), project.policy.models).sheets(now)
    routes = store.documents(COLLECTION)
    return overview(state, events, routes, project.policy, now, broken, flaws, releases), broken


def _whole(found: "Sequence[ModelStatus]", runs: dict[str, Any]) -> "RenderableType":
    from rich.console import Group

    return Group(*(part for one in found for part in _page(one)), *_running(runs))


def _running(runs: dict[str, Any]) -> "list[RenderableType]":
    from rich.markup import escape
    from rich.table import Table

    wrong = [f"  [red]wrong[/red]      {escape(what)}" for what in runs["wrong"]]
    if not runs["parts"]:
        return ["[dim]nothing runs here: `headgate up` starts everything[/dim]" if not wrong else "", *wrong]
    table = Table("part", "state", "process", "restarts", "address", padding=(0, 1))
    for part in runs["parts"]:
        state = part["state"] if part["state"] == "ready" else f"[yellow]{part['state']}[/yellow]"
        table.add_row(part["name"], state, str(part["pid"] or ""), str(part["restarts"] or ""), escape(part["address"]))
    return [f"runs since {runs['since'][:16].replace('T', ' ')} UTC (process {runs['up']})", table, *wrong]


def _page(one: "ModelStatus") -> "list[RenderableType]":
    from rich.markup import escape
    from rich.table import Table

    signed = _trust("signed off by " + ", ".join(one.signed.approvers), authenticated=one.signed.authenticated)
    scorecard = signed if one.signed.approved else f"[yellow]not signed off[/yellow]: {escape(one.signed.why[-1])}"
    lines: list[RenderableType] = [
        f"[bold]{one.model}[/bold]",
        f"  champion   {_champion(one.champion)}",
        f"  scorecard  {one.scorecard[:19]} {scorecard}",
    ]
    for run in one.releases:
        waits = f"; waits for {run.waits_for}" if run.waits_for else ""
        lines.append(f"  release {run.at.release}: {escape(run.headline)}{waits}; next: {escape(run.what_next)}")
    if one.waiting:
        table = Table("waiting", "asked by", "gate", "still needs", padding=(0, 1))
        for waiting in one.waiting:
            number = waiting.registered.version
            under = [run.at.release for run in one.releases if number in run.versions]
            table.add_row(*_row(waiting, under[0] if under else ""))
        lines.append(table)
    if one.earlier:
        lines.append(f"  and {counted(one.earlier, 'earlier version')} that never served")
    lines += [f"  [red]wrong[/red]      {escape(what)}" for what in one.wrong]
    last = [f"  {event.at:%Y-%m-%d %H:%M} {event.kind} {event.actor}: {event.reason}" for event in one.last]
    return [*lines, *(f"[dim]{escape(line)}[/dim]" for line in last), ""]


def _champion(move: "Moved | None") -> str:
    from rich.markup import escape

    if move is None:
        return "none serves yet"
    by = _trust(f"approved by {', '.join(move.approvers) or 'nobody'}", authenticated=move.authenticated)
    override = "" if move.override is None else f" [red]override: {escape(move.override)}[/red]"
    since = f"since {move.at:%Y-%m-%d %H:%M} UTC"
    return f"version [bold]{move.version}[/bold] {since}, {move.cause} by {escape(move.actor)}, {by}{override}"


def _row(waiting: "Waiting", release: str) -> tuple[str, str, str, str]:
    from rich.markup import escape

    given = waiting.ready.verdict
    gate = "not judged" if given is None else "passed" if given.verdict.passed else "[red]failed[/red]"
    asked = ", ".join(sorted(waiting.registered.requesters))
    ready = f"[green]ready[/green]: headgate promote {waiting.registered.version}"
    ready = f"nothing: release {release} runs" if release else ready
    return waiting.registered.version, escape(asked), gate, escape("\n".join(waiting.ready.missing)) or ready


def _trust(text: str, *, authenticated: bool) -> str:
    from rich.markup import escape

    return escape(text) if authenticated else f"{escape(text)} [yellow](unauthenticated)[/yellow]"
