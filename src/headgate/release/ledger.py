"""What the journal says about one model: its versions, verdicts, ballots, and every move of its pointer.

A fold: events in, a value out. It judges nothing; `pointer` does.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from headgate.base.errors import BadInput, Tampered
from headgate.gate import ballots
from headgate.gate.ballots import Ballot
from headgate.gate.people import plain_name
from headgate.gate.verdict import Verdict
from headgate.journal.event import Event

REGISTERED, GIVEN, MOVED, ROUTE_SET = "version.registered", "verdict.given", "pointer.moved", "route.set"
RENEWED, RESTORED = "route.renewed", "route.restored"
Cause = Literal["promote", "rollback", "alias"]


def stream_of(model: str) -> str:
    """Return the stream that holds a model's events."""
    return f"model/{model}"


@dataclass(frozen=True, slots=True)
class Registered:
    """A version as the journal knows it; author and requester (``person:ada``) may not approve it."""

    version: str
    run: str
    digest: str
    author: str
    requester: str
    at: datetime
    trained_until: datetime | None

    @property
    def requesters(self) -> frozenset[str]:
        """The plain names of everybody who trained, triggered or asked."""
        return frozenset(plain_name(name) for name in (self.author, self.requester) if name)


@dataclass(frozen=True, slots=True)
class Given:
    """A verdict, and when it was given."""

    position: int
    at: datetime
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Moved:
    """One move of the pointer.

    Attributes:
        before: The version that served before; None: none did.
        override: Why the rules were set aside; None: they were not.
        authenticated: Whether trusted keys carry it.
        approvers: Whose approval counted.
        rules: The rules as they were then (`pointer.Rules.to_json`).
        decided_at: The time it was decided by.
        body: The event's whole body.
    """

    position: int
    at: datetime
    actor: str
    reason: str
    version: str
    before: str | None
    digest: str
    revision: int
    cause: Cause
    override: str | None
    authenticated: bool
    approvers: tuple[str, ...]
    rules: Mapping[str, Any]
    decided_at: datetime
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ledger:
    """One model's record.

    Attributes:
        sequence: The stream's last sequence: what an append that was decided on this ledger expects.
        position: The last event that was read; earlier ones change nothing when they are read again.
        trail: How the champion came to be, for going back: a promotion adds, a rollback returns.
        route: The body of the `route.set` or `route.restored` that holds; None: the champion has had everything
            since it moved.
    """

    model: str
    sequence: int = 0
    position: int = 0
    versions: Mapping[str, Registered] = field(default_factory=dict)
    verdicts: Mapping[str, tuple[Given, ...]] = field(default_factory=dict)
    ballots: tuple[Ballot, ...] = ()
    moves: tuple[Moved, ...] = ()
    trail: tuple[str, ...] = ()
    route: Mapping[str, Any] | None = None

    @property
    def champion(self) -> Moved | None:
        """The move that made the present champion."""
        return self.moves[-1] if self.moves else None

    @property
    def previous(self) -> str | None:
        """The version that `rollback` goes back to."""
        return self.trail[-2] if len(self.trail) > 1 else None

    def registered(self, version: str) -> Registered:
        """Return a version, or raise BadInput with those that exist."""
        if version not in self.versions:
            known = ", ".join(self.versions) or "none yet"
            raise BadInput(
                f"{self.model} has no version {version}",
                where=f"model {self.model}",
                way_out=f"versions in the journal: {known}; `headgate train` or `headgate register` makes one",
            )
        return self.versions[version]

    def requesters(self, digest: str) -> frozenset[str]:
        """Return everybody who trained or asked for this artefact, under whatever version it was registered."""
        same = (found.requesters for found in self.versions.values() if found.digest == digest)
        return frozenset().union(*same)

    def verdict(self, version: str, scorecard: str, before: int | None = None) -> Given | None:
        """Return the latest verdict of a version under a scorecard, as known before a position."""
        found = [
            given
            for given in self.verdicts.get(version, ())
            if given.verdict.scorecard == scorecard and (before is None or given.position < before)
        ]
        return found[-1] if found else None

    def served(self, version: str) -> Moved | None:
        """Return the last move that made a version champion, or None when it never served."""
        return next((move for move in reversed(self.moves) if move.version == version), None)


