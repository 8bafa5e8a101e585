"""Replay the journal event by event: was every signature made by whose it is, was every move allowed then?

Each event is checked against the state right before it. A move of a pointer is decided again, by the same functions, on
what was known then and under the rules that were recorded with it. Nothing here reads the journal or a clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from headgate.base.errors import BadInput, HeadgateError, Refused
from headgate.gate import people
from headgate.gate.ballots import flaw, read
from headgate.gate.people import unsigned, unvouched
from headgate.gate.verdict import Verdict
from headgate.journal.event import Event
from headgate.journal.head import RENEWED
from headgate.loop.state import ProjectState, advance
from headgate.release import pointer
from headgate.release.ledger import MOVED, Ledger, Moved
from headgate.release.pointer import Move
from headgate.release.readiness import Rules

LAG = timedelta(minutes=10)  # a move decided longer before it was recorded was decided on another day


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not hold; `position` is the event's, None where it is no event."""

    position: int | None
    where: str
    what: str

    def __str__(self) -> str:
        """Return it in one line."""
        return f"event {self.position} ({self.where}): {self.what}" if self.position else f"{self.where}: {self.what}"


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay came to: the state at its end, and what it found on the way."""

    state: ProjectState
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]


def replay(events: Sequence[Event]) -> Replay:
    """Fold the events, checking each on the way; one that cannot be read is a finding and is passed over."""
    state, findings, notes = ProjectState(), list[Finding](), list[str]()
    nonces: set[str] = set()
    for event in events:
        try:
            found = _check(event, state, nonces)
            before, state = state, advance(state, event)
        except (HeadgateError, KeyError, TypeError, ValueError) as error:
            findings.append(
                _finding(event, error.what if isinstance(error, HeadgateError) else f"unreadable: {error!r}")
            )
            state = _past(state, event)
            continue
        findings += [_finding(event, what) for what in found]
        notes += _notes(event, before)
    return Replay(state, tuple(findings), tuple(notes))


def _check(event: Event, state: ProjectState, nonces: set[str]) -> list[str]:
    """Return what is wrong with one event, given the state right before it."""
    name = event.stream.removeprefix("model/")
    match event.kind:
        case "ballot.cast":
            return _ballot_flaws(event, state, nonces)
        case people.ADDED | people.REVOKED:
            return _person_flaws(event, state)
        case "pointer.moved":
            return _move_flaws(event, state, name)
        case "version.registered":
            return _version_flaws(event, state.model(name).ledger)
        case "verdict.given":
            return _verdict_flaws(event, state.model(name).ledger)
        case _:
            return []


def _ballot_flaws(event: Event, state: ProjectState, nonces: set[str]) -> list[str]:
    ballot = read(event)
    flaws = [what for what in (flaw(ballot, state.people),) if what]
    if ballot.nonce in nonces:
        flaws.append(f"{ballot.person}'s ballot was recorded before: it is a copy")
    nonces.add(ballot.nonce)
    person = state.people.active(ballot.person)
    authenticated = ballot.signature is not None and person is not None and person.trusted
    if bool(event.body["authenticated"]) != authenticated and not flaws:
        flaws.append(f"it says authenticated={event.body['authenticated']}, and it is {authenticated}")
    return [f"ballot of {ballot.person}: {what}" for what in flaws]


def _person_flaws(event: Event, state: ProjectState) -> list[str]:
    """An addition without any signature is allowed, and noted; a signature that does not hold is not."""
    if event.stream != people.STREAM or not state.people.known:
        return []
    name, kind = str(event.body["name"]), event.kind
    owner = state.people.owner(str(event.body["key_id"]))
    if kind == people.ADDED and owner is not None:
        return [f"the key of {name} is {owner.name}'s already"]
    open_door = kind == people.ADDED and state.people.active(name) is None
    if open_door and event.body["signature"] is None:
        return []
    why = (unsigned if open_door else unvouched)(state.people, kind, event.body)
    return [f"{name}: {why}; it has no effect" if not open_door else f"{name}: {why}"] if why else []


def _version_flaws(event: Event, ledger: Ledger) -> list[str]:
    before = ledger.versions.get(str(event.body["version"]))
    if before is None or before.digest == event.body["digest"]:
        return []
    return [f"version {before.version} was registered before with another artefact ({before.digest[:19]})"]


def _verdict_flaws(event: Event, ledger: Ledger) -> list[str]:
    verdict = Verdict.from_json(event.body)
    known = ledger.versions.get(verdict.version)
    flaws = []
    if known is not None and known.digest != verdict.digest:
        flaws.append(f"the verdict on version {verdict.version} judged another artefact ({verdict.digest[:19]})")
    if event.body.get("passed") != verdict.passed:
        flaws.append(f"the verdict says passed={event.body.get('passed')}, and its lines say {verdict.passed}")
    return flaws


def _move_flaws(event: Event, state: ProjectState, name: str) -> list[str]:
    """Decide the move again, on what was known then; say where the record differs."""
    ledger = state.model(name).ledger
    recorded = advance(state, event).model(name).ledger.moves[-1]
    rules = Rules.from_json(name, recorded.rules)
    try:
        decided = _again(ledger, recorded, rules, state)
    except (Refused, BadInput) as refusal:
        return [f"the pointer was moved to {recorded.version} against the rules: {refusal.what}"]
    if decided is None:
        return [f"the pointer was moved to {recorded.version}, which served already"]
    flaws = [
        f"the move says {what} {said!r}, and the replay says {true!r}"
        for what, said, true in _pairs(recorded, decided)
        if said != true
    ]
    before = ledger.champion.revision if ledger.champion else 0
    if recorded.revision <= before:
        flaws.append(f"the route's revision went from {before} to {recorded.revision}")
    if abs(recorded.at - recorded.decided_at) > LAG:
        flaws.append(f"decided at {recorded.decided_at.isoformat()}, recorded at {recorded.at.isoformat()}")
    return flaws


def _again(ledger: Ledger, recorded: Moved, rules: Rules, state: ProjectState) -> Move | None:
    version, now = recorded.version, recorded.decided_at
    match recorded.cause:
        case "promote":
            return pointer.promote(ledger, version, rules, state.people, now, recorded.override)
        case "alias":
            return pointer.follow_alias(ledger, version, rules, state.people, now)
        case "rollback":
            return pointer.roll_back(ledger, version, rules, state.people, now, recorded.override)
        case _:
            raise Refused(f"nothing moves a pointer for the cause {recorded.cause!r}", where=f"model {ledger.model}")


def _pairs(recorded: Moved, decided: Move) -> tuple[tuple[str, object, object], ...]:
    return (
        ("from", recorded.before, decided.before),
        ("digest", recorded.digest, decided.digest),
        ("override", recorded.override, decided.override),
        ("authenticated", recorded.authenticated, decided.authenticated),
        ("approvers", recorded.approvers, decided.approvers),
    )


def _notes(event: Event, before: ProjectState) -> list[str]:
    if event.kind == MOVED and event.body["override"] is not None:
        return [f"event {event.position}: {event.actor} set the rules aside: {event.body['override']}"]
    if event.kind == MOVED and not event.body["authenticated"]:
        return [f"event {event.position}: version {event.body['to']} was promoted on unauthenticated approval"]
    if event.kind == people.ADDED and event.body.get("signature") is None and before.people.known:
        return [f"event {event.position}: {event.body['name']} was added by {event.actor} without a signature"]
    if event.kind == RENEWED:
        after = f"after event {event.body.get('position')}"
        return [f"event {event.position}: {event.actor} started a new signed head {after}: {event.reason}"]
    return []


def _finding(event: Event, what: str) -> Finding:
    return Finding(event.position, f"{event.kind} in {event.stream}", what)


def _past(state: ProjectState, event: Event) -> ProjectState:
    """Go on after an event that cannot be read."""
    name = event.stream.removeprefix("model/")
    if name == event.stream or name not in state.models:
        return replace(state, position=event.position)
    model = state.models[name]
    ledger = replace(model.ledger, sequence=event.sequence, position=event.position)
    return replace(state, position=event.position, models={**state.models, name: replace(model, ledger=ledger)})
