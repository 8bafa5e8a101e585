"""`headgate audit`: go over the whole past, and compare what serves with what should; exit 1 with every finding."""

from typing import TYPE_CHECKING, Annotated

import typer

from headgate.cli.output import HERE, Actor, AsJson, Because, Folder, actor_of, counted, open_project, plainly, show

if TYPE_CHECKING:
    from headgate.loop.audit import AuditReport
    from headgate.wiring import Project

NewHead = Annotated[
    bool,
    typer.Option("--new-head", help="First start a new signed head at the journal's present end; needs --because."),
]


def attach(app: typer.Typer) -> None:
    """Add the command."""
    app.command("audit", rich_help_panel="Look back")(audit)


@plainly
def audit(
    *,
    new_head: NewHead = False,
    because: Because = "",
    actor: Actor = "",
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Verify the journal's chain and signed head, every signature, every promotion, the routes and the aliases."""
    from headgate.loop.inspect import inspect

    project = open_project(folder)
    if new_head:
        _renew(project, actor_of(actor), because)
    report = inspect(project.journal(), project.registry(), tuple(project.policy.models), project.bundles())
    show(report.to_json(), as_json=as_json, render=lambda: _text(report))
    if not report.holds:
        raise typer.Exit(1)


def _renew(project: "Project", actor: str, because: str) -> None:
    from headgate.base.errors import BadInput

    if not because.strip():
        way_out = 'say why the former head is gone or no longer holds: --because "..."'
        raise BadInput("a new head needs a reason", where="--new-head", way_out=way_out)
    event = project.renew_head(actor, because)
    typer.echo(
        f"the signed head starts anew; event {event.position} says so; the former one is kept beside it", err=True
    )


def _text(report: "AuditReport") -> str:
    from rich.markup import escape

    lines = [f"[red]{escape(str(finding))}[/red]" for finding in report.findings]
    lines += [f"note: {escape(note)}" for note in report.notes]
    moves = counted(report.moves, "move")
    over = f"{counted(report.events, 'event')}, {moves} of a pointer, {counted(report.ballots, 'ballot')}"
    if report.holds:
        return "\n".join(
            [*lines, f"[green]the journal holds[/green]: {over}; chain, head, signatures, moves and routes"]
        )
    return "\n".join(
        [*lines, f"[red]{counted(len(report.findings), 'finding')}[/red] in {over}; the first one comes first"]
    )