def advance(ledger: Ledger, event: Event) -> Ledger:
    """Return the ledger after one more event; one already read, or of another stream, changes nothing.

    Raises:
        Tampered: The event's body is not what its kind says.
    """
    if event.stream != stream_of(ledger.model) or event.position <= ledger.position:
        return ledger
    try:
        changed = _changes(ledger, event)
    except (KeyError, TypeError, ValueError) as error:
        raise Tampered(
            f"{event.kind} cannot be read: {error!r}",
            where=f"journal event {event.position}",
            way_out="run `headgate audit`; restore the journal from a backup",
        ) from error
    return replace(ledger, sequence=event.sequence, position=event.position, **changed)


def ledger_of(model: str, events: Iterable[Event]) -> Ledger:
    """Return a model's ledger from its stream, or from the whole journal."""
    ledger = Ledger(model)
    for event in events:
        ledger = advance(ledger, event)
    return ledger


def _changes(ledger: Ledger, event: Event) -> dict[str, Any]:
    """Return the parts of the ledger that an event changes."""
    match event.kind:
        case "version.registered":
            found = _registered(event)
            before = ledger.versions.get(found.version)
            if before is not None and before.digest == found.digest:
                return {}  # recorded again after a crash: who asked first stays who asked
            return {"versions": {**ledger.versions, found.version: found}}
        case "verdict.given":
            verdict = Verdict.from_json(event.body)
            given = Given(event.position, event.at, verdict)
            earlier = ledger.verdicts.get(verdict.version, ())
            return {"verdicts": {**ledger.verdicts, verdict.version: (*earlier, given)}}
        case ballots.CAST:
            return {"ballots": (*ledger.ballots, ballots.read(event))}
        case "pointer.moved":
            move = _moved(event)
            return {"moves": (*ledger.moves, move), "trail": _trail(ledger.trail, move), "route": None}
        case _:
            return _route_changes(ledger, event)


def _route_changes(ledger: Ledger, event: Event) -> dict[str, Any]:
    """A promotion, which clears the shares, may have come between a route and its renewal."""
    body: Any = event.body
    if event.kind in {ROUTE_SET, RESTORED}:
        return {"route": dict(body)}
    if event.kind == RENEWED and ledger.route is not None:
        return {"route": {**ledger.route, **body}}
    return {}


def _trail(trail: tuple[str, ...], move: Moved) -> tuple[str, ...]:
    """A promotion goes on top; going back to a version takes away whatever came after it."""
    if move.cause == "promote" or move.version not in trail:
        return (*trail, move.version)
    latest = len(trail) - 1 - trail[::-1].index(move.version)
    return trail[: latest + 1]


def _registered(event: Event) -> Registered:
    body: Any = event.body
    until = body.get("trained_until")
    return Registered(
        version=body["version"],
        run=body["run"],
        digest=body["digest"],
        author=body["author"],
        requester=body.get("requester") or "",
        at=event.at,
        trained_until=datetime.fromisoformat(until) if until else None,
    )


def _moved(event: Event) -> Moved:
    body: Any = event.body
    return Moved(
        position=event.position,
        at=event.at,
        actor=event.actor,
        reason=event.reason,
        version=body["to"],
        before=body["from"],
        digest=body["digest"],
        revision=int(body["revision"]),
        cause=body["cause"],
        override=body["override"],
        authenticated=bool(body["authenticated"]),
        approvers=tuple(body["approvers"]),
        rules=body["rules"],
        decided_at=datetime.fromisoformat(body["at"]),
        body=body,
    )
