"""What a release may do, and how it may stand: the words that the ladder and the fold speak in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from headgate.base.digest import Json


class State(StrEnum):
    """How a release stands; those from `finished` on are its end."""

    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    ASKING = "asking"
    PROMOTED = "promoted"
    FINISHED = "finished"
    ROLLED_BACK = "rolled_back"
    ABORTED = "aborted"
    SUPERSEDED = "superseded"

    @property
    def ended(self) -> bool:
        """Whether nothing follows any more."""
        return self in {State.FINISHED, State.ROLLED_BACK, State.ABORTED, State.SUPERSEDED}


class Act(StrEnum):
    """What a release does.

    `wait`: nothing. `advance`: enter a rung. `promote`: the challenger becomes champion. `drop`: take arms out of an
    A/B test. `reshare`: shares follow a bandit. `ask`: a person. `roll_back`: everything back to the champion.
    `finish`: it is over, and whoever is champion stays.
    """

    WAIT = "wait"
    ADVANCE = "advance"
    PROMOTE = "promote"
    DROP = "drop"
    RESHARE = "reshare"
    ASK = "ask"
    ROLL_BACK = "roll_back"
    FINISH = "finish"


RAISES = frozenset({Act.ADVANCE, Act.PROMOTE, Act.RESHARE})
"""What may send more traffic to a challenger."""


@dataclass(frozen=True, slots=True)
class Move:
    """The one move that is allowed now.

    Attributes:
        why: In words.
        rung: Where the release stands after it.
        arm: The arm that is promoted.
        drop: The arms that are taken out.
        shares: With a bandit: the new shares; else the rung's hold.
        end: How it ends, for `roll_back` and `finish`.
        until: When something else happens if nothing changes; None: that is not known.
    """

    act: Act
    why: str
    rung: int = 0
    arm: str = ""
    drop: frozenset[str] = frozenset()
    shares: Mapping[str, float] = field(default_factory=dict)
    end: State | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """A move that was decided and recorded before it is made; whoever finds it open makes it.

    Attributes:
        step: 1, 2, 3 ... within the release.
        key: What makes it recognisable wherever it is applied: ``<release>/<step>``.
        move: What is to be done.
    """

    release: str
    step: int
    move: Move

    @property
    def key(self) -> str:
        """Return the idempotency key."""
        return f"{self.release}/{self.step}"

    def to_json(self) -> dict[str, Json]:
        """Return what is recorded, with the intent and again with its outcome."""
        move = self.move
        return {
            "release": self.release,
            "key": self.key,
            "step": self.step,
            "act": move.act.value,
            "rung": move.rung,
            "arm": move.arm,
            "drop": sorted(move.drop),
            "shares": dict(move.shares),
            "end": move.end.value if move.end else None,
            "why": move.why,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Intent":
        """Read what to_json wrote."""
        end = body.get("end")
        move = Move(
            Act(body["act"]),
            body.get("why", ""),
            int(body.get("rung", 0)),
            body.get("arm", ""),
            frozenset(body.get("drop", ())),
            dict(body.get("shares", {})),
            State(end) if end else None,
        )
        return cls(body["release"], int(body["step"]), move)


@dataclass(frozen=True, slots=True)
class Order:
    """What a person, or a later release, said is to become of a release.

    Attributes:
        end: How it is to end.
        why: Who said so, and why.
    """

    end: State
    why: str
