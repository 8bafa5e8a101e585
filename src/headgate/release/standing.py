"""How far one release is: what its events add up to (`progress`), and what the ladder goes by."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from headgate.release.evidence import Verdict
from headgate.release.move import Intent, Move, Order, State
from headgate.release.plan import Kind, Plan, Rung
from headgate.routing.route import CHAMPION


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a release is: what the journal says, and nothing else.

    Attributes:
        release: Its id.
        before: The version that served when it began, and serves again when it is rolled back.
        rung: Where it stands; -1: on none yet.
        since: From when evidence counts: since it entered the rung with these shares.
        clock: From when patience counts: since it entered the rung, or went on after a pause.
        held: Since when it asks, or is paused.
        step: How many intents there were.
        pending: The intent whose outcome is not recorded.
        intended: When that was recorded.
        order: How it is to end, by a person or a later release.
        dropped: Arms that were taken out.
        arm: The arm that became champion; empty: none did.
        shares: What a bandit made of the rung's shares; empty: they are the rung's.
        shared: When shares were last set.
        blocked: Why its last move could not be made, which only a person can get it out of; empty: it could.
        entered: Whether the traffic is as the rung says; False: somebody set shares by hand.
        seen: The last verdict that was recorded.
        seen_at: When.
        reported: Whether its report is stored.
        why: The last reason that was recorded.
    """

    release: str
    plan: Plan
    state: State
    before: str
    started: datetime
    since: datetime
    clock: datetime
    rung: int = -1
    held: datetime | None = None
    step: int = 0
    pending: Intent | None = None
    intended: datetime | None = None
    order: Order | None = None
    dropped: frozenset[str] = frozenset()
    arm: str = ""
    shares: Mapping[str, float] = field(default_factory=dict)
    shared: datetime | None = None
    blocked: str = ""
    entered: bool = True
    seen: Verdict | None = None
    seen_at: datetime | None = None
    reported: bool = False
    why: str = ""

    @property
    def model(self) -> str:
        """Whose release it is."""
        return self.plan.model

    @property
    def at(self) -> Rung:
        """The rung on which it stands; before the first, the first."""
        return self.plan.rungs[max(self.rung, 0)]

    @property
    def promoted(self) -> bool:
        """Whether the challenger is champion."""
        return self.rung == self.plan.last

    @property
    def left(self) -> tuple[str, ...]:
        """The arms that are still under release."""
        return tuple(name for name in self.plan.challengers if name not in self.dropped)


def shares_on(at: Standing, move: Move) -> Mapping[str, float]:
    """Return the shares after a move: the rung's, or a bandit's, and what a dropped arm had is the champion's."""
    rung, dropped = at.plan.rungs[move.rung], at.dropped | move.drop
    if rung.kind in {Kind.FULL, Kind.SHADOW}:
        return rung.shares
    before = at.shares if move.rung == at.rung else {}
    kept = {name: share for name, share in (move.shares or before or rung.shares).items() if name not in dropped}
    others = sum(share for name, share in kept.items() if name != CHAMPION)
    return {**kept, CHAMPION: 1 - others}
