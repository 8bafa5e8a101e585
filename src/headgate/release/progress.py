"""How far every release of a model is: a fold over its events, and nothing else.

Total: an event of another kind, of an unknown release, one that was read before, or an outcome that was recorded
already changes nothing. What a person does around the controller (moves the pointer, sets shares) counts as well.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from headgate.base.errors import BadInput, Tampered
from headgate.journal.event import Event
from headgate.release import events
from headgate.release.evidence import Verdict
from headgate.release.ledger import MOVED, ROUTE_SET, stream_of
from headgate.release.move import RAISES, Act, Intent, Order, State
from headgate.release.plan import Plan
from headgate.release.standing import Standing

OUTCOMES = frozenset({events.CLIMBED, events.FINISHED, events.ROLLED_BACK})
HELD = frozenset({State.RUNNING, State.ASKING, State.WAITING})


@dataclass(frozen=True, slots=True)
class Releases:
    """Every release of one model, in the order in which they started.

    Attributes:
        champion: Who serves by the pointer's own events; empty: none was read.
        position: The last event that was read.
        sequence: The stream's last sequence: what an append that was decided on this expects.
    """

    model: str
    all: tuple[Standing, ...] = ()
    champion: str = ""
    position: int = 0
    sequence: int = 0

    @property
    def open(self) -> tuple[Standing, ...]:
        """Those that have not ended."""
        return tuple(one for one in self.all if not one.state.ended)

    def find(self, release: str) -> Standing | None:
        """Return a release by its id."""
        return next((one for one in self.all if one.release == release), None)


def releases_of(model: str, found: Iterable[Event]) -> Releases:
    """Return a model's releases from its stream, or from the whole journal."""
    releases = Releases(model)
    for event in found:
        releases = advance(releases, event)
    return releases


def advance(releases: Releases, event: Event) -> Releases:
    """Return the releases after one more event; one already read, or of another stream, changes nothing.

    Raises:
        Tampered: The event's body is not what its kind says.
    """
    if event.stream != stream_of(releases.model) or event.position <= releases.position:
        return releases
    try:
        every = _changed(releases, event)
        champion = str(event.body["to"]) if event.kind == MOVED else releases.champion
    except (BadInput, KeyError, TypeError, ValueError) as error:
        raise Tampered(
            f"{event.kind} cannot be read: {error!r}",
            where=f"journal event {event.position}",
            way_out="run `headgate audit`; restore the journal from a backup",
        ) from error
    return replace(releases, all=every, champion=champion, position=event.position, sequence=event.sequence)


def _changed(releases: Releases, event: Event) -> tuple[Standing, ...]:
    body: Any = event.body
    if event.kind == events.STARTED:
        known = releases.find(body["release"]) is not None
        return releases.all if known else (*releases.all, _started(event, releases.champion))
    if event.kind in {MOVED, ROUTE_SET}:
        return tuple(one if one.state.ended else _around(one, event) for one in releases.all)
    if event.kind not in events.ABOUT_ONE:
        return releases.all
    name = body["release"]
    return tuple(
        one if one.release != name or one.state.ended else _one(one, event) for one in _reported(releases, event)
    )


def _reported(releases: Releases, event: Event) -> tuple[Standing, ...]:
    """A report is stored when a release has ended already."""
    if event.kind != events.REPORTED:
        return releases.all
    name = event.body["release"]
    return tuple(replace(one, reported=True) if one.release == name else one for one in releases.all)


def _started(event: Event, champion: str) -> Standing:
    body: Any = event.body
    plan, at = Plan.from_json(body["plan"]), event.at
    return Standing(body["release"], plan, State.WAITING, champion or body["from"], at, at, at, why=event.reason)


def _one(at: Standing, event: Event) -> Standing:
    body: Any = event.body
    if event.kind == events.INTENDED:
        return _intended(at, Intent.from_json(body), event)
    if event.kind == events.EVIDENCE:
        return replace(at, seen=Verdict(body["evidence"]["verdict"]), seen_at=event.at)
    if event.kind not in OUTCOMES:
        return _said(at, event)
    return at if at.pending is None or body["key"] != at.pending.key else _outcome(at, at.pending, event)


def _outcome(at: Standing, intent: Intent, event: Event) -> Standing:
    if event.kind == events.CLIMBED:
        done = event.body.get("outcome", "done") == "done"
        return _moved(at, intent, event) if done else _failed(at, intent, event)
    usual = State.FINISHED if event.kind == events.FINISHED else State.ROLLED_BACK
    return _ended(at, intent.move.end or usual, event.reason)


