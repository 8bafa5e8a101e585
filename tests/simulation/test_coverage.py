"""Confidence sequences hold the truth at all times at once, in at least 95 % of the runs.

Looked at after each of 1,000 seconds (240 in the small version), ten of the challenger's requests and 190 of the
champion's a second. "Missed" is the share of runs in which the interval left the truth out at any of the looks.
"""

import numpy as np
import pytest
from tests.simulation.figures import RUNS, SECONDS, Figures, at_most

from headgate.predictions.rollup import LAST, MICROSECOND, STEP
from headgate.release.statistics.counts import Floats, Seconds
from headgate.release.statistics.hypergeometric import log_likelihood
from headgate.release.statistics.interval import LOG_PSI, log_e_rate, odds_ratio, quantile
from headgate.release.statistics.mean import Means, log_e

ALPHA = 0.05
M, REST = 10, 190


def seconds_of(rng: np.random.Generator, runs: int, rate: float, odds: float) -> Seconds:
    """Draw errors; the champion's rate wanders by a factor of three over the run, and both arms share that."""
    shared = rate * np.exp(np.sin(np.linspace(0, 9, SECONDS)) * 0.55)
    m, rest = rng.poisson(M, (runs, SECONDS)), rng.poisson(REST, (runs, SECONDS))
    k = rng.binomial(m, shared * odds / (1 + shared * (odds - 1)))
    return Seconds(np.arange(SECONDS), m, m + rest, k, k + rng.binomial(rest, shared))


@pytest.mark.parametrize("rate", [0.001, 0.02, 0.2])
@pytest.mark.parametrize("odds", [1.0, 3.0])
def test_the_odds_ratio_is_covered(rate: float, odds: float, figures: Figures) -> None:
    rng, missed, widths = np.random.default_rng(31), [], []
    for _ in range(0, RUNS, 100):
        found = log_likelihood(seconds_of(rng, 100, rate, odds), np.exp(LOG_PSI)).cumsum(axis=-2)
        interval = odds_ratio(found, ALPHA)
        missed.append(((interval.low > odds) | (interval.high < odds)).any(axis=-1))
        widths.append(interval.high[:, -1] / np.maximum(interval.low[:, -1], 1e-9))
    share = float(np.mean(missed))
    figures.row(sequence="odds ratio", rate=rate, odds=odds, missed=share, high_over_low=float(np.median(widths)))
    assert at_most(share, ALPHA)


@pytest.mark.parametrize("rate", [0.001, 0.02, 0.3])
def test_a_rate_is_covered(rate: float, figures: Figures) -> None:
    rng = np.random.default_rng(32)
    n = rng.poisson(M, (RUNS, SECONDS)).cumsum(axis=-1)
    k = rng.binomial(np.diff(n, axis=-1, prepend=0), rate).cumsum(axis=-1)
    share = float((log_e_rate(k, n, rate) >= -np.log(ALPHA)).any(axis=-1).mean())
    figures.row(sequence="rate", truth=rate, missed=share)
    assert at_most(share, ALPHA)


def latencies(rng: np.random.Generator, law: str, count: int) -> Floats:
    if law == "lognormal":
        return np.asarray(0.02 * rng.lognormal(0.0, 1.0, count))
    if law == "pareto 1.2":
        return np.asarray(0.01 * (1 + rng.pareto(1.2, count)))
    return np.where(rng.random(count) < 0.96, 0.01 * rng.lognormal(0, 0.1, count), 1.0 * rng.lognormal(0, 0.3, count))


@pytest.mark.parametrize("law", ["lognormal", "pareto 1.2", "two humps"])
@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
def test_a_quantile_is_covered(law: str, share: float, figures: Figures) -> None:
    truth = float(np.quantile(latencies(np.random.default_rng(1), law, 4_000_000), share))
    rng, missed, widths = np.random.default_rng(33), [], []
    looks = np.unique(np.geomspace(20, M * SECONDS, 60).astype(int))
    for _ in range(RUNS):
        values = latencies(rng, law, M * SECONDS)
        bins = np.clip(np.ceil(np.log(values / MICROSECOND) / np.log(STEP) - 1e-9), 0, LAST).astype(int)
        pieces = [np.bincount(piece, minlength=LAST + 1) for piece in np.split(bins, looks[:-1])]
        found = quantile(np.cumsum(pieces[: len(looks)], axis=0), share, ALPHA)
        missed.append(bool(((found.low > truth) | (found.high < truth)).any()))
        widths.append(found.high[-1] / found.low[-1])
    figures.row(
        sequence="quantile", law=law, share=share, missed=float(np.mean(missed)), high_over_low=float(np.median(widths))
    )
    assert at_most(float(np.mean(missed)), ALPHA)


@pytest.mark.parametrize("law", ["exponential", "winsorised lognormal", "sales"])
@pytest.mark.parametrize("side", [1, -1])
def test_a_difference_of_means_is_covered_from_both_sides(law: str, side: int, figures: Figures) -> None:
    """The null of equal means is refuted in at most 5 % of the runs, from 100 values of the challenger on."""
    rng, missed = np.random.default_rng(34), []
    for _ in range(0, RUNS, 20):
        n = np.stack([rng.poisson(M, (20, SECONDS)), rng.poisson(REST, (20, SECONDS))], axis=1)
        cell = np.repeat(np.arange(n.size), n.ravel())
        values = side * drawn_values(rng, law, len(cell))
        sums, squares = (np.bincount(cell, of, n.size).reshape(n.shape) for of in (values, values**2))
        telling = np.bincount(cell, values != 0, n.size).reshape(n.shape)[:, 0]
        both = np.maximum(n.sum(axis=1), 1)
        h = n[:, 0] * n[:, 1] / both
        d = sums[:, 0] / np.maximum(n[:, 0], 1) - sums[:, 1] / np.maximum(n[:, 1], 1)
        around = squares.sum(axis=1) - sums.sum(axis=1) ** 2 / both
        means = Means(*(column.cumsum(axis=-1) for column in (telling, h, h * d, around, both - 1)))
        missed.append((log_e(means) >= -np.log(ALPHA)).any(axis=-1))
    figures.row(sequence="difference of means", law=law, side=side, missed=float(np.mean(missed)))
    assert at_most(float(np.mean(missed)), ALPHA)


def drawn_values(rng: np.random.Generator, law: str, count: int) -> Floats:
    if law == "exponential":
        return np.asarray(rng.exponential(1.0, count))
    values = np.minimum(rng.lognormal(0.0, 1.0, count), np.exp(2.33))
    return values if law == "winsorised lognormal" else values * (rng.random(count) < 0.05)
