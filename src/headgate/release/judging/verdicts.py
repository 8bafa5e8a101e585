"""What the findings of all guards add up to, within one budget of errors. Pure.

*Harm.* A version that is no worse is called harmful in at most `alpha` of the releases. The budget is split equally
over the rungs and over the arms of a test, since each rung and arm is watched anew; on a rung it is shared by the
required guards that the rung can judge, by their weights. A guard alone is harm where its weighted e-value passes; and
all of an arm's together where their weighted sum does (joint.py), which then names the guard that says most. Looks cost
nothing: e-values hold at all times at once.

*Sound* needs no split over guards and rungs: each of them must be sound, and a challenger that one of them should stop
would have to deceive that one. It is split over arms, since any of them may be promoted. *Better* likewise. Advisory
guards are shown as if they stood alone, and spend nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite, log

from headgate.policy.guards import GuardPolicy
from headgate.release.evidence import Reading, Verdict
from headgate.release.judging.disagreement import NAME as DISAGREEMENT
from headgate.release.judging.finding import Finding, evidence_of
from headgate.release.statistics import joint


@dataclass(frozen=True, slots=True)
class Budget:
    """How much evidence decides.

    Attributes:
        alpha: Of the release.
        rungs: Over how many it is split.
        arms: Over how many.
        weights: Part of each required guard on this rung; they add up to 1.
    """

    alpha: float
    rungs: int
    arms: int
    weights: Mapping[str, float]

    @classmethod
    def of(cls, guards: GuardPolicy, names: Sequence[str], alpha: float, rungs: int, arms: int) -> "Budget":
        """Return the budget of a rung that judges these guards."""
        kept = {name: weight for name, weight in guards.weights.items() if name in names}
        if DISAGREEMENT in names:  # no guard of its own in the policy: it gets an equal part
            kept = {**kept, DISAGREEMENT: sum(kept.values()) / len(kept) if kept else 1.0}
        total = sum(kept.values())
        return cls(alpha, rungs, arms, {name: weight / total for name, weight in kept.items()} if total else {})

    def harm(self, guard: str = "") -> float:
        """Return the log e-value at which a guard is harm; without a name, all of them together."""
        return log(self.rungs * self.arms / (self.alpha * self.weights.get(guard, 1.0)))

    @property
    def sound(self) -> float:
        """Return the log e-value at which a guard is sound, or an arm better."""
        return log(self.arms / self.alpha)


def readings(found: Sequence[Finding], budget: Budget) -> tuple[Reading, ...]:
    """Return the readings of one arm."""
    alone = tuple(_reading(one, budget) for one in found)
    logs = {one.guard: one.log_harm for one in found if one.guard in budget.weights and not one.open}
    if not logs or any(one.required and one.verdict is Verdict.HARM for one in alone):
        return alone
    parts = {name: budget.weights[name] for name in logs}
    together = float(joint.harm(logs, parts))
    if together < budget.harm():
        return alone
    first = max(logs, key=lambda name: logs[name] + log(parts[name]))
    return tuple(_with_others(one, together, budget) if one.guard == first else one for one in alone)


def _with_others(reading: Reading, together: float, budget: Budget) -> Reading:
    why = f"{reading.why}; with the other guards together it is worse ({evidence_of(together, budget.harm())})"
    return replace(reading, verdict=Verdict.HARM, why=why)


def _reading(one: Finding, budget: Budget) -> Reading:
    verdict, why = _verdict(one, budget)
    return Reading(
        one.guard, one.guard in budget.weights, verdict, why, one.arm,
        one.champion, one.challenger, one.estimate, one.lower, _bound(one.upper),
        one.log_harm, one.log_sound, one.requests, one.units, one.unit,
    )  # fmt: skip


def _bound(upper: float | None) -> float | None:
    return None if upper is None or not isfinite(upper) else upper


def _verdict(one: Finding, budget: Budget) -> tuple[Verdict, str]:
    if one.open:
        return Verdict.UNSURE, one.open
    if one.log_harm >= budget.harm(one.guard):
        return Verdict.HARM, f"{one.says}, worse ({evidence_of(one.log_harm, budget.harm(one.guard))})"
    proof = evidence_of(one.log_sound, budget.sound)
    if one.log_sound >= budget.sound:
        return Verdict.SOUND, f"{one.says}, {one.margin} ({proof})"
    return Verdict.UNSURE, f"{one.says}, not yet known to be {one.margin} ({proof})"
