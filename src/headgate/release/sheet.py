"""How a release stands, for people and programs: rungs, shares, what each guard says, what happens next and when. Pure.

What happens next is what the ladder itself would do with this evidence; nothing here decides anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from headgate.policy.span import show_span
from headgate.release.evidence import Evidence, nothing_seen
from headgate.release.ladder import NO_WISH, current, next_move
from headgate.release.move import Act, Move, State
from headgate.release.plan import Kind, Rung
from headgate.release.standing import Standing
from headgate.routing.route import CHAMPION, Route
from headgate.routing.share import effective


@dataclass(frozen=True, slots=True)
class Sheet:
    """A release at a moment.

    Attributes:
        seen: What was measured, as it counts on this rung.
        next: What the ladder says now.
        shares: Share of the traffic of each version now, by the route and its lease.
    """

    at: Standing
    seen: Evidence
    next: Move
    shares: Mapping[str, float]
    now: datetime

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions under release."""
        return tuple(side.version for side in self.at.plan.challengers.values())

    @property
    def headline(self) -> str:
        """How it stands, in a few words."""
        at = self.at
        where = "not begun" if at.rung < 0 else f"on {at.at.name} ({at.rung + 1} of {len(at.plan.rungs)})"
        return at.state.replace("_", " ") if at.state.ended else f"{at.state}, {where}"

    @property
    def what_next(self) -> str:
        """What will happen, why and when; of a release that is over, why it ended."""
        if self.at.state.ended:
            return f"nothing: {self.at.why}"
        if self.at.pending is not None:
            return f"{_verb(self.at.pending.move)} (decided, not made yet): {self.at.pending.move.why}"
        return f"{_verb(self.next)}: {self.next.why}"

    @property
    def waits_for(self) -> str:
        """Who or what it waits for: a person, evidence, time or an earlier release; empty: it is over."""
        if self.at.state.ended:
            return ""
        if self.at.state in {State.ASKING, State.PAUSED}:
            return "a person"
        if self.at.pending is not None or self.next.act is not Act.WAIT:
            return "the controller"
        return "time" if self.at.promoted else "its turn" if self.at.rung < 0 else "evidence"

    def to_json(self) -> dict[str, Any]:
        """Return what a program is told."""
        at = self.at
        return {
            "release": at.release,
            "model": at.model,
            "state": at.state.value,
            "rung": at.rung,
            "since": at.since.isoformat(),
            "started": at.started.isoformat(),
            "champion": at.before,
            "challengers": {name: side.version for name, side in at.plan.challengers.items()},
            "dropped": sorted(at.dropped),
            "rungs": [_rung_json(at, number, rung) for number, rung in enumerate(at.plan.rungs)],
            "shares": dict(self.shares),
            "evidence": self.seen.to_json(),
            "why": at.why,
            "waits_for": self.waits_for,
            "next": {
                "act": (at.pending.move if at.pending else self.next).act.value,
                "why": self.what_next,
                "until": self.next.until.isoformat() if self.next.until else None,
            },
        }


def sheet(
    at: Standing,
    seen: Evidence | None,
    route: Route | None,
    now: datetime,
    ahead: str = "",
    wish: Mapping[str, float] = NO_WISH,
) -> Sheet:
    """Return how a release stands.

    Args:
        at: By the journal.
        seen: What was measured; None: nothing.
        route: As the gateway reads it.
        now: The time.
        ahead: The release of the same model that must end first; empty: none.
        wish: The shares that a bandit asks for.
    """
    found = seen or nothing_seen(at.since)
    move = next_move(at, found, now, ahead, wish)
    shares = {arm.version: arm.weight for arm in effective(route, now).arms} if route else {}
    counts = found if at.rung < 0 or at.state.ended else current(at, found)
    return Sheet(at, counts, move, shares, now)


def _verb(move: Move) -> str:
    match move.act:
        case Act.WAIT:
            return "waits"
        case Act.ASK:
            return "asks a person"
        case Act.PROMOTE:
            return f"{move.arm or 'the challenger'} becomes champion"
        case Act.DROP:
            return f"takes out {', '.join(sorted(move.drop))}"
        case Act.ROLL_BACK:
            return "goes back to the champion of before"
        case Act.ADVANCE | Act.RESHARE | Act.FINISH:
            return {Act.ADVANCE: "enters the next rung", Act.RESHARE: "moves shares", Act.FINISH: "ends"}[move.act]


def _rung_json(at: Standing, number: int, rung: Rung) -> dict[str, Any]:
    ended = at.state.ended
    where = "done" if number < at.rung or (ended and number == at.rung) else "now" if number == at.rung else "ahead"
    return {
        "name": rung.name,
        "kind": rung.kind.value,
        "where": where,
        "shares": dict(rung.shares),
        "copies": rung.fraction,
        "hold": show_span(rung.hold),
        "patience": None if rung.kind is Kind.FULL else show_span(rung.patience),
        "challenger": 1.0 if rung.kind is Kind.FULL else 1.0 - rung.shares[CHAMPION],
    }
