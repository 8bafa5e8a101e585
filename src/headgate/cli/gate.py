"""`headgate gate`: judge a version by the scorecard; exit 0 when it passed, 1 when it did not."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headgate.cli.output import (
    HERE,
    Actor,
    AsJson,
    Folder,
    actor_of,
    choose_model,
    open_project,
    plainly,
    show,
    telling,
)

if TYPE_CHECKING:
    from rich.console import RenderableType

    from headgate.gate.profiled import Profiled
    from headgate.gate.record import Desk
    from headgate.gate.rows import HeldOut
    from headgate.gate.steps import SignedOff
    from headgate.gate.subject import Subject
    from headgate.gate.verdict import Verdict
    from headgate.journal.event import Event
    from headgate.registry.version import Version
    from headgate.release.ledger import Ledger
    from headgate.wiring import Project

Number = Annotated[str, typer.Argument(help="The version.")]
Model = Annotated[str, typer.Option("--model", "-m", help="The model; may be left out where the project has one.")]


def attach(app: typer.Typer) -> None:
    """Add the command."""
    app.command("gate", rich_help_panel="Decide")(gate)


@plainly
def gate(
    version: Number, *, model: Model = "", actor: Actor = "", folder: Folder = HERE, as_json: AsJson = False
) -> None:
    """Judge a version by every line of the scorecard, beside the champion; the verdict is kept in the journal."""
    project = open_project(folder)
    name = choose_model(project, model)
    with telling() as tell:
        event, report, warning = judge_version(project, name, version, actor_of(actor), tell)
    verdict = _verdict(event)
    said = {**dict(event.body), "position": event.position, "report": str(report), "warning": warning}
    show(said, as_json=as_json, render=lambda: _summary(verdict, report, warning))
    if not verdict.passed:
        raise typer.Exit(1)


def judge_version(
    project: "Project", model: str, number: str, actor: str, tell: Callable[[str], None]
) -> "tuple[Event, Path, str]":
    """Judge a version, record the verdict, store its report; return the event, the local report, and a warning."""
    from headgate.gate.record import give
    from headgate.gate.steps import judge
    from headgate.release.steps import read_ledger

    ledger, _ = read_ledger(project.journal(), model)
    version = version_of(ledger, number)
    candidate = _subject(project, version)
    now = ledger.champion
    champion = _subject(project, version_of(ledger, now.version)) if now else None
    try:
        verdict = judge(
            candidate,
            champion,
            project.policy.models[model],
            held_out(project, version),
            _signed(project, model),
            project.measurements(),
            profiles=_profiles(project, model),
            tell=tell,
        )
    finally:
        for subject in (candidate, champion):
            if subject is not None and subject.model is not None:
                subject.model.close()
    event = give(project.journal(), verdict, actor)
    return event, *_store_report(project, event)


def _profiles(project: "Project", model: str) -> "list[Profiled]":
    from headgate.gate.profiled import RECORDED, Profiled
    from headgate.release.ledger import stream_of

    return [Profiled.of(event) for event in project.journal().read(stream_of(model), kinds=(RECORDED,))]


def _store_report(project: "Project", event: "Event") -> tuple[Path, str]:
    """Store the report with the version; when the registry is away it stays here, and tick stores it later."""
    from headgate.base.errors import Unavailable
    from headgate.gate import record

    folder = record.keep(project.state / record.REPORTS, event)
    try:
        record.attach(report_desk(project), event)
    except Unavailable as error:
        return folder / "verdict.html", f"not stored with the version yet: {error.what}; `headgate tick` stores it"
    return folder / "verdict.html", ""


def report_desk(project: "Project") -> "Desk":
    """Return what storing reports needs of a project; `headgate tick` calls `gate.record.attach_due` with it."""
    from headgate.gate.record import REPORTS, Desk
    from headgate.release.steps import read_ledger

    store = project.journal()
    return Desk(
        store=store,
        registry=project.registry(),
        reports=project.state / REPORTS,
        version=lambda model, number: version_of(read_ledger(store, model)[0], number),
    )


def version_of(ledger: "Ledger", number: str) -> "Version":
    """Return a version as the journal knows it: no registry is asked."""
    from headgate.registry.version import Version

    found = ledger.registered(number)
    return Version(ledger.model, number, found.run, found.digest, found.author, found.trained_until)


def _subject(project: "Project", version: "Version") -> "Subject":
    from headgate.gate.subject import open_subject
    from headgate.registry.steps import ensure_bundle
    from headgate.wiring import open_model

    bundle = ensure_bundle(project.bundles(), project.registry(), version.model, version.number, version.digest)
    return open_subject(version, bundle, open_model)


def held_out(project: "Project", version: "Version") -> "HeldOut":
    """Read the rows that the version's run held out: its own copy here, else the one stored with the version."""
    from headgate.gate.source import HELD_OUT, read_held_out
    from headgate.training.steps import read_runs

    policy = project.policy.models[version.model]
    for run in read_runs(project.state / "runs"):
        if (run.model, run.version) == (version.model, version.number) and "assemble" in run.done:
            kept = project.state / "stages" / "assemble" / run.done["assemble"].key / HELD_OUT
            if kept.is_file():
                return read_held_out(kept, policy)
    import tempfile

    with tempfile.TemporaryDirectory(prefix="headgate-gate-") as place:
        record = project.registry().fetch(version, "record", Path(place) / "record")
        return read_held_out(record / HELD_OUT, policy)


def _signed(project: "Project", model: str) -> "SignedOff":
    from headgate.gate.standing import scorecard_approved
    from headgate.gate.steps import SignedOff
    from headgate.release.steps import read_ledger, rules_of

    ledger, people = read_ledger(project.journal(), model)
    rules = rules_of(project.policy, model)
    stands = scorecard_approved(
        project.policy.project, model, rules.scorecard, ledger.ballots, people, rules.approval, project.clock.now()
    )
    return SignedOff(rules.scorecard, stands.approved, stands.authenticated, stands.why)


def _verdict(event: "Event") -> "Verdict":
    from headgate.gate.verdict import Verdict

    body: Any = event.body
    return Verdict.from_json(body)


def _summary(verdict: "Verdict", report: Path, warning: str) -> "RenderableType":
    from rich.console import Group
    from rich.markup import escape
    from rich.table import Table

    from headgate.gate.report import compared_with, headline
    from headgate.gate.verdict import remedy

    table = Table(show_lines=True)
    table.add_column("")
    table.add_column("line", ratio=2)
    table.add_column("why", ratio=5)
    for line in verdict.lines:
        mark = "[green]✓[/green]" if line.passed else "[red]✗[/red]"
        table.add_row(mark, escape(line.line), escape(line.why))
    colour = "green" if verdict.passed else "red"
    lines: list[RenderableType] = [
        f"[bold]{verdict.model} version {verdict.version}[/bold], against {compared_with(verdict)}",
        table,
        f"[{colour}]{headline(verdict)}[/{colour}]",
        f"report: {report}",
    ]
    lines += [f"[yellow]{escape(warning)}[/yellow]"] if warning else []
    approve = f"headgate approve {verdict.version} --model {verdict.model} --because ..."
    lines.append(f"next: {approve if verdict.passed else escape(remedy(verdict))}")
    return Group(*lines)
