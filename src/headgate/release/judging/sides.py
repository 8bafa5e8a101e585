"""Who is compared with whom on a rung, and in which rows of the rollups and the log each is found. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from headgate.release.plan import Kind
from headgate.release.standing import Standing
from headgate.routing.route import CHAMPION

PREVIOUS = "previous"
"""The shadow that keeps the old champion warm."""
LIVE, SHADOW = "live", "shadow"


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose rows: those of a version, under an arm's name, in a role (live or shadow)."""

    arm: str
    version: str
    role: str


@dataclass(frozen=True, slots=True)
class Sides:
    """The two sides of every comparison on a rung.

    Attributes:
        champion: What the arms are compared with.
        arms: What is under release, by the arm's name in the plan.
        parts: Of the requests that an arm and the champion have together, the arm's, by arm.
        plan: Planned share of the units by arm, the champion's among them; empty: units are not split.
        paired: Both sides answer the same requests, of the same units.
    """

    champion: Whose
    arms: Mapping[str, Whose]
    parts: Mapping[str, float]
    plan: Mapping[str, float]
    paired: bool = False


def sides(at: Standing) -> Sides:
    """Return who is compared on the rung on which a release stands."""
    rung, versions = at.at, {name: side.version for name, side in at.plan.challengers.items()}
    if rung.kind is Kind.FULL:
        arm = at.arm or at.plan.only
        part = 1 / (1 + rung.fraction)
        return Sides(Whose(PREVIOUS, at.before, SHADOW), {arm: Whose(CHAMPION, versions[arm], LIVE)}, {arm: part}, {})
    champion = Whose(CHAMPION, at.before, LIVE)
    if rung.kind is Kind.SHADOW:
        arms = {name: Whose(name, version, SHADOW) for name, version in versions.items()}
        parts = dict.fromkeys(arms, rung.fraction / (1 + rung.fraction))
        return Sides(champion, arms, parts, {}, paired=rung.fraction >= 1)
    arms = {name: Whose(name, version, LIVE) for name, version in versions.items() if name not in at.dropped}
    shares = at.shares or rung.shares
    kept = {name: shares[name] for name in arms if name in shares}
    plan = {**kept, CHAMPION: 1 - sum(kept.values())}
    parts = {name: share / (share + plan[CHAMPION]) for name, share in kept.items()}
    return Sides(champion, {name: arms[name] for name in kept}, parts, plan)
