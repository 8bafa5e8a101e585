"""`headgate doctor`: is everything there that Headgate stands on? A line each, with the way out where it is not."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import typer

from headgate.base.errors import HeadgateError
from headgate.cli.output import HERE, AsJson, Folder, counted, open_project, plainly, show

if TYPE_CHECKING:
    from headgate.release.ledger import Ledger
    from headgate.wiring import Project

LAST = 1000
LITTLE, VERY_LITTLE = 2_000_000_000, 200_000_000
SKEW = timedelta(minutes=1)
COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look found.

    Attributes:
        level: ok, warn (it works, look at it) or fail (it does not work).
        name: What was looked at.
        said: What was found.
        way_out: What to do about it.
    """

    level: Literal["ok", "warn", "fail"]
    name: str
    said: str
    way_out: str = ""


@plainly
def doctor(folder: Folder = HERE, *, as_json: AsJson = False) -> None:
    """Look at the state folder, the disk, the journal, its head, the clock, the registry and the webhooks."""
    project = open_project(folder)
    findings = list(examine(project))
    show([asdict(finding) for finding in findings], as_json=as_json, render=lambda: _table(findings))
    if any(finding.level == "fail" for finding in findings):
        raise typer.Exit(1)


def examine(project: "Project") -> Iterator[Finding]:
    """Look at everything in turn; one thing that is broken hides no other."""
    looks: dict[str, Callable[[Project], Iterator[Finding]]] = {
        "state folder": _state,
        "journal": _journal,
        "clock": _clock,
        "registry": _registry,
        "champions": _champions,
        "webhooks": _webhooks,
    }
    for name, look in looks.items():
        try:
            yield from look(project)
        except HeadgateError as error:
            yield Finding("fail", name, f"{error.where}: {error.what}", error.way_out)


def _state(project: "Project") -> Iterator[Finding]:
    try:
        project.state.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=project.state) as file:
            file.write(b"x")
    except OSError as error:
        yield Finding("fail", "state folder", f"{project.state}: {error.strerror}", "fix its owner and permissions")
        return
    yield Finding("ok", "state folder", f"{project.state} can be written")
    free = shutil.disk_usage(project.state).free
    level: Literal["ok", "warn", "fail"] = "ok" if free > LITTLE else "warn" if free > VERY_LITTLE else "fail"
    yield Finding(level, "disk", f"{free / 1e9:.1f} GB free", "" if level == "ok" else "free some space")


def _journal(project: "Project") -> Iterator[Finding]:
    """Check the newest LAST events; `headgate audit` checks all of them."""
    from headgate.journal.chain import check_head, verify_chain

    journal = project.journal()
    head = journal.head()  # before the events: a writer moves it after its commit
    last = journal.last()
    end = last.position if last else 0
    yield Finding("ok", "database", f"answers, tables are up to date, {counted(end, 'event')}")
    start = max(end - LAST, 0)
    before = next(iter(journal.read(after=start - 1, limit=1)), None) if start else None
    broken = verify_chain(journal.read(after=start), after=before)
    at_head = next(iter(journal.read(after=head.position - 1, limit=1)), None) if head.position else None
    newest = "the last event is" if end - start == 1 else f"the last {end - start} events are"
    cut = check_head(last, head, at_head)
    for name, found, fine in (
        ("chain", broken, f"{newest} whole (`headgate audit` checks all)"),
        ("signed head", cut, f"holds, at event {head.position}"),
    ):
        if found is None:
            yield Finding("ok", name, fine)
        else:
            said = f"event {found.position} {found.fault}: {found.why}"
            yield Finding("fail", name, said, "`headgate audit` names the first one; restore from a backup")


def _clock(project: "Project") -> Iterator[Finding]:
    now, last = project.clock.now(), project.journal().last()
    if last is not None and last.at - now > SKEW:
        said = (
            f"it is {now:%Y-%m-%d %H:%M:%S} here, but event {last.position} was recorded at {last.at:%Y-%m-%d %H:%M:%S}"
        )
        yield Finding("fail", "clock", said, "set the clock (NTP) of this machine, or of the one that recorded it")
    else:
        yield Finding("ok", "clock", f"{now:%Y-%m-%d %H:%M:%S} UTC")


def _registry(project: "Project") -> Iterator[Finding]:
    settings = project.policy.settings
    if not settings.tracking and not (project.state / "mlflow.db").exists():
        yield Finding("ok", "registry", "none yet: the first training run makes it")
        return
    for model in project.policy.models:
        alias = project.registry().alias(model, "champion")
        found = f"alias champion of {model} names {alias or 'nothing'}"
        champion = _ledger(project, model).champion
        if champion is None or champion.version == alias:
            yield Finding("ok", "registry", f"answers; {found}")
        else:
            said = f"{found}, and version {champion.version} is champion"
            yield Finding(
                "warn", "registry", said, "`headgate tick` sets it; where the registry was replaced, it says so"
            )


def _champions(project: "Project") -> Iterator[Finding]:
    """Look at what a worker needs of each champion: its route, and the local copy of its bundle."""
    from headgate.registry.steps import bundle_flaw
    from headgate.release.restore import route_flaw
    from headgate.routing.route import COLLECTION

    routes = {document.key: document for document in project.journal().documents(COLLECTION)}
    for model in project.policy.models:
        ledger = _ledger(project, model)
        champion, route = ledger.champion, route_flaw(ledger, routes.get(model))
        if route:
            yield Finding("fail", f"route {model}", route, "`headgate tick` writes the journal's again")
        if champion is None:
            continue
        if flaw := bundle_flaw(project.bundles(), champion.digest):
            yield Finding("fail", f"bundle {model}", flaw, "`headgate tick` fetches it again")
        elif not route:
            yield Finding("ok", f"champion {model}", f"version {champion.version}: its route and its bundle are whole")


def _ledger(project: "Project", model: str) -> "Ledger":
    from headgate.release.steps import read_ledger

    return read_ledger(project.journal(), model)[0]


def _webhooks(project: "Project") -> Iterator[Finding]:
    from headgate.journal.address import refuse_url

    known = {standing.webhook: standing for standing in project.journal().outbox.standings()}
    for name, webhook in sorted(project.policy.webhooks.items()):
        said, at = f"webhook {name}", known.get(name)
        url, where = webhook.url or os.environ.get(webhook.url_env, ""), webhook.url_env or "headgate.yaml"
        named = (webhook.secret_env, webhook.url_env)
        if unset := [name for name in named if name and not os.environ.get(name)]:
            yield Finding("fail", said, f"{unset[0]} is not set", "set it where `headgate tick` runs")
        elif why := refuse_url(url):
            yield Finding("fail", said, f"its URL is refused: {why}", f"correct it in {where}")
        elif at is not None and (at.dead or at.why):
            way_out = f"see `headgate webhook list`, then `headgate webhook replay {name} --from POSITION`"
            yield Finding("warn", said, f"{at.dead} given up, {at.pending} wait: {at.why}", way_out)
        else:
            yield Finding("ok", said, f"{at.done} delivered, {at.pending} wait" if at else "starts with the next tick")


def _table(findings: list[Finding]) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table("", "what", "found", "way out")
    for finding in findings:
        level = f"[{COLOURS[finding.level]}]{finding.level}[/]"
        table.add_row(level, finding.name, escape(finding.said), escape(finding.way_out))
    return table
