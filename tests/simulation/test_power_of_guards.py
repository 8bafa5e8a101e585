"""Power: how many of the challenger's requests a fault costs, against a z-test with one look at the best moment.

At 5 % of the traffic. "r50" and "r80" are the challenger's requests at the median and at the 80th percentile of
detection over all runs, divided by the fixed-sample number for 80 % power at a one-sided 5 %. "Alone" is the guard with
the whole budget and without restarts; "all" are five guards with restarts on one budget. A fixed-sample number below a
second of traffic is too small to divide by (exempt). Half as many errors again is near what arms of one version differ
by when units do, which 300 seconds of history cannot rule out: such small faults have no bound.

Where requests go together, the fixed-sample number is measured on the regime itself (optimum.py); the one that is
planned for independent requests, and the ratio to it, stand beside. Uneven units have a rate of errors each (a beta law
of 0.1 and 9.9) that they keep: one unit in ten makes four errors of five, and a hundred units are all that the
challenger has. Two such arms of one version differ by 30 %, however long one looks: no number of requests is enough for
a test that holds, `release start` says so, and the way out is a larger share. There is no bound there.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
from scipy.special import ndtr, ndtri
from tests.simulation.figures import RUNS, SECONDS, WHOLE, Figures
from tests.simulation.optimum import measured, z
from tests.simulation.watching import (
    FALSE,
    REGIMES,
    WEIGHTS,
    batches,
    called,
    error_counts,
    harmful,
    learnt,
    noisy,
    slow_counts,
)

from headgate.release.statistics import joint
from headgate.release.statistics.counts import Floats, Seconds
from headgate.release.statistics.dispersion import Noise
from headgate.release.statistics.harm import SLOWER, harm
from headgate.release.statistics.power import POWER, Question, fixed, needed
from headgate.testing.traffic import NO_FAULT, Drawn, Fault, Regime

ALPHA, SHARE = 0.05, 0.05
BOUND = -np.log(ALPHA)
ALONE, TOGETHER = (1.75, 3.0), (2.5, 3.5)
SLACK = 1.0 if WHOLE else 1.25  # of quantiles from a hundred runs


@dataclass(frozen=True)
class Case:
    name: str
    guard: str
    fault: Fault = NO_FAULT
    precision: float = 1 - FALSE
    seconds: int = 240
    small: bool = False

    def counts(self, drawn: Drawn) -> Seconds:
        return slow_counts(drawn, 0) if self.guard == "latency" else error_counts(drawn)


FAULTS = (
    Case("errors 1 % to 3 %", "errors", Fault(errors=3.0625)),
    Case("P95 + 50 %", "latency", Fault(slowness=1.5)),
    Case("precision - 10 points", "precision", precision=0.7, seconds=700),
    Case("errors 1 % to 1.5 %", "errors", Fault(errors=1.5076), seconds=1600, small=True),
)
QUICK = FAULTS[:3]
CORRELATED = [regime for regime in REGIMES[2:] if WHOLE or regime.name == "units"]


def slow_odds(ratio: float) -> float:
    """Return the odds ratio of an answer above the champion's P95 when the log of latency has a deviation of 1."""
    above = ndtr(np.log(ratio) - ndtri(0.95))
    return float(above / (1 - above) * 0.95 / 0.05)


def question(case: Case) -> Question:
    if case.guard == "precision":
        return Question(FALSE, (0.3 / 0.7) / (FALSE / (1 - FALSE)), SHARE, ALPHA)
    odds, rate = (case.fault.errors, 0.01) if case.guard == "errors" else (slow_odds(case.fault.slowness), 0.05)
    return Question(rate, odds, SHARE, ALPHA)


def planned(case: Case) -> float:
    """Return the challenger's requests that one look needs; of predictions, 30 % are called positive."""
    return float(fixed(question(case)) / (0.3 if case.guard == "precision" else 1.0))


def fair(case: Case, regime: Regime) -> float:
    """Return the same where requests go together as they do in a regime, by the formula (optimum.py)."""
    phi, spread = 2 * regime.session - 1, 0.0  # sizes of sessions are geometric: E[size^2] / E[size]
    if regime.units:
        bad = regime.errors * regime.steadiness  # a of the beta law; 4 a is the shape of the gamma law of slowness
        beta = (1 - regime.errors) / (regime.errors * (regime.steadiness + 1))
        variance = 1 / (4 * bad) if case.guard == "latency" else beta
        spread = float(np.sqrt(variance / (regime.units * SHARE * (1 - SHARE))))
    z_both = float(ndtri(1 - ALPHA) + ndtri(POWER))
    return float(planned(case) * phi / (1 - (z_both * spread / np.log(question(case).odds)) ** 2))


@cache
def alike(regime: Regime, runs: int, seconds: int, guard: str) -> Floats:
    """Return z [runs, t] of two equal versions."""
    case = replace(FAULTS[guard == "latency"], seconds=seconds)
    return np.concatenate([z(case.counts(drawn)) for drawn in batches(regime, 6, runs, seconds)])


