"""Decide what to do about the releases of one model: state and facts in, effects out, in order.

A move that was recorded and not made comes back first, under the same key; only harm, an order to end, and that it
could not be made for too long go before it. At most one effect of a pass moves traffic.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

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
    explain,
)
from headgate.release.evidence import Evidence, Verdict, nothing_seen
from headgate.release.ladder import NO_WISH, current, next_move, overdue
from headgate.release.move import RAISES, Act, Intent, Move, State
from headgate.release.plan import Kind
from headgate.release.progress import Releases
from headgate.release.shares import Wish
from headgate.release.standing import Standing, shares_on
from headgate.routing.route import CHAMPION, Route

__all__ = ["PREVIOUS", "Facts", "explain", "plan_pass"]

PREVIOUS = "previous"
"""The shadow that keeps the old champion warm."""
AGAIN = timedelta(minutes=1)
"""A verdict that wavers is recorded once in so long."""
MOVES = (SetShares, MovePointer, RollBack, Finish)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the controller saw of one model, besides the journal.

    Attributes:
        route: As the gateway reads it; None: nothing serves.
        evidence: By release; a release that is missing has seen nothing.
        shares: What a bandit asks for, by release.
    """

    route: Route | None
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    shares: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def plan_pass(state: Releases, facts: Facts, now: datetime) -> tuple[Effect, ...]:
    """Return what to do about the releases of a model now, in order."""
    effects = list[Effect]()
    replaced = _replaced(state)
    for position, at in enumerate(state.open):
        ahead = state.open[0].release if position else ""
        if at.release in replaced:
            effects.append(replaced[at.release])
        else:
            effects += _one(at, facts, now, ahead)
    ended = [one for one in state.all if one.state.ended and not one.reported]
    return (*effects, *(Report(one.model, one.release) for one in ended))


def _replaced(state: Releases) -> Mapping[str, Supersede]:
    """Return the releases whose place a later one takes, and have not been told."""
    found = dict[str, Supersede]()
    for position, later in enumerate(state.open):
        if later.state is State.WAITING and later.plan.rules.second_release == "replace":
            earlier = [one for one in state.open[:position] if one.order is None]
            found |= {one.release: Supersede(one.model, one.release, later.release) for one in earlier}
    return found


def _one(at: Standing, facts: Facts, now: datetime, ahead: str) -> list[Effect]:
    seen = facts.evidence.get(at.release) or nothing_seen(at.since)
    move = next_move(at, seen, now, ahead, facts.shares.get(at.release, NO_WISH))
    if at.pending is not None and not _goes_before(at, at.pending, move, seen, now):
        kept = _alive(at, facts.route, now) if at.pending.move.act in RAISES else []  # should it not be possible now
        return [_effect(at, at.pending, seen, now), *kept]
    if move.act is Act.ASK:
        until = move.until or now + at.plan.rules.ask_for
        return [Ask(at.model, at.release, seen, until, move.why), *_alive(at, facts.route, now)]
    if move.act is not Act.WAIT:
        return [_effect(at, Intent(at.release, at.step + 1, move), seen, now)]
    return [*_alive(at, facts.route, now), *_changed(at, seen, now)]


def _goes_before(at: Standing, pending: Intent, move: Move, seen: Evidence, now: datetime) -> bool:
    """Nothing raises the share of what is known to harm, or of what is to end; or what could not be done for long."""
    turned = current(at, seen).verdict is Verdict.HARM or (at.order or overdue(at, now)) is not None
    return turned and pending.move.act in RAISES and move.act is Act.ROLL_BACK


def _effect(at: Standing, intent: Intent, seen: Evidence, now: datetime) -> Effect:
    move = intent.move
    match move.act:
        case Act.PROMOTE:
            return MovePointer(at.model, intent, seen, at.plan.challengers[move.arm].version)
        case Act.ROLL_BACK:
            return RollBack(at.model, intent, seen, _without(at), at.before if at.promoted else None)
        case Act.FINISH:
            return Finish(at.model, intent, seen, _without(at) if at.rung >= 0 else None)
        case _:
            return SetShares(at.model, intent, seen, _wish(at, move, now))


def _wish(at: Standing, move: Move, now: datetime) -> Wish:
    rung, shares = at.plan.rungs[move.rung], shares_on(at, move)
    copied = [arm for arm in at.left if arm not in move.drop] if rung.kind is Kind.SHADOW else []
    shadows = dict.fromkeys(copied, rung.fraction)
    names = [name for name in (*shares, *shadows) if name != CHAMPION]
    versions = {name: at.plan.challengers[name].version for name in names}
    until = now + at.plan.lease if len(shares) > 1 else None
    return Wish(shares, versions, until, shadows, at.release)


def _without(at: Standing) -> Wish:
    return Wish({CHAMPION: 1.0}, {}, None, {}, at.release)


def _alive(at: Standing, route: Route | None, now: datetime) -> list[Effect]:
    """Renew what has a lease, and keep warm what may have to come back."""
    if route is None:
        return []
    if at.promoted and not any(one.version == at.before for one in route.shadows):
        wish = Wish({CHAMPION: 1.0}, {PREVIOUS: at.before}, None, {PREVIOUS: at.at.fraction}, at.release)
        return [KeepWarm(at.model, at.release, wish)]
    until = route.renewed_until
    if until is None or route.release != at.release or now < until - at.plan.lease + at.plan.rules.renew:
        return []
    return [RenewLease(at.model, at.release, now + at.plan.lease)]


def _changed(at: Standing, seen: Evidence, now: datetime) -> list[Effect]:
    """Record a verdict that is another than the one recorded; silence was never worth a line."""
    seen = current(at, seen)
    if seen.verdict is (at.seen or Verdict.UNSURE) or at.rung < 0:
        return []
    if at.seen_at is not None and now < at.seen_at + AGAIN:
        return []
    return [RecordEvidence(at.model, at.release, at.rung, seen)]
