"""Power: how many of the challenger's requests a fault costs, against a z-test with one look at the best moment.

At 5 % of the traffic. "r50" and "r80" are the challenger's requests at the median and at the 80th percentile of
detection over all runs, divided by the fixed-sample number for 80 % power at a one-sided 5 %. "Alone" is the guard with
the whole budget and without restarts; "all" are six guards with restarts on one budget. A fixed-sample number below a
second of traffic is too small to divide by (exempt). Half as many errors again is near what arms of one version differ
by when units do, which 300 seconds of history cannot rule out: such small faults have no bound. Under correlated
regimes the fixed-sample number is what independent requests would need, times phi, and more where units differ.
"""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.special import ndtr, ndtri
from tests.simulation.figures import RUNS, SCALE, Figures
from tests.simulation.watching import (
    FALSE,
    REGIMES,
    batches,
    called,
    error_counts,
    harmful,
    learnt,
    noisy,
    slow_counts,
)

from headgate.release.statistics import joint
from headgate.release.statistics.counts import Floats
from headgate.release.statistics.dispersion import Noise
from headgate.release.statistics.harm import harm
from headgate.release.statistics.odds import INDEPENDENT
from headgate.release.statistics.power import Question, fixed, needed
from headgate.testing.traffic import NO_FAULT, Fault, Regime

ALPHA, SHARE = 0.05, 0.05
BOUND = -np.log(ALPHA)
ALONE, TOGETHER = (1.75, 3.0), (2.5, 3.5)
SLACK = 1.25 if SCALE == 1 else 1.0  # of quantiles from a hundred runs
WEIGHTS = joint.weights(["errors", "p95", "p99", "predictions", "precision", "value"])


@dataclass(frozen=True)
class Case:
    name: str
    guard: str
    fault: Fault = NO_FAULT
    precision: float = 1 - FALSE
    seconds: int = 240
    small: bool = False


FAULTS = (
    Case("errors 1 % to 3 %", "errors", Fault(errors=3.0625)),
    Case("P95 + 50 %", "p95", Fault(slowness=1.5)),
    Case("precision - 10 points", "precision", precision=0.7, seconds=700),
    Case("errors 1 % to 1.5 %", "errors", Fault(errors=1.5076), seconds=1600, small=True),
)
QUICK = FAULTS[:3]


def slow_odds(ratio: float) -> float:
    """Return the odds ratio of an answer above the champion's P95 when the log of latency has a deviation of 1."""
    above = ndtr(np.log(ratio) - ndtri(0.95))
    return float(above / (1 - above) * 0.95 / 0.05)


def question(case: Case, noise: Noise = INDEPENDENT) -> Question:
    if case.guard == "precision":
        return Question(FALSE, (0.3 / 0.7) / (FALSE / (1 - FALSE)), SHARE, ALPHA)
    odds, rate = (case.fault.errors, 0.01) if case.guard == "errors" else (slow_odds(case.fault.slowness), 0.05)
    return Question(rate, odds, SHARE, ALPHA, noise)


def optimum(case: Case, noise: Noise = INDEPENDENT) -> float:
    """Return the challenger's requests that one look needs; of predictions, 30 % are called positive."""
    asked = question(case, noise)
    z = ndtri(1 - ALPHA) + ndtri(0.8)
    left = 1 - (z * noise.spread / np.log(asked.odds)) ** 2
    called_positive = 0.3 if case.guard == "precision" else 1.0
    return float(fixed(asked) * noise.phi / left / called_positive) if left > 0 else np.inf


def at_detection(logs: Floats, m: Floats) -> Floats:
    """Return the challenger's requests when evidence sufficed [runs]; infinity: never."""
    over = logs >= BOUND
    return np.where(over.any(axis=-1), m.cumsum(axis=-1)[np.arange(len(m)), over.argmax(axis=-1)], np.inf)


def watched(case: Case, regime: Regime, runs: int) -> tuple[Floats, Floats, Noise]:
    """Return the challenger's requests at detection, by the guard alone and by all [runs], and the mean noise."""
    rng, alone, together, noises = np.random.default_rng(3), [], [], []
    guard = replace(harm(), every=None)
    for drawn in batches(regime, 5, runs, case.seconds, case.fault):
        m = drawn.requests[:, 0].sum(axis=-1)
        errors, slow = learnt(drawn)
        if case.guard == "precision":
            logs = guard.log_e(called(drawn, rng, case.precision))
        elif case.guard == "p95":
            logs = noisy(guard, slow_counts(drawn, 0), slow, SHARE)
        else:
            logs = noisy(guard, error_counts(drawn), errors, SHARE)
        alone.append(at_detection(logs, m))
        together.append(at_detection(joint.harm(harmful(drawn, rng, case.precision)), m))
        found = slow if case.guard == "p95" else errors
        noises.append((found.phi.mean(), found.spread(SHARE).mean()))
    phi, spread = np.mean(noises, axis=0)
    return np.concatenate(alone), np.concatenate(together), Noise(float(phi), float(spread))


def ratios(found: Floats, best: float) -> tuple[float, float]:
    half, most = np.quantile(found, (0.5, 0.8), method="inverted_cdf")
    return float(half / best), float(most / best)


@pytest.mark.parametrize("case", FAULTS if SCALE > 1 else QUICK, ids=lambda case: case.name)
def test_a_fault_is_found_soon(case: Case, figures: Figures) -> None:
    alone, together, _ = watched(case, REGIMES[0], RUNS)
    best = optimum(case)
    one, all_of = ratios(alone, best), ratios(together, best)
    figures.row(
        fault=case.name,
        fixed_sample=best,
        found_alone=float(np.isfinite(alone).mean()),
        alone_r50=one[0],
        alone_r80=one[1],
        found_by_all=float(np.isfinite(together).mean()),
        all_median=float(np.median(together)),
        all_r50=all_of[0],
        all_r80=all_of[1],
    )
    if case.small:
        assert np.isfinite(together).mean() >= 0.7
        return
    assert one[0] <= ALONE[0] * SLACK
    assert one[1] <= ALONE[1] * SLACK
    assert all_of[0] <= TOGETHER[0] * SLACK
    assert all_of[1] <= TOGETHER[1] * SLACK


@pytest.mark.parametrize("regime", REGIMES[2:] if SCALE > 1 else REGIMES[2:3], ids=lambda regime: regime.name)
@pytest.mark.parametrize("case", FAULTS[:2], ids=lambda case: case.name)
def test_a_fault_is_found_where_requests_go_together(case: Case, regime: Regime, figures: Figures) -> None:
    runs = max(50, RUNS // 4)
    case = replace(case, seconds=1000 if SCALE > 1 else 400)
    alone, together, noise = watched(case, regime, runs)
    best = optimum(case, noise)
    one, all_of = ratios(alone, best), ratios(together, best)
    figures.row(
        regime=regime.name,
        fault=case.name,
        phi=noise.phi,
        spread=noise.spread,
        fixed_sample=best,
        alone_r50=one[0],
        alone_r80=one[1],
        found_by_all=float(np.isfinite(together).mean()),
        all_r50=all_of[0],
        all_r80=all_of[1],
    )
    forecast = needed(replace(question(case, noise), alpha=ALPHA * WEIGHTS[case.guard]))
    if forecast < 0.5 * case.seconds * 10:  # where units differ that much, `release start` says that nothing is enough
        assert np.isfinite(together).mean() >= 0.8
