"""Decide what a release does next.

Nothing here reads a clock, a table or the network: the caller says what it saw, and when. Harm rolls back at once,
silence never promotes, and nothing waits for ever: every wait names its end, or the person who is waited for.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from math import isclose
from types import MappingProxyType
from typing import assert_never

from headgate.policy.freeze import frozen_until
from headgate.policy.span import show_span
from headgate.release.evidence import Evidence, Verdict
from headgate.release.move import RAISES, Act, Move, Order, State
from headgate.release.plan import Kind
from headgate.release.standing import Standing
from headgate.routing.route import CHAMPION

NO_WISH: Mapping[str, float] = MappingProxyType({})


def next_move(
    at: Standing, seen: Evidence, now: datetime, ahead: str = "", wish: Mapping[str, float] = NO_WISH
) -> Move:
    """Return the one move that this evidence allows.

    Silence is not success: only evidence gathered on this rung carries a release forward.

    Args:
        at: How far the release is.
        seen: What was measured about it.
        now: The time.
        ahead: The release of the same model that must end first; empty: none.
        wish: The shares that a bandit asks for; empty: none.
    """
    if at.state.ended:
        return _wait(at, f"it is over: {at.why}")
    if (order := at.order or overdue(at, now)) is not None:
        return _ordered(at, order, seen)
    if at.rung < 0 and at.state is State.WAITING:
        return _begin(at, now, ahead)
    seen = current(at, seen)
    if seen.verdict is Verdict.HARM:
        return _harm(at, seen)
    if at.promoted:
        return _watch(at, seen, now)
    return _on(at, seen, now, wish)


def _on(at: Standing, seen: Evidence, now: datetime, wish: Mapping[str, float]) -> Move:
    match at.state:
        case State.PAUSED:
            return _held(at, now, f"paused: {at.why}", seen)
        case State.ASKING if at.blocked or seen.verdict is Verdict.UNSURE:
            return _held(at, now, f"asks a person: {at.blocked or seen.why}", seen)
        case _ if not at.entered:
            return _unless_frozen(at, now, Move(Act.ADVANCE, "shares were set by hand: the rung begins anew", at.rung))
        case _ if at.at.kind is Kind.AB:
            return _test(at, seen, now, wish)
        case _:
            return _climb(at, seen, now)


def current(at: Standing, seen: Evidence) -> Evidence:
    """Return what evidence says of the rung as it is: what was sound at another share, or on too little, is unsure."""
    seen = seen.without(at.dropped)
    if seen.verdict is not Verdict.SOUND:
        return seen
    if seen.stop:
        return replace(seen, verdict=Verdict.UNSURE, why=seen.stop)
    if seen.since < at.since:
        why = f"it was sound before {at.at.name} began; that says nothing of this rung"
        return replace(seen, verdict=Verdict.UNSURE, why=why)
    if seen.requests < at.at.requests:
        why = f"{seen.requests:,} of {at.at.requests:,} requests were judged"
        return replace(seen, verdict=Verdict.UNSURE, why=why)
    return seen


def _begin(at: Standing, now: datetime, ahead: str) -> Move:
    if ahead:
        return _wait(at, f"release {ahead} of the same model must end first")
    return _unless_frozen(at, now, Move(Act.ADVANCE, f"begins with {at.at.name}", 0))


def overdue(at: Standing, now: datetime) -> Order | None:
    """Return how a release ends whose move was decided and cannot be made; None: it may still be.

    What it needs (a bundle, a registry) may be away for ever; then what was seen is too old to give more traffic.
    """
    limit = at.plan.rules.ask_for
    if at.pending is None or at.intended is None or at.promoted or at.pending.move.act not in RAISES:
        return None
    if now <= at.intended + limit:
        return None
    why = f"{at.at.name}: this could not be done for {show_span(limit)}: {at.pending.move.why}"
    return Order(State.ROLLED_BACK, why)


def _ordered(at: Standing, order: Order, seen: Evidence) -> Move:
    """A later release takes nothing back from a champion that does no harm: it ends the watch."""
    if order.end is not State.SUPERSEDED or not at.promoted:
        return _end(at, order.why, order.end)
    seen = current(at, seen)
    if seen.verdict is Verdict.HARM:
        return _harm(at, seen)
    return Move(Act.FINISH, f"{at.at.name}: watched no longer: {order.why}", at.rung, end=State.FINISHED)


def _harm(at: Standing, seen: Evidence) -> Move:
    left = [arm for arm in at.left if arm not in seen.harmed]
    if at.at.kind is Kind.AB and seen.harmed and left and not at.promoted:
        return Move(Act.DROP, f"{at.at.name}: harm: {seen.why}", at.rung, drop=seen.harmed)
    return _end(at, f"{at.at.name}: harm: {seen.why}")


def _watch(at: Standing, seen: Evidence, now: datetime) -> Move:
    ends = at.since + at.at.hold
    if now < ends:
        return _wait(at, f"{at.at.name}: champion, and watched until {_show(ends)}: {seen.why}", ends)
    why = f"{at.at.name}: watched for {show_span(at.at.hold)} without harm ({seen.verdict}: {seen.why})"
    return Move(Act.FINISH, why, at.rung, end=State.FINISHED)


def _held(at: Standing, now: datetime, what: str, seen: Evidence) -> Move:
    """Somebody is waited for, and not for ever."""
    rules = at.plan.rules
    limit = rules.pause_for if at.state is State.PAUSED else rules.ask_for
    ends = (at.held or at.clock) + limit
    if now > ends:
        return _end(at, f"{at.at.name}: {what}; nobody answered for {show_span(limit)}")
    return _wait(at, f"{at.at.name}: {what} (now {seen.verdict}); a person decides until {_show(ends)}", ends)


def _climb(at: Standing, seen: Evidence, now: datetime) -> Move:
    holds, ends = at.since + at.at.hold, at.clock + at.at.patience
    match seen.verdict:
        case Verdict.UNSURE if seen.stop or now > ends:
            return _give_up(at, seen, now)
        case Verdict.UNSURE:
            return _wait(at, f"{at.at.name}: unsure: {seen.why}", ends)
        case Verdict.SOUND if now < holds:
            return _wait(at, f"{at.at.name}: sound, holds until {_show(holds)}", holds)
        case Verdict.SOUND:
            act = Act.PROMOTE if at.rung + 1 == at.plan.last else Act.ADVANCE
            arm = at.plan.only if act is Act.PROMOTE else ""
            return _unless_frozen(at, now, Move(act, f"{at.at.name}: sound: {seen.why}", at.rung + 1, arm))
        case Verdict.HARM:
            return _harm(at, seen)
        case _:
            assert_never(seen.verdict)


def _test(at: Standing, seen: Evidence, now: datetime, wish: Mapping[str, float]) -> Move:
    """An A/B test ends with a winner, or at its horizon with the champion."""
    holds, ends = at.since + at.at.hold, at.clock + at.at.patience
    if seen.stop:
        return _give_up(at, seen, now)
    if seen.verdict is Verdict.SOUND and seen.winner in at.left and now >= holds:
        move = Move(Act.PROMOTE, f"{at.at.name}: {seen.winner} is better: {seen.why}", at.plan.last, seen.winner)
        return _unless_frozen(at, now, move)
    if now > ends:
        return _end(at, f"{at.at.name}: no arm was better by its horizon: {seen.why}", State.FINISHED)
    if _may_reshare(at, wish, now):
        move = Move(Act.RESHARE, f"{at.at.name}: shares follow what is known so far", at.rung, shares=wish)
        return _unless_frozen(at, now, move)
    return _wait(at, f"{at.at.name}: undecided: {seen.why}", ends)


def _may_reshare(at: Standing, wish: Mapping[str, float], now: datetime) -> bool:
    """A bandit's shares are of the arms that are left, none below the least, and not too often."""
    test = at.plan.rules.ab
    if test is None or test.bandit is None or at.state is not State.RUNNING or not wish:
        return False
    due = now >= (at.shared or at.since) + test.every
    whole = set(wish) == {CHAMPION, *at.left} and isclose(sum(wish.values()), 1, abs_tol=1e-9)
    return due and whole and min(wish.values()) >= test.least - 1e-9 and dict(wish) != dict(at.shares or at.at.shares)


def _give_up(at: Standing, seen: Evidence, now: datetime) -> Move:
    late = "" if seen.stop else f" beyond its patience of {show_span(at.at.patience)}"
    why = f"{at.at.name}: unsure{late}: {seen.why}"
    if at.plan.rules.on_unsure == "roll_back":
        return _end(at, why)
    if at.state is State.ASKING:
        return _held(at, now, f"asks a person: {seen.why}", seen)
    return Move(Act.ASK, why, at.rung, until=now + at.plan.rules.ask_for)


def _unless_frozen(at: Standing, now: datetime, move: Move) -> Move:
    until = frozen_until(at.plan.rules.freeze, now)
    return move if until is None else _wait(at, f"{move.why}; frozen until {_show(until)}", until)


def _end(at: Standing, why: str, end: State = State.ROLLED_BACK) -> Move:
    """What never got traffic has nothing to give back."""
    if at.rung < 0 and at.pending is None:
        return Move(Act.FINISH, why, at.rung, end=end)
    return Move(Act.ROLL_BACK, why, at.rung, end=end)


def _wait(at: Standing, why: str, until: datetime | None = None) -> Move:
    return Move(Act.WAIT, why, at.rung, until=until)


def _show(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
