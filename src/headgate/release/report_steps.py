"""Make the report of each release that ended, here, and store it with the versions it was about.

The local copy needs no registry; where the registry is away the report stays due. Doing it again changes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from headgate.base.clock import Clock
from headgate.base.errors import BadInput, HeadgateError, fault
from headgate.base.files import write_atomically
from headgate.gate.ports import Shelf
from headgate.gate.record import append
from headgate.journal.ports import EventStore
from headgate.registry.version import Version
from headgate.release import events
from headgate.release.chronicle import Chronicle, chronicle
from headgate.release.ledger import Ledger, stream_of
from headgate.release.page import html, markdown
from headgate.release.ports import Reporter, Witness
from headgate.release.progress import Releases, advance
from headgate.release.report import report
from headgate.release.standing import Standing
from headgate.release.steps import read_ledger

FOLDER, ACTOR = "releases", "process:reporter"
AGAIN = timedelta(minutes=1)  # making a report reads much of the log: not in every pass
FINAL = timedelta(minutes=1)  # after its end: then whoever serves has written what was answered


@dataclass(frozen=True, slots=True)
class Keeper:
    """Stores reports (`release.ports.Reporter`).

    Attributes:
        store: The journal.
        registry: Reports are stored with the versions there.
        reports: Local folder of reports: `<model>/releases/<release>/`.
        witness: Says who met a release.
    """

    store_of_events: EventStore
    registry: Shelf
    reports: Path
    witness: Witness
    clock: Clock

    def store(self, at: Standing) -> str:
        """Store a report with each version under release; return the folder in which it lies.

        Raises:
            Unavailable: The registry does not answer; the local copy is there.
        """
        place = self.write(at.model, at.release)
        ledger, _ = read_ledger(self.store_of_events, at.model)
        folder = f"{FOLDER}/{at.release}"
        for side in at.plan.challengers.values():
            for file in sorted(place.iterdir()):
                self.registry.attach(_version(ledger, side.version), file, folder)
        return folder

    def write(self, model: str, release: str) -> Path:
        """Write the report of a release as it stands to the local folder; return that folder.

        Raises:
            BadInput: There is no such release.
        """
        told = chronicle(model, release, self.store_of_events.read(stream_of(model)))
        if told is None:
            raise BadInput(
                f"there is no release {release!r}", where=f"model {model}", way_out="`headgate release list --all`"
            )
        found = report(told, self.witness.meeting(told, self.clock.now()))
        place = self.reports / model / FOLDER / release
        write_atomically(place / "report.md", markdown(found).encode())
        write_atomically(place / "report.html", html(found).encode())
        return place


@dataclass(slots=True)
class _Read:
    releases: Releases
    ended: dict[str, datetime]


class Reports:
    """Finds the releases whose report is due, reading on in the journal, and has them stored.

    Args:
        store: The journal.
        models: Whose releases.
        reporter: Stores one.
        clock: Says whether it is time.
    """

    def __init__(self, store: EventStore, models: Iterable[str], reporter: Reporter, clock: Clock) -> None:
        self._store, self._reporter, self._clock = store, reporter, clock
        self._read = {model: _Read(Releases(model), {}) for model in models}
        self._failed: dict[str, tuple[HeadgateError, datetime]] = {}

    def run(self) -> list[str]:
        """Store what is due; return the releases whose report was stored.

        Raises:
            HeadgateError: What kept the first one from being stored; the others were tried as well.
        """
        done, now = list[str](), self._clock.now()
        for model, read in self._read.items():
            self._follow(model, read)
            for at in read.releases.all:
                ended = read.ended.get(at.release)
                if at.reported or ended is None or now < ended + FINAL or self._waits(at.release, now):
                    continue
                try:
                    folder = self._reporter.store(at)
                    append(self._store, stream_of(model), events.reported(at.release, folder, ACTOR))
                except HeadgateError as error:
                    self._failed[at.release] = (error, now + AGAIN)
                except Exception as error:  # noqa: BLE001 - a release that cannot be told keeps no other from it
                    self._failed[at.release] = (HeadgateError(fault(error), where=at.release), now + AGAIN)
                else:
                    self._failed.pop(at.release, None)
                    done.append(at.release)
        for why, _ in self._failed.values():
            raise why
        return done

    def _waits(self, release: str, now: datetime) -> bool:
        return release in self._failed and now < self._failed[release][1]

    def _follow(self, model: str, read: _Read) -> None:
        for event in self._store.read(stream_of(model), after=read.releases.position):
            before = {one.release for one in read.releases.open}
            read.releases = advance(read.releases, event)
            left = {one.release for one in read.releases.open}
            started = event.kind == events.STARTED
            gone = before - left if not started else set[str]()
            read.ended |= dict.fromkeys(gone, event.at)


def told_of(store: EventStore, models: Iterable[str], release: str) -> Chronicle:
    """Return what happened to a release, of whatever model it is.

    Raises:
        BadInput: No model has such a release.
    """
    for model in models:
        found = chronicle(model, release, store.read(stream_of(model)))
        if found is not None:
            return found
    raise BadInput(f"there is no release {release!r}", where="journal", way_out="`headgate release list --all`")


def _version(ledger: Ledger, number: str) -> Version:
    """Return a version as the journal knows it: no registry is asked."""
    found = ledger.registered(number)
    return Version(ledger.model, number, found.run, found.digest, found.author, found.trained_until)
