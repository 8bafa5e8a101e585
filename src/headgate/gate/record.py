"""Record a verdict in the journal, and keep its report with the version; the report is never lost.

The journal holds the verdict, and the report is made from it alone: when the registry is away the report stays due, and
`attach_due` (called by `headgate tick`) attaches it later.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from headgate.base.digest import Json, canonical
from headgate.base.errors import Conflict, HeadgateError, Unavailable
from headgate.base.files import write_atomically
from headgate.gate.ports import Shelf
from headgate.gate.report import headline, html, markdown
from headgate.gate.steps import verdict_body
from headgate.gate.verdict import Verdict
from headgate.journal.event import Event, NewEvent
from headgate.journal.ports import EventStore
from headgate.registry.version import Version

GIVEN, ATTACHED = "verdict.given", "report.attached"
FOLDER = "gate"
REPORTS = "reports"  # in the state folder
TRIES = 5  # others may write to the stream between our read and our append


@dataclass(frozen=True, slots=True)
class Desk:
    """Where verdicts are kept.

    Attributes:
        store: The journal.
        registry: Reports are stored with the versions there.
        reports: Local folder of reports: `<model>/<version>/<position>/`.
        version: Looks a version up, without the registry where the journal knows it.
    """

    store: EventStore
    registry: Shelf
    reports: Path
    version: Callable[[str, str], Version]


def give(store: EventStore, verdict: Verdict, actor: str) -> Event:
    """Record a verdict; it concerns one version, so others' events in between do not matter."""
    new = NewEvent(GIVEN, actor, f"the gate: {headline(verdict)}", verdict_body(verdict))
    return append(store, f"model/{verdict.model}", new)


def keep(reports: Path, event: Event) -> Path:
    """Write the report of a recorded verdict to the local folder; return that folder."""
    verdict = Verdict.from_json(event.body)
    folder = reports / verdict.model / verdict.version / str(event.position)
    write_atomically(folder / "verdict.json", canonical(verdict.to_json()))
    write_atomically(folder / "verdict.md", markdown(verdict, event.at).encode())
    write_atomically(folder / "verdict.html", html(verdict, event.at).encode())
    return folder


def attach(desk: Desk, event: Event) -> Path:
    """Store the report of a recorded verdict with its version, and record that; safe to repeat.

    Raises:
        Unavailable: The registry does not answer; the report stays due.
    """
    verdict = Verdict.from_json(event.body)
    folder = keep(desk.reports, event)
    version = desk.version(verdict.model, verdict.version)
    for file in sorted(folder.iterdir()):
        desk.registry.attach(version, file, f"{FOLDER}/{event.position}")
    body: dict[str, Json] = {
        "version": verdict.version,
        "verdict": event.position,
        "folder": f"{FOLDER}/{event.position}",
    }
    reason = f"the report of version {verdict.version} is stored with it"
    append(desk.store, event.stream, NewEvent(ATTACHED, "process:gate", reason, body))
    return folder


def due(events: Iterable[Event]) -> tuple[Event, ...]:
    """Return the recorded verdicts whose reports are not stored with their versions yet, oldest first."""
    given: dict[int, Event] = {}
    for event in events:
        if event.kind == GIVEN:
            given[event.position] = event
        elif event.kind == ATTACHED:
            given.pop(int(str(event.body["verdict"])), None)
    return tuple(given.values())


def attach_due(desk: Desk) -> tuple[Event, ...]:
    """Attach every report that is due; return the verdicts whose reports were attached.

    Raises:
        Unavailable: The registry does not answer; what is left stays due.
        HeadgateError: The first report that cannot be attached, after all others were.
    """
    attached, first = list[Event](), None
    for event in due(desk.store.read(kinds=(GIVEN, ATTACHED))):
        try:
            attach(desk, event)
        except Unavailable:
            raise
        except HeadgateError as error:
            first = first or error
        else:
            attached.append(event)
    if first is not None:
        raise first
    return tuple(attached)


def append(store: EventStore, stream: str, new: NewEvent) -> Event:
    """Append an event that does not depend on what others write to the stream meanwhile."""
    for _ in range(TRIES):
        last = 0
        for event in store.read(stream):
            last = event.sequence
        try:
            return store.append(stream, last, [new])[0]
        except Conflict:
            continue
    raise Conflict(
        f"others kept writing to {stream} while {new.kind} was to be recorded",
        where=stream,
        way_out="run the command again",
    )
