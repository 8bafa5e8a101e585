"""How many of the challenger's requests a guard needs until an equal of the champion is *sound*, nine times in ten.

From statistics/power.py, with what today's traffic says of the champion. Where it says nothing the answer is the
cautious one: a rate of one half, and each unit's requests as one.
"""

from math import inf, log

from headgate.policy.guards import BusinessGuard, CostGuard, ErrorGuard, LatencyGuard, PredictionGuard, QualityGuard
from headgate.release.forecast import Together, Traffic
from headgate.release.plan import Kind, Plan, Rung
from headgate.release.statistics.cost import BLOCK_CALLS, BLOCK_SECONDS
from headgate.release.statistics.cost import needed as needed_blocks
from headgate.release.statistics.dispersion import Dispersion, Noise
from headgate.release.statistics.power import PROVING, Question, needed

LIKELY = 0.9
BEYOND_P95 = 0.05
SLOWER = 1.7
"""The odds ratio of "beyond the P95" that a P95 longer by 30 % has, for latencies as skewed as services' are; it gives
what was measured for an equal challenger at 5 % of the traffic."""
INDEPENDENT = Together()
LEAST_MEAN = 100
"""A mean is not judged on fewer observations (statistics/mean.py)."""


def enough(guard: str, rung: Rung, plan: Plan, traffic: Traffic) -> float:
    """Return the challenger's requests that a guard needs on a rung (`forecast.Power`); infinite: never enough."""
    rules = plan.rules.guards.named[guard]
    match rules:
        case ErrorGuard():
            return _errors(rules, rung, plan, traffic)
        case LatencyGuard(ratio=ratio):
            return _proportion(BEYOND_P95, SLOWER ** (log(ratio) / log(1.3)), rung, plan, traffic, traffic.of_slow)
        case PredictionGuard(largest_shift=shift):
            return _distribution(shift, plan.rules.alpha) * traffic.per_unit / (1 - _part(rung))
        case CostGuard(ratio=ratio):
            return needed_blocks(ratio, plan.rules.alpha) * max(BLOCK_CALLS, BLOCK_SECONDS * _rate(rung, traffic))
        case QualityGuard(margin=margin) | BusinessGuard(margin=margin):
            mean = isinstance(rules, BusinessGuard) and rules.metric in {"mean", "absolute_error"}
            found = LEAST_MEAN if mean else _share(margin, rung, plan, traffic)
            return found / traffic.outcomes if traffic.outcomes > 0 else inf


def _errors(rules: ErrorGuard, rung: Rung, plan: Plan, traffic: Traffic) -> float:
    """To a champion that is well below it, the absolute margin is the nearer one."""
    absolute = inf
    if traffic.errors * rules.ratio <= rules.absolute:
        absolute = PROVING * log(1 / plan.rules.alpha) / (rules.absolute - traffic.errors)
        absolute *= max(traffic.per_unit, traffic.of_errors.phi)
    if not traffic.errors:
        return absolute
    return min(absolute, _proportion(traffic.errors, rules.ratio, rung, plan, traffic, traffic.of_errors))


def _share(margin: float, rung: Rung, plan: Plan, traffic: Traffic) -> float:
    """Proportions vary most at one half; a margin of one half or more is one that nothing can break."""
    if margin >= 1 / 2:
        return LEAST_MEAN
    return _proportion(1 / 2, (1 / 2 + margin) / (1 / 2 - margin), rung, plan, traffic)


def _proportion(
    rate: float, odds: float, rung: Rung, plan: Plan, traffic: Traffic, of: Together = INDEPENDENT
) -> float:
    phi, part = max(traffic.per_unit, of.phi), _part(rung)
    paired = rung.kind is Kind.SHADOW and rung.fraction >= 1  # the same units on both sides differ in nothing
    noise = Noise(phi) if paired else Dispersion(phi, of.variance, 0).noise(part)
    return needed(Question(rate, odds, part, plan.rules.alpha, noise), proving=True, power=LIKELY)


def _rate(rung: Rung, traffic: Traffic) -> float:
    return traffic.per_second * rung.share


def _part(rung: Rung) -> float:
    """Return the challenger's part of what is compared: copies come on top of the champion's own requests."""
    return rung.share / (1 + rung.share) if rung.kind is Kind.SHADOW else min(rung.share, 0.99)


def _distribution(shift: float, alpha: float) -> float:
    """Massart, The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality (1990), for half the shift."""
    return PROVING * log(2 / alpha) / (2 * (shift / 2) ** 2)