def _said(at: Standing, event: Event) -> Standing:
    """What people, or a later release, say."""
    match event.kind:
        case events.ASKED if at.state is State.RUNNING:
            return replace(at, state=State.ASKING, held=event.at, why=event.reason)
        case events.PAUSED if at.state in HELD:
            return replace(at, state=State.PAUSED, held=event.at, why=f"{event.actor}: {event.reason}")
        case events.RESUMED if at.state in {State.PAUSED, State.ASKING}:
            state = State.RUNNING if at.rung >= 0 else State.WAITING
            return replace(at, state=state, held=None, blocked="", clock=event.at, why=event.reason)
        case events.ABORTED:
            return _order(at, State.ABORTED, f"aborted by {event.actor}: {event.reason}")
        case events.SUPERSEDED:
            return _order(at, State.SUPERSEDED, f"superseded by release {event.body['by']}: {event.reason}")
        case _:
            return at


def _intended(at: Standing, intent: Intent, event: Event) -> Standing:
    """One move at a time; only going back may take the place of another that is open."""
    open_already = at.pending is not None and intent.move.act is not Act.ROLL_BACK
    if intent.step != at.step + 1 or open_already:
        return at
    return replace(at, step=intent.step, pending=intent, intended=event.at)


def _moved(at: Standing, intent: Intent, event: Event) -> Standing:
    move = intent.move
    at = replace(at, pending=None, blocked="", why=move.why, shared=event.at)
    match move.act:
        case Act.DROP:
            return replace(at, dropped=at.dropped | move.drop, shares={})
        case Act.RESHARE:
            return replace(at, shares=dict(move.shares))
        case Act.PROMOTE if at.promoted:
            return at  # the pointer's own event said so
        case Act.PROMOTE:
            return _promoted(at, event, move.arm)
        case Act.ADVANCE:
            at = replace(at, rung=move.rung, shares={}, entered=True, since=event.at, clock=event.at)
            return at if at.state is State.PAUSED else replace(at, state=State.RUNNING, held=None)
        case _:
            return at


def _promoted(at: Standing, event: Event, arm: str) -> Standing:
    at = replace(at, state=State.PROMOTED, rung=at.plan.last, arm=arm, shares={}, entered=True, blocked="")
    return replace(at, since=event.at, clock=event.at, held=None)


def _failed(at: Standing, intent: Intent, event: Event) -> Standing:
    """What could not be raised asks a person; what harms and could not be dropped alone goes back with the rest.

    Giving everything back is tried again until it is done.
    """
    if intent.move.act is Act.DROP:
        why = f"{intent.move.why}; the other arms cannot stay: {event.reason}"
        return replace(at, pending=None, order=at.order or Order(State.ROLLED_BACK, why), why=why)
    if intent.move.act not in RAISES:
        return at
    state = State.PROMOTED if at.promoted else State.ASKING
    return replace(at, pending=None, state=state, held=event.at, blocked=event.reason, why=event.reason)


def _ended(at: Standing, end: State, why: str) -> Standing:
    return replace(at, state=end, pending=None, held=None, why=why)


def _order(at: Standing, end: State, why: str) -> Standing:
    """What has no traffic and expects none ends at once."""
    if at.rung < 0 and at.pending is None:
        return _ended(at, end, why)
    return at if at.order is not None else replace(at, order=Order(end, why), why=why)


def _around(at: Standing, event: Event) -> Standing:
    """The pointer was moved, or shares were set: by the release itself, or around it."""
    body: Any = event.body
    if event.kind == ROUTE_SET:
        by_hand = body.get("release", "") != at.release and at.pending is None
        if not by_hand or at.rung < 0 or at.promoted:
            return at
        why = f"{event.actor} set the shares by hand: {event.reason}"
        return replace(at, state=State.PAUSED, held=event.at, entered=False, why=why)
    return _pointed(at, event, body["to"])


def _pointed(at: Standing, event: Event, to: str) -> Standing:
    arm = next((name for name, side in at.plan.challengers.items() if side.version == to), "")
    who = f"{event.actor} made version {to} champion: {event.reason}"
    if at.promoted:
        if at.plan.challengers[at.arm].version == to or at.pending is not None:
            return at
        return _ended(at, State.ROLLED_BACK if to == at.before else State.SUPERSEDED, who)
    if arm:
        own = at.pending if at.pending is not None and at.pending.move.act is Act.PROMOTE else None
        before = str(event.body.get("from") or at.before)
        return replace(_promoted(at, event, arm), before=before, pending=own, order=None, why=who)
    if at.rung < 0 and at.pending is None:
        return replace(at, before=to)
    return _ended(at, State.SUPERSEDED, who)
