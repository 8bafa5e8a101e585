"""What a pass over the releases of a model does: frozen effects, and each in words.

Those with an `intent` make a move: the intent is recorded before, the outcome after, under one key. The others may be
repeated at no harm.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias, assert_never

from headgate.release.evidence import Evidence
from headgate.release.move import Intent
from headgate.release.shares import Wish


@dataclass(frozen=True, slots=True)
class RenewLease:
    """Push on the lease of the challengers' shares."""

    model: str
    release: str
    until: datetime


@dataclass(frozen=True, slots=True)
class SetShares:
    """Enter a rung, take arms out, or follow a bandit: set arms and shadows of the route.

    Outcome: `events.moved`, in one append with the route; `events.failed` where the rules refuse it.
    """

    model: str
    intent: Intent
    seen: Evidence
    wish: Wish


@dataclass(frozen=True, slots=True)
class MovePointer:
    """Make a version champion. Outcome: `events.moved`, in one append with ``pointer.moved``."""

    model: str
    intent: Intent
    seen: Evidence
    version: str


@dataclass(frozen=True, slots=True)
class RollBack:
    """Give everything back to the champion of before.

    Outcome: `events.rolled_back`, in one append with the route; it is never given up.

    Attributes:
        wish: The route without the release.
        to: Where the pointer goes back to; None: it did not move.
    """

    model: str
    intent: Intent
    seen: Evidence
    wish: Wish
    to: str | None


@dataclass(frozen=True, slots=True)
class Finish:
    """End a release; whoever is champion stays. Outcome: `events.finished`.

    Attributes:
        wish: The route without what the release kept warm; None: it never touched the route.
    """

    model: str
    intent: Intent
    seen: Evidence
    wish: Wish | None


@dataclass(frozen=True, slots=True)
class KeepWarm:
    """Let the old champion get copies of requests, so that it is warm if it must come back."""

    model: str
    release: str
    wish: Wish


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask a person (`events.asked`); the webhooks carry it."""

    model: str
    release: str
    seen: Evidence
    until: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Supersede:
    """Let a later release take an earlier one's place (`events.superseded`)."""

    model: str
    release: str
    by: str


@dataclass(frozen=True, slots=True)
class RecordEvidence:
    """Record that the verdict changed (`events.evidence`)."""

    model: str
    release: str
    rung: int
    seen: Evidence


@dataclass(frozen=True, slots=True)
class Report:
    """Store the release's report with the version, and record where (`events.reported`)."""

    model: str
    release: str


Effect: TypeAlias = (
    RenewLease | SetShares | MovePointer | RollBack | Finish | KeepWarm | Ask | Supersede | RecordEvidence | Report
)


def explain(effect: Effect) -> str:
    """Return an effect in words, in the form of something that is about to be done."""
    return f"{effect.model}: {_what(effect)}"


def _what(effect: Effect) -> str:
    match effect:
        case SetShares(intent=intent, wish=wish):
            said = f"set the shares {_shares(wish)}: {intent.move.why}"
        case MovePointer(intent=intent):
            said = f"make version {effect.version} champion: {intent.move.why}"
        case RollBack(intent=intent, to=None):
            said = f"give everything back to the champion: {intent.move.why}"
        case RollBack(intent=intent):
            said = f"roll back to version {effect.to}: {intent.move.why}"
        case Finish(intent=intent):
            said = f"end release {intent.release}: {intent.move.why}"
        case Ask():
            said = f"ask a person until {effect.until:%Y-%m-%d %H:%M} UTC: {effect.why}"
        case RenewLease() | KeepWarm() | Supersede() | RecordEvidence() | Report():
            said = _beside(effect)
        case _:
            assert_never(effect)
    return said


def _beside(effect: RenewLease | KeepWarm | Supersede | RecordEvidence | Report) -> str:
    match effect:
        case RenewLease():
            return f"renew the shares of release {effect.release} until {effect.until:%H:%M:%S} UTC"
        case KeepWarm():
            return f"keep version {', '.join(effect.wish.versions.values())} warm"
        case Supersede():
            return f"end release {effect.release}: release {effect.by} takes its place"
        case RecordEvidence():
            return f"record that release {effect.release} is {effect.seen.verdict}: {effect.seen.why}"
        case Report():
            return f"store the report of release {effect.release}"
        case _:
            assert_never(effect)


def _shares(wish: Wish) -> str:
    arms = [f"{name} {share * 100:g} %" for name, share in wish.shares.items()]
    copies = [f"{name} copies of {share * 100:g} %" for name, share in wish.shadows.items()]
    return ", ".join([*arms, *copies])
