"""A small project whose versions are released by a real controller; only what is measured is scripted."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from headgate.base.errors import Unavailable
from headgate.journal.event import Event, NewEvent
from headgate.journal.head import Head
from headgate.journal.ports import Document, EventStore, Outbox
from headgate.loop.ports import Leases
from headgate.loop.releases import LEASE, Controller
from headgate.policy.model import ProjectPolicy
from headgate.release import release_steps as people
from headgate.release.evidence import Evidence, nothing_seen
from headgate.release.forecast import Traffic
from headgate.release.move import Act
from headgate.release.plan import Plan, Rung
from headgate.release.progress import Releases
from headgate.release.release_steps import Begun, read_releases
from headgate.release.standing import Standing
from headgate.routing.route import CHALLENGER
from headgate.testing.clock import FakeClock
from headgate.testing.leases import MemoryLeases
from headgate.testing.release_world import See
from headgate.testing.supply import MODEL, Supply, policy_of

BUSY = Traffic(200.0, 0.01)
QUICK: Mapping[str, Any] = {
    "shadow": {"duration": "1m", "requests": 10},
    "rungs": [{"share": 0.05, "hold": "2m"}, {"share": 0.25, "hold": "2m"}],
    "watch": "3m",
}
MINUTE = timedelta(minutes=1)


def plenty(guard: str, rung: Rung, plan: Plan, traffic: Traffic) -> float:  # noqa: ARG001 - a Power needs no more
    """Need a hundred requests for anything."""
    return 100.0


def release_policy(**said: Any) -> ProjectPolicy:
    """Return the policy of one model, `delay`, with quick rungs; `said` replaces keys of its `release`."""
    body = policy_of().model_dump(mode="json")
    body["models"][MODEL]["release"] = {**QUICK, **said}
    return ProjectPolicy.model_validate(body)


class Scripted:
    """A judge who says what a test says.

    Attributes:
        see: What is seen of a release; None: nothing.
        asked: How often it was asked.
        wish: The shares that a bandit asks for.
    """

    def __init__(self, see: See) -> None:
        self.see, self.asked = see, 0
        self.wish: Mapping[str, float] = {}

    def evidence(self, at: Standing, now: datetime) -> Evidence:
        """Return what the test says."""
        self.asked += 1
        return self.see(at, now) or nothing_seen(at.since)

    def shares(self, _at: Standing, _now: datetime) -> Mapping[str, float]:
        """Return what the test wishes."""
        return self.wish


class KilledError(Exception):
    """The process ended here."""


class Faulty:
    """A journal whose writes fail as a test says; reads go through.

    Attributes:
        fault: Called with the number of the append, 1, 2 ..., and "before" or "after" it was committed.
        appends: How many there were.
        shares: The arms' weights of every route that was ever written, by version.
    """

    def __init__(self, store: EventStore, fault: Callable[[int, str], None] = lambda _n, _when: None) -> None:
        self.store, self.fault = store, fault
        self.appends = 0
        self.shares: list[dict[str, float]] = []

    def append(
        self, stream: str, expected: int, events: Sequence[NewEvent], documents: Sequence[Document] = ()
    ) -> tuple[Event, ...]:
        """Record events, unless the fault comes before."""
        self.appends += 1
        self.fault(self.appends, "before")
        found = self.store.append(stream, expected, events, documents)
        for document in documents:
            body: Any = document.body
            self.shares.append({arm["version"]: arm["weight"] for arm in body["arms"]})
        self.fault(self.appends, "after")
        return found

    def read(
        self, stream: str | None = None, *, after: int = 0, kinds: Sequence[str] = (), limit: int | None = None
    ) -> Iterator[Event]:
        """Yield events in order."""
        return self.store.read(stream, after=after, kinds=kinds, limit=limit)

    def last(self) -> Event | None:
        """Return the event at the highest position."""
        return self.store.last()

    def documents(self, collection: str) -> tuple[Document, ...]:
        """Return the current documents of a collection, by key."""
        return self.store.documents(collection)

    def head(self) -> Head:
        """Return where it ends."""
        return self.store.head()

    @property
    def outbox(self) -> Outbox:
        """Return what sends the events on."""
        return self.store.outbox


def killed_at(number: int, when: str) -> Callable[[int, str], None]:
    """Return a fault that ends the process once, at one append, before or after it is committed."""

    def fault(at: int, moment: str) -> None:
        if (at, moment) == (number, when):
            raise KilledError

    return fault


def lost_at(number: int, when: str) -> Callable[[int, str], None]:
    """Return a fault that loses the database once, at one append, before or after it is committed."""

    def fault(at: int, moment: str) -> None:
        if (at, moment) == (number, when):
            raise Unavailable("the database was lost", where="a test")

    return fault


class ReleaseSupply(Supply):
    """A project with a champion, a version that may be released, and a controller on a clock that tests move.

    Attributes:
        scripted: Who says what is seen.
        faulty: The journal, whose writes a test may let fail.
        leases: Who leads.
        span: Of a controller's lease.
        controller: The process that carries releases out.
    """

    def __init__(
        self, folder: Path, see: See, store: EventStore | None = None, clock: FakeClock | None = None, **said: Any
    ) -> None:
        super().__init__(folder, release_policy(**said), store)
        self.clock = clock or self.clock  # with a store of one's own comes its clock
        self.keeps_bundles = True
        self.scripted = Scripted(see)
        self.faulty = Faulty(self.store)
        self.store = self.faulty
        self.leases: Leases = MemoryLeases(self.store, self.clock)
        self.started, self.span = 0, LEASE
        self.controller = self.new_controller()

    def new_controller(self) -> Controller:
        """Return a controller as a process that has just started has it."""
        self.started += 1
        return Controller(self.desk, self.leases, self.scripted, f"process-{self.started}", span=self.span)

    def champion_and_challenger(self) -> None:
        """Make version 1 champion, and version 2 ready to be released."""
        self.promote(self.ready())
        second = self.register()
        self.judge(second)
        self.approve(second)

    def begin(self, version: str = "2", because: str = "a better version") -> Begun:
        """Start a release of a version."""
        return people.start(self.desk, MODEL, {CHALLENGER: version}, BUSY, plenty, "person:ada", because)

    @property
    def releases(self) -> Releases:
        """What the journal says."""
        return read_releases(self.store, MODEL)

    @property
    def weights(self) -> dict[str, float]:
        """The share of each version by the route that the gateway reads."""
        return {arm.version: arm.weight for arm in self.route.arms}

    def outcomes(self) -> list[tuple[str, Act, str]]:
        """Return key, act and outcome of every move that was made, in order."""
        found = []
        for event in self.store.read(kinds=["release.moved", "release.finished", "release.rolled_back"]):
            body: Any = event.body
            found.append((body["key"], Act(body["act"]), body.get("outcome", "done")))
        return found
