"""Carry out one effect of a release in one append, which holds the route and the event that says so.

Every append names the sequence that was read, so what was decided on an older state is refused (Conflict). Where the
outside must be touched first (a bundle is fetched), that may be repeated.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from headgate.base.digest import Json
from headgate.base.errors import BadInput, Refused, Tampered
from headgate.gate.people import STREAM as PEOPLE
from headgate.gate.people import People, people_of
from headgate.journal.event import NewEvent
from headgate.journal.ports import Document
from headgate.loop.effect import (
    Ask,
    Effect,
    Finish,
    KeepWarm,
    MovePointer,
    RecordEvidence,
    RenewLease,
    Report,
    RollBack,
    SetShares,
    Supersede,
)
from headgate.registry.steps import ensure_bundle
from headgate.release import events, pointer
from headgate.release.ledger import RENEWED, ROUTE_SET, Ledger, stream_of
from headgate.release.ports import Reporter
from headgate.release.progress import Releases
from headgate.release.readiness import Rules
from headgate.release.restore import recorded_route
from headgate.release.shares import Setting, Wish, set_shares
from headgate.release.steps import Desk, next_revision, record_move
from headgate.routing.route import COLLECTION, Arm, Route, Shadow
from headgate.routing.share import renew

ACTOR = "process:controller"
NO = (Refused, BadInput, Tampered)  # what only a person can change
Mover: TypeAlias = SetShares | MovePointer | RollBack | Finish


@dataclass(frozen=True, slots=True)
class Sight:
    """One model as it was read: releases and ledger up to the same event, and the route that the gateway reads."""

    releases: Releases
    ledger: Ledger
    route: Route | None


def carry_out(desk: Desk, sight: Sight, effect: Effect, reporter: Reporter | None) -> bool:
    """Do the next piece of an effect: of a move first its intent, and once that is recorded the move itself.

    Returns:
        Whether something was recorded: then what was seen is old.

    Raises:
        Conflict: Somebody else recorded something meanwhile, or (Deposed) leads.
        Unavailable: What it needs did not answer; nothing was recorded.
    """
    match effect:
        case SetShares() | MovePointer() | RollBack() | Finish():
            _move(desk, sight, effect)
        case RenewLease():
            return _renew(desk, sight, effect)
        case KeepWarm(wish=wish):
            setting = _setting(desk, sight, wish)
            _append(desk, sight, [_set(setting, f"release {effect.release}: the old champion stays warm")], setting)
        case Ask():
            _append(desk, sight, events.asked(effect.release, effect.seen, effect.until, ACTOR, effect.why))
        case Supersede():
            why = f"release {effect.by} started, and the policy lets it take this one's place"
            _append(desk, sight, [events.superseded(effect.release, effect.by, ACTOR, why)])
        case RecordEvidence():
            _append(desk, sight, [events.evidence(effect.release, effect.seen, ACTOR, effect.rung)])
        case Report():
            return _report(desk, sight, effect, reporter)
    return True


def _move(desk: Desk, sight: Sight, effect: Mover) -> None:
    standing, intent = sight.releases.find(effect.intent.release), effect.intent
    pending = standing.pending if standing else None
    if pending is None or pending.key != intent.key:
        _append(desk, sight, events.intended(intent, effect.seen, ACTOR))
        return
    match effect:
        case SetShares() | MovePointer():
            _unless_refused(desk, sight, effect)
        case RollBack():
            _roll_back(desk, sight, effect)
        case Finish(wish=wish):
            _leave(desk, sight, wish, events.finished(intent, ACTOR))


def _unless_refused(desk: Desk, sight: Sight, effect: SetShares | MovePointer) -> None:
    """What the rules refuse is recorded as failed; a person is asked."""
    try:
        if isinstance(effect, SetShares):
            _shares(desk, sight, effect)
        else:
            _promote(desk, sight, effect)
    except NO as error:
        _append(desk, sight, [events.failed(effect.intent, ACTOR, error.what)])


def _shares(desk: Desk, sight: Sight, effect: SetShares) -> None:
    setting = _setting(desk, sight, effect.wish)
    _append(desk, sight, [_set(setting, effect.intent.move.why), events.moved(effect.intent, ACTOR)], setting)


def _promote(desk: Desk, sight: Sight, effect: MovePointer) -> None:
    done, rules = events.moved(effect.intent, ACTOR), Rules.of(desk.policy, effect.model)
    move = pointer.promote(sight.ledger, effect.version, rules, _people(desk), desk.clock.now())
    if move is None:
        _append(desk, sight, [done])
    else:
        record_move(desk, sight.ledger, move, ACTOR, effect.intent.move.why, after=[done])


def _roll_back(desk: Desk, sight: Sight, effect: RollBack) -> None:
    """Nothing refuses it: what speaks against the champion of before is set aside, and shown."""
    done, why = events.rolled_back(effect.intent, ACTOR), effect.intent.move.why
    move = None
    if effect.to is not None:
        rules, aside = Rules.of(desk.policy, effect.model), f"release {effect.intent.release} rolls back: {why}"
        move = pointer.roll_back(sight.ledger, effect.to, rules, _people(desk), desk.clock.now(), aside)
    if move is None:
        _leave(desk, sight, effect.wish, done)
    else:
        record_move(desk, sight.ledger, move, ACTOR, why, after=[done])


def _leave(desk: Desk, sight: Sight, wish: Wish | None, done: NewEvent) -> None:
    """Take what a release left on the route away, where there is something."""
    route = sight.route
    if wish is None or route is None or (not route.challengers and not route.shadows):
        _append(desk, sight, [done])
        return
    setting = _setting(desk, sight, wish)
    _append(desk, sight, [_set(setting, done.reason), done], setting)


def _renew(desk: Desk, sight: Sight, effect: RenewLease) -> bool:
    route = sight.route
    if route is None or route.release != effect.release:
        return False
    renewed = replace(renew(route, effect.until), revision=next_revision(desk.store, sight.ledger))
    body: dict[str, Json] = {"revision": renewed.revision, "renewed_until": effect.until.isoformat()}
    new = NewEvent(RENEWED, ACTOR, f"release {effect.release} goes on", body)
    _append(desk, sight, [new], renewed)
    return True


def _report(desk: Desk, sight: Sight, effect: Report, reporter: Reporter | None) -> bool:
    standing = sight.releases.find(effect.release)
    if reporter is None or standing is None:
        return False
    _append(desk, sight, [events.reported(effect.release, reporter.store(standing), ACTOR)])
    return True


def _setting(desk: Desk, sight: Sight, wish: Wish) -> Setting:
    """Return the route that a wish leads to, its bundles here.

    Raises:
        Refused: A version may not have a share.
        Unavailable: A bundle is not here, and the registry does not answer.
    """
    model, ledger = sight.ledger.model, sight.ledger
    standing = sight.route or recorded_route(ledger)
    if standing is None:
        raise Refused("no version serves", where=f"model {model}", way_out="`headgate promote VERSION`")
    rules = Rules.of(desk.policy, model)
    setting = set_shares(ledger, standing, wish, rules, _people(desk), desk.clock.now(), None)
    others: list[Arm | Shadow] = [*setting.route.challengers, *setting.route.shadows]
    for one in others:
        ensure_bundle(desk.bundles, desk.registry, model, one.version, one.digest)
    return replace(setting, route=replace(setting.route, revision=next_revision(desk.store, ledger)))


def _people(desk: Desk) -> People:
    return people_of(desk.store.read(PEOPLE))


def _set(setting: Setting, why: str) -> NewEvent:
    return NewEvent(ROUTE_SET, ACTOR, why, setting.to_json())


def _append(desk: Desk, sight: Sight, new: Sequence[NewEvent], made: Setting | Route | None = None) -> None:
    route = made.route if isinstance(made, Setting) else made
    documents = [] if route is None else [Document(COLLECTION, route.model, route.revision, route.to_json())]
    desk.store.append(stream_of(sight.ledger.model), sight.ledger.sequence, new, documents)
