"""Shadow pairs, sample ratio mismatch, arm-wide shocks and fresh faults: what each finds, and how often it is wrong.

Pairs: looks after each pair; a fixed-sample number is that of a paired z-test at 80 % power and a one-sided 5 %.
Mismatch: looks after every hundred units. Shocks: now and then one arm alone has five times the errors for 20 seconds.
"""

import numpy as np
import pytest
from scipy.special import ndtri
from tests.simulation.figures import RUNS, SCALE, Figures, at_most
from tests.simulation.watching import REGIMES, batches, error_counts, learnt, noisy

from headgate.release.statistics import mismatch, shock
from headgate.release.statistics.counts import Floats, Seconds
from headgate.release.statistics.harm import harm
from headgate.release.statistics.mixture import Running
from headgate.release.statistics.pairs import Bets, Flags
from headgate.release.statistics.precision import Precision
from headgate.testing.traffic import Fault

BOUND, ALPHA = np.log(20), 0.05
Z = float(ndtri(0.95) + ndtri(0.8))
FEW = max(50, RUNS // 4)


def first(logs: Floats) -> Floats:
    """Return how many pairs it took [runs]; infinity: all were not enough."""
    over = logs >= BOUND
    return np.where(over.any(axis=-1), over.argmax(axis=-1) + 1.0, np.inf)


def disagreeing(rng: np.random.Generator, runs: int, pairs: int, worse: float, better: float) -> Floats:
    at = rng.random((runs, pairs))
    return np.where(at < worse, 1.0, np.where(at < worse + better, -1.0, 0.0))


@pytest.mark.parametrize(("margin", "side"), [(0.0, 1), (0.02, 1), (0.02, -1)])
def test_accuracy_on_pairs_errs_in_at_most_5_percent(margin: float, side: int, figures: Figures) -> None:
    rng = np.random.default_rng(41)
    logs = [Bets(margin, side).log_e(disagreeing(rng, 50, 5000, 0.05 + margin, 0.05)) for _ in range(0, RUNS, 50)]
    wrong = float(np.isfinite(first(np.concatenate(logs))).mean())
    figures.row(pairs="accuracy", margin=margin, side="harm" if side > 0 else "sound", wrong=wrong)
    assert at_most(wrong, ALPHA)


def test_lost_accuracy_on_pairs_is_found_soon(figures: Figures) -> None:
    rng = np.random.default_rng(42)
    best = (Z**2 * (0.15 - 0.05**2)) / 0.05**2
    found = first(
        np.concatenate([Bets(0.0, 1).log_e(disagreeing(rng, 50, 6000, 0.1, 0.05)) for _ in range(0, FEW, 50)])
    )
    half, most = np.quantile(found, (0.5, 0.8), method="inverted_cdf") / best
    figures.row(pairs="accuracy - 5 points, 15 % disagree", fixed_sample=best, r50=float(half), r80=float(most))
    assert half <= 1.75
    assert most <= 3.0


def calls(rng: np.random.Generator, pairs: int, ours: float, theirs: float) -> tuple[Flags, Flags, Flags]:
    """Draw calls of 30 % of the rows with these precisions; what the two have in common they call alike."""
    label, common = rng.random(pairs) < 0.3, rng.random(pairs)
    called = [common < np.where(label, precision, 3 * (1 - precision) / 7) for precision in (ours, theirs)]
    return called[0], called[1], label


@pytest.mark.parametrize(
    ("ours", "margin", "side", "name"),
    [(0.7, 0.1, 1, "wrong"), (0.7, 0.1, -1, "wrong"), (0.7, 0.0, 1, "harm found"), (0.8, 0.1, -1, "sound found")],
)
def test_precision_on_pairs(ours: float, margin: float, side: int, name: str, figures: Figures) -> None:
    rng = np.random.default_rng(43)
    runs = RUNS if name == "wrong" else FEW
    drawn = (calls(rng, 1000, ours, 0.8) for _ in range(runs))
    found = [first(Precision(margin, side).fold(Running(), *each)[1][None])[0] for each in drawn]
    share, half = float(np.isfinite(found).mean()), float(np.median(found))
    side_of = "harm" if side > 0 else "sound"
    figures.row(
        precision=ours, champion=0.8, margin=margin, side=side_of, what=name, runs=runs, share=share, median_pairs=half
    )
    assert at_most(share, ALPHA, runs) if name == "wrong" else share > 0.8


@pytest.mark.parametrize(("share", "runs"), [(0.05, RUNS), (0.055, FEW), (0.07, FEW)])
def test_a_mismatch_of_units(share: float, runs: int, figures: Figures) -> None:
    rng, looks = np.random.default_rng(44), 400
    ours = rng.binomial(100, share, (runs, looks)).cumsum(axis=-1)
    units = np.stack([ours, 100 * np.arange(1, looks + 1) - ours], axis=-1).astype(np.float64)
    found = first(mismatch.log_e(units, np.array([0.05, 0.95]))) * 100
    figures.row(planned=0.05, true=share, found=float(np.isfinite(found).mean()), median_units=float(np.median(found)))
    assert at_most(float(np.isfinite(found).mean()), ALPHA) if share == 0.05 else np.isfinite(found).mean() > 0.8


def shocked(rng: np.random.Generator, runs: int, length: int) -> Seconds:
    """Either arm alone, now and then, has five times the errors for 20 seconds."""
    m, rest = rng.poisson(10, (runs, length)), rng.poisson(190, (runs, length))
    rates = []
    for _ in range(2):
        starts = np.pad(rng.random((runs, length)) < 0.004, ((0, 0), (19, 0)))
        rates.append(np.where(np.lib.stride_tricks.sliding_window_view(starts, 20, axis=1).any(axis=-1), 0.05, 0.01))
    k = rng.binomial(m, rates[0])
    return Seconds(np.arange(length), m, m + rest, k, k + rng.binomial(rest, rates[1]))


def test_shocks_of_one_arm_do_not_convince_the_second_opinion(figures: Figures) -> None:
    seconds = shocked(np.random.default_rng(45), RUNS, 990)
    plain = float((harm().log_e(seconds).max(axis=-1) >= BOUND).mean())
    second = float((shock.log_e(seconds).max(axis=-1) >= BOUND).mean())
    figures.row(shocks_of_one_arm="harm", plain=plain, second_opinion=second)
    assert at_most(second, ALPHA)


def test_a_fresh_fault_is_found_after_a_good_while(figures: Figures) -> None:
    late, found = 600, []
    for drawn in batches(REGIMES[0], 46, FEW, late + (600 if SCALE > 1 else 300), Fault(errors=3.0625, since=late)):
        log = noisy(harm(), error_counts(drawn), learnt(drawn)[0], 0.05)[:, late:]
        requests = drawn.requests[:, 0].sum(axis=-1)[:, late:].cumsum(axis=-1)
        over = log >= BOUND
        at = requests[np.arange(len(over)), over.argmax(axis=-1)]
        found.append(np.where(over.any(axis=-1), at, np.inf))
    half, most = np.quantile(np.concatenate(found), (0.5, 0.8), method="inverted_cdf")
    figures.row(fresh_fault="errors 1 % to 3 % after 600 s", median_requests=float(half), eightieth=float(most))
    assert half < 1200
