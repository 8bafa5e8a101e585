"""`headgate tick`: one pass over the project: lead releases, put aliases right, do the chores that wait."""

from typing import TYPE_CHECKING, Annotated

import typer

from headgate.cli.output import HERE, AsJson, Folder, open_project, plainly, show
from headgate.cli.promote import desk_of

if TYPE_CHECKING:
    from headgate.loop.steps import Chore, Pass
    from headgate.release.standing import Standing
    from headgate.wiring import Project

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


def attach(app: typer.Typer) -> None:
    """Add the command."""
    app.command("tick", rich_help_panel="Run")(tick)


@plainly
def tick(*, dry_run: DryRun = False, folder: Folder = HERE, as_json: AsJson = False) -> None:
    """Run one pass; any process may, at any time. The exit code is that of the worst error: 5 not now, 7 tampered."""
    from headgate.loop.steps import tick as run

    project = open_project(folder)
    leader = project.controller()
    try:
        releases = leader.would if dry_run else leader.run_pass
        done = run(desk_of(project), chores_of(project), releases=releases, dry_run=dry_run)
    finally:
        leader.resign()
    show(done.to_json(), as_json=as_json, render=lambda: _text(done))
    if done.code:
        raise typer.Exit(done.code)


def chores_of(project: "Project") -> "dict[str, Chore]":
    """Return what a pass does beside the pointers, by name."""
    from headgate.release.report_steps import Reports

    releases = Reports(project.journal(), project.policy.models, _Later(project), project.clock)
    return {
        "reports": lambda: _attach_reports(project),
        "release reports": lambda: [f"the report of release {one} is stored" for one in releases.run()],
        "webhooks": lambda: _deliver(project),
        "predictions": lambda: _compact(project),
    }


class _Later:
    """Stores reports through what opens the registry: only where one is due."""

    def __init__(self, project: "Project") -> None:
        self._project = project

    def store(self, at: "Standing") -> str:
        """Store it with the version."""
        return self._project.reporter().store(at)


def _attach_reports(project: "Project") -> list[str]:
    from headgate.cli.gate import report_desk
    from headgate.gate.record import attach_due

    return [f"the report of event {event.position} is stored" for event in attach_due(report_desk(project))]


def _compact(project: "Project") -> list[str]:
    from headgate.base.errors import Conflict

    if not project.spool().exists():
        return []
    try:
        found = project.compact()
    except Conflict:  # whoever serves does it just now
        return []
    return [f"{model}: {done.rows} predictions to Parquet" for model, done in found.items() if done.rows]


def _deliver(project: "Project") -> list[str]:
    import os

    if not project.policy.webhooks:
        return []
    from headgate.base.errors import Unavailable
    from headgate.journal.outbox import FORMS
    from headgate.journal.steps import deliver_due
    from headgate.release.telling import SLACK

    forms = {**FORMS, "slack": SLACK}
    store, webhooks = project.journal(), project.policy.webhooks
    report = deliver_due(store, webhooks, os.environ, project.sender(), project.clock, forms)
    if report.trouble:
        raise Unavailable("; ".join(report.trouble), where="webhooks", way_out="`headgate webhook list` shows each")
    return [f"{each.webhook}: {each.sent} delivered" for each in report.webhooks if each.sent]


def _text(done: "Pass") -> str:
    from rich.markup import escape

    if not done.parts:
        return "nothing to do"
    would = "would: " if done.dry_run else ""
    return "\n".join(
        f"[yellow]{escape(part.trouble)}[/yellow]" if part.trouble else f"{would}{escape(part.what)}"
        for part in done.parts
    )
