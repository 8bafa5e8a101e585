"""What happened to one release, in order, from the journal alone: events, what was seen when, shares when. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from headgate.journal.event import Event
from headgate.release import events
from headgate.release.evidence import Evidence
from headgate.release.ledger import MOVED, RENEWED, RESTORED, ROUTE_SET
from headgate.release.plan import Plan
from headgate.release.progress import Releases, advance
from headgate.release.standing import Standing
from headgate.release.telling import said
from headgate.routing.route import CHAMPION

AROUND = frozenset({MOVED, ROUTE_SET})
ROUTES = frozenset({MOVED, ROUTE_SET, RESTORED, RENEWED})
BETWEEN = frozenset({events.INTENDED, events.EVIDENCE, events.REPORTED})


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened: what, by whom, and why."""

    at: datetime
    what: str
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was seen at a moment, and on which rung."""

    at: datetime
    rung: int
    seen: Evidence


@dataclass(frozen=True, slots=True)
class Split:
    """Shares of the traffic from a moment on: as they were set, or the champion's alone once nobody renewed them.

    Attributes:
        revision: Of the route.
        shares: By arm; they sum to 1.
        versions: By arm.
    """

    at: datetime
    revision: int
    shares: Mapping[str, float]
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Chronicle:
    """A release from its start to its end, or until now.

    Attributes:
        at: How it stands.
        ended: When it ended; None: it has not.
    """

    at: Standing
    actor: str
    because: str
    ended: datetime | None = None
    entries: tuple[Entry, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    splits: tuple[Split, ...] = ()

    @property
    def plan(self) -> Plan:
        """What it was to do."""
        return self.at.plan


@dataclass(slots=True)
class _Told:
    until: datetime | None = None  # how long the shares hold
    entries: list[Entry] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    splits: list[Split] = field(default_factory=list)


def chronicle(model: str, release: str, found: Iterable[Event]) -> Chronicle | None:
    """Return what happened to a release; None: there is no such one.

    Args:
        model: Whose release.
        release: Its id.
        found: The events of the model's stream, in order; what came after the release's end changes nothing.
    """
    releases, told, last = Releases(model), _Told(), None
    started: Event | None = None
    for event in found:
        before = releases.find(release)
        last = _split(event) or last
        releases = advance(releases, event)
        at = releases.find(release)
        if at is None:
            continue
        if before is None:
            started = event
            told.splits += [_first(event, at, last)]
        _lapse(told, event)
        _note(told, event, before or at, release)
        if at.state.ended:
            return _made(at, started, told, event.at)
    return _made(at, started, told, None) if (at := releases.find(release)) else None


def _made(at: Standing, started: Event | None, told: _Told, ended: datetime | None) -> Chronicle:
    actor, because = (started.actor, started.reason) if started else ("", "")
    return Chronicle(at, actor, because, ended, tuple(told.entries), tuple(told.snapshots), tuple(told.splits))


def _note(told: _Told, event: Event, at: Standing, release: str) -> None:
    body: Any = event.body
    own = body.get("release") == release
    if own and event.kind == events.EVIDENCE:
        seen = Evidence.from_json(body["evidence"])
        if at.rung >= 0 and (seen.readings or seen.stop):
            told.snapshots.append(Snapshot(event.at, at.rung, seen))
    split = _split(event)
    if split is not None:
        told.splits.append(split)
    if event.kind not in BETWEEN and ((own and event.kind in events.ABOUT_ONE | {events.STARTED}) or _by_hand(event)):
        what, _ = said(event, at.plan)
        told.entries.append(Entry(event.at, what.removeprefix(f"{release}: "), event.actor, event.reason))


def _lapse(told: _Told, event: Event) -> None:
    """What nobody renews lapses to the champion, until somebody does; then the shares are as before."""
    if event.kind not in ROUTES:
        return
    body: Any = event.body
    if told.until is not None and event.at > told.until:
        last = told.splits[-1]
        told.splits.append(Split(told.until, last.revision, {CHAMPION: 1.0}, {CHAMPION: last.versions[CHAMPION]}))
        if event.kind == RENEWED:
            told.splits.append(Split(event.at, int(body["revision"]), last.shares, last.versions))
    until = body.get("renewed_until")
    told.until = datetime.fromisoformat(until) if until else None


def _by_hand(event: Event) -> bool:
    return event.kind in AROUND and event.actor.startswith("person:")


def _split(event: Event) -> Split | None:
    """Return the shares that an event set; None: it set none."""
    body: Any = event.body
    if event.kind == MOVED:
        return Split(event.at, int(body.get("revision", 0)), {CHAMPION: 1.0}, {CHAMPION: str(body["to"])})
    if event.kind not in {ROUTE_SET, RESTORED}:
        return None
    shares = {arm["name"]: float(arm["weight"]) for arm in body["arms"]}
    return Split(event.at, int(body["revision"]), shares, {arm["name"]: str(arm["version"]) for arm in body["arms"]})


def _first(event: Event, at: Standing, last: Split | None) -> Split:
    """Return the shares as they were when it started."""
    if last is None:
        return Split(event.at, 0, {CHAMPION: 1.0}, {CHAMPION: at.before})
    return Split(event.at, last.revision, last.shares, last.versions)
