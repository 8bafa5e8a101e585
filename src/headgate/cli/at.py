"""`headgate at TIME MODEL`: what was production then, since when, by whom, and on what grounds."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from headgate.cli.output import HERE, AsJson, Folder, choose_model, open_project, plainly, show

if TYPE_CHECKING:
    from headgate.loop.history import Served

When = Annotated[str, typer.Argument(help="ISO 8601, such as 2026-03-01T12:00Z; without a zone it is read as UTC.")]
Model = Annotated[str, typer.Argument(help="The model; may be left out where the project has one.", show_default=False)]


def attach(app: typer.Typer) -> None:
    """Add the command."""
    app.command("at", rich_help_panel="Look back")(at)


@plainly
def at(when: When, model: Model = "", *, folder: Folder = HERE, as_json: AsJson = False) -> None:
    """Say what was production at a time; exit code 7 when the journal that says so does not hold."""
    from headgate.base.errors import Tampered
    from headgate.journal.end import read_checked
    from headgate.loop.history import at as served_at
    from headgate.loop.history import read_time
    from headgate.release.ledger import ledger_of, stream_of

    project = open_project(folder)
    name = choose_model(project, model)
    time, assumed = read_time(when)
    events, broken = read_checked(project.journal())
    served = served_at(ledger_of(name, [event for event in events if event.stream == stream_of(name)]), time)
    data = {"model": name, "at": time.isoformat(), "zone_assumed": assumed, "now": project.clock.now().isoformat()}
    show(
        {
            **data,
            "wrong": broken or None,
            "future": time > project.clock.now(),
            "served": served.to_json() if served else None,
        },
        as_json=as_json,
        render=lambda: _text(name, time, served, assumed=assumed, now=project.clock.now(), broken=broken),
    )
    if broken:
        raise typer.Exit(Tampered.exit_code)


def _text(name: str, time: datetime, served: "Served | None", *, assumed: bool, now: datetime, broken: str) -> str:
    from rich.markup import escape

    lines = [f"{name} at {time:%Y-%m-%d %H:%M:%S} UTC" + (" (no zone given: read as UTC)" if assumed else "")]
    if broken:
        lines.append(f"[red]{escape(broken)}[/red]")
    if time > now:
        lines.append("[yellow]that is in the future; this is what serves now[/yellow]")
    if served is None:
        return "\n".join([*lines, "nothing served yet"])
    move = served.move
    until = f"until {served.until:%Y-%m-%d %H:%M:%S} UTC" if served.until else "and serves still"
    lines += [
        f"version [bold]{move.version}[/bold] served, since {move.at:%Y-%m-%d %H:%M:%S} UTC, {until}",
        f"  {move.cause} by {escape(move.actor)}: {escape(move.reason)}",
        f"  approved by {escape(', '.join(move.approvers)) or 'nobody'}"
        + ("" if move.authenticated else " [yellow](unauthenticated)[/yellow]"),
        f"  digest {move.digest}",
    ]
    if move.override is not None:
        lines.append(f"  [red]the rules were overridden: {escape(move.override)}[/red]")
    if served.verdict is None:
        return "\n".join([*lines, "  no verdict"])
    verdict = served.verdict.verdict
    lines.append(f"  verdict of {served.verdict.at:%Y-%m-%d %H:%M} UTC: {'passed' if verdict.passed else 'failed'}")
    lines += [f"    {'+' if line.passed else '-'} {escape(line.line)}: {escape(line.why)}" for line in verdict.lines]
    return "\n".join(lines)
