"""`headgate audit`: go over the whole past, and compare what serves with what should; exit 1 with every finding."""

from typing import TYPE_CHECKING

import typer

from headgate.cli.output import HERE, AsJson, Folder, open_project, plainly, show

if TYPE_CHECKING:
    from headgate.loop.audit import AuditReport


def attach(app: typer.Typer) -> None:
    """Add the command."""
    app.command("audit", rich_help_panel="Look back")(audit)


@plainly
def audit(*, folder: Folder = HERE, as_json: AsJson = False) -> None:
    """Verify the journal's chain and signed head, every signature, every promotion, the routes and the aliases."""
    from headgate.loop.inspect import inspect

    project = open_project(folder)
    report = inspect(project.journal(), project.registry(), tuple(project.policy.models))
    show(report.to_json(), as_json=as_json, render=lambda: _text(report))
    if not report.holds:
        raise typer.Exit(1)


def _text(report: "AuditReport") -> str:
    from rich.markup import escape

    lines = [f"[red]{escape(str(finding))}[/red]" for finding in report.findings]
    lines += [f"note: {escape(note)}" for note in report.notes]
    counted = f"{report.events} events, {report.moves} moves of a pointer, {report.ballots} ballots"
    if report.holds:
        return "\n".join(
            [*lines, f"[green]the journal holds[/green]: {counted}; chain, head, signatures, moves and routes"]
        )
    return "\n".join([*lines, f"[red]{len(report.findings)} findings[/red] in {counted}; the first one comes first"])