def at_detection(logs: Floats, m: Floats) -> Floats:
    """Return the challenger's requests when evidence sufficed [runs]; infinity: never."""
    over = logs >= BOUND
    return np.where(over.any(axis=-1), m.cumsum(axis=-1)[np.arange(len(m)), over.argmax(axis=-1)], np.inf)


@dataclass
class Found:
    """What was found of a case: the challenger's requests at detection [runs], and what one look would need.

    Attributes:
        alone: By the guard alone.
        together: By all.
        best: One look's, measured; not a number where that was not asked.
        noise: Of the guard, the mean of what was learned.
    """

    alone: Floats
    together: Floats
    best: float
    noise: Noise


def watched(case: Case, regime: Regime, runs: int = RUNS, *, measure: bool = False) -> Found:
    rng, alone, together, noises, found, requests = np.random.default_rng(3), [], [], [], [], []
    worse = harm(worse=SLOWER) if case.guard == "latency" else harm()
    guard = replace(worse, every=None)
    for drawn in batches(regime, 5, runs, case.seconds, case.fault):
        m = drawn.requests[:, 0].sum(axis=-1)
        learned = learnt(drawn)[case.guard == "latency"]
        if case.guard == "precision":
            logs = guard.log_e(called(drawn.requests.sum(axis=-1), rng, case.precision))
        else:
            logs = noisy(guard, case.counts(drawn), learned, SHARE)
        alone.append(at_detection(logs, m))
        together.append(at_detection(joint.harm(harmful(drawn, rng, case.precision), WEIGHTS), m))
        noises.append((learned.phi.mean(), learned.spread(SHARE).mean()))
        if measure:
            found.append(z(case.counts(drawn)))
            requests.append(m)
    best = np.nan
    if measure:
        same = alike(regime, runs, case.seconds, case.guard)
        best = measured(same, np.concatenate(found), np.concatenate(requests))
    phi, spread = np.mean(noises, axis=0)
    return Found(np.concatenate(alone), np.concatenate(together), best, Noise(float(phi), float(spread)))


def ratios(found: Floats, best: float) -> tuple[float, float]:
    half, most = np.quantile(found, (0.5, 0.8), method="inverted_cdf")
    return float(half / best), float(most / best)


@pytest.mark.parametrize("case", FAULTS if WHOLE else QUICK, ids=lambda case: case.name)
def test_a_fault_is_found_soon(case: Case, figures: Figures) -> None:
    found, best = watched(case, REGIMES[0]), planned(case)
    one, all_of = ratios(found.alone, best), ratios(found.together, best)
    figures.row(
        fault=case.name, one_look=best, found_alone=share_of(found.alone), alone_r50=one[0], alone_r80=one[1],
        found_by_all=share_of(found.together), all_median=float(np.median(found.together)),
        all_r50=all_of[0], all_r80=all_of[1],
    )  # fmt: skip
    if case.small:
        assert share_of(found.together) >= 0.7
        return
    assert within(one, ALONE), one
    assert within(all_of, TOGETHER), all_of


@pytest.mark.parametrize("regime", CORRELATED, ids=lambda regime: regime.name)
@pytest.mark.parametrize("case", FAULTS[:2], ids=lambda case: case.name)
def test_a_fault_is_found_where_requests_go_together(case: Case, regime: Regime, figures: Figures) -> None:
    slow = regime.session > 1 or uneven(regime)  # five times as many requests are needed, or no number is enough
    runs, case = max(100, RUNS // 2), replace(case, seconds=SECONDS if slow else min(SECONDS, 400))
    found = watched(case, regime, runs, measure=True)
    one, all_of = ratios(found.alone, found.best), ratios(found.together, found.best)
    plain, known = planned(case), fair(case, regime)
    figures.row(
        regime=regime.name, fault=case.name, runs=runs, phi=found.noise.phi, spread=found.noise.spread,
        planned_look=plain, planned_for_regime=known, one_look=found.best,
        found_alone=share_of(found.alone), alone_r50=one[0], alone_r80=one[1],
        found_by_all=share_of(found.together), all_r50=all_of[0], all_r80=all_of[1],
        all_r80_by_formula=ratios(found.together, known)[1], all_r80_of_planned=ratios(found.together, plain)[1],
    )  # fmt: skip
    if uneven(regime):
        asked = replace(question(case), noise=found.noise, alpha=ALPHA * WEIGHTS[case.guard])
        assert needed(asked) > case.seconds * regime.traffic * SHARE or share_of(found.together) >= 0.8
        return
    assert within(one, ALONE), one
    assert within(all_of, TOGETHER), all_of


def uneven(regime: Regime) -> bool:
    return regime.units > 0 and regime.steadiness < REGIMES[2].steadiness


def within(found: tuple[float, float], limits: tuple[float, float]) -> bool:
    return all(one <= limit * SLACK for one, limit in zip(found, limits, strict=True))


def share_of(found: Floats) -> float:
    return float(np.isfinite(found).mean())
