"""A canary as a release would watch it: every guard's evidence at the end of each second, many runs at once."""

from collections.abc import Iterator

import numpy as np
from scipy.special import ndtr, ndtri
from tests.simulation.figures import BATCH, SCALE

from headgate.release.statistics import joint, mean
from headgate.release.statistics.absolute import Rate, above
from headgate.release.statistics.counts import Floats, Ints, Seconds
from headgate.release.statistics.dispersion import Dispersion, Noise, learn
from headgate.release.statistics.harm import SLOWER, harm
from headgate.release.statistics.odds import Odds
from headgate.release.statistics.predictions import Shifted, above_cuts
from headgate.testing.drawing import draw
from headgate.testing.traffic import Cuts, Drawn, Fault, Regime

CUTS = Cuts((0.95, 1.0, 1.0), (0.95, 1.3, 1.3), (0.995, 1.0, 1.0))
SOUND_CUTS = Cuts((0.95, 1.3, 1.0))
CALLED, FALSE = 0.3, 0.2  # of the predictions are positive; of those are false
SOLD, PRICE = 0.05, 0.8  # of the requests end in a sale; standard deviation of the log of its price

REGIMES = (
    Regime("independent"),
    Regime("rare errors", errors=0.001),
    Regime("units", units=2000),
    Regime("uneven units", units=2000, steadiness=10),
    Regime("sessions", session=3),
    Regime("latency", swing=0.3, heavy=0.03),
    Regime("bursts", bursts=4),
    Regime("drift", drift=0.5, swing=0.1),
)
WATCHED = REGIMES if SCALE > 1 else tuple(REGIMES[at] for at in (0, 2, 4))


def batches(
    regime: Regime, seed: int, runs: int, seconds: int, fault: Fault | None = None, cuts: Cuts = CUTS
) -> Iterator[Drawn]:
    rng = np.random.default_rng(seed)
    for start in range(0, runs, BATCH):
        yield draw(regime, rng, min(BATCH, runs - start), seconds, cuts, fault or Fault(), buckets=False)


def error_counts(drawn: Drawn) -> Seconds:
    return counted(drawn.requests.sum(axis=-1), drawn.errors.sum(axis=-1))


def slow_counts(drawn: Drawn, cut: int) -> Seconds:
    return counted(drawn.requests.sum(axis=-1), drawn.slow[:, :, cut].sum(axis=-1))


def counted(requests: Ints, events: Ints) -> Seconds:
    """Return the columns of [runs, arms, t]."""
    second = np.arange(requests.shape[-1])
    return Seconds(second, requests[:, 0], requests.sum(axis=1), events[:, 0], events.sum(axis=1))


def part(seconds: Seconds, runs: Ints) -> Seconds:
    columns = (seconds.m, seconds.n, seconds.k, seconds.events)
    return Seconds(seconds.second, *(column[runs] for column in columns))


def noisy(test: Odds | Rate, seconds: Seconds, found: Dispersion, share: float) -> Floats:
    """Return log E [runs, t], each run with what its own history says of noise."""
    spread, logs = found.spread(share), np.empty(seconds.m.shape)
    for level in np.unique(spread):
        runs = np.flatnonzero(spread == level).astype(np.int64)
        logs[runs] = test.log_e(part(seconds, runs), Noise(found.phi[runs][:, None, None], float(level)))
    return logs


def learnt(drawn: Drawn) -> tuple[Dispersion, Dispersion]:
    return learn(drawn.past, drawn.past_errors), learn(drawn.past, drawn.past_slow)


def harmful(drawn: Drawn, rng: np.random.Generator, precision: float = 1 - FALSE) -> dict[str, Floats]:
    """Return guard -> log E for harm [runs, t]; the challenger's precision, and all else as it was drawn."""
    share, (errors, slow) = drawn.regime.share, learnt(drawn)
    beyond = slow_counts(drawn, 2)
    return {
        "errors": noisy(harm(), error_counts(drawn), errors, share),
        "p95": noisy(harm(worse=SLOWER), slow_counts(drawn, 0), slow, share),
        "p99": joint.both(noisy(above(0.01), beyond, slow, share), noisy(harm(), beyond, slow, share)),
        "predictions": Shifted().log_e(predicted(drawn, rng)),
        "precision": harm().log_e(called(drawn, rng, precision)),
        "value": valued(drawn, rng),
    }


def called(drawn: Drawn, rng: np.random.Generator, precision: float) -> Seconds:
    """Draw how many predictions were positive, and how many of them false."""
    calls = rng.binomial(drawn.requests.sum(axis=-1), CALLED)
    rates = np.array([1 - precision, FALSE])[:, None]
    return counted(calls, rng.binomial(calls, rates))


def predicted(drawn: Drawn, rng: np.random.Generator) -> list[Seconds]:
    """Draw predictions by the champion's past quintiles; a quarter of their variance is between sticky units."""
    left = drawn.requests.sum(axis=-1)
    units = drawn.regime.units * np.array([drawn.regime.share, 1 - drawn.regime.share])[:, None]
    shift = rng.standard_normal((len(left), 2, 1)) * np.sqrt(0.25 / units) if drawn.regime.units else 0.0
    bins, last = [], 0.0
    for cut in (*ndtri([0.2, 0.4, 0.6, 0.8]), np.inf):
        up_to = ndtr(cut - shift)
        bins.append(rng.binomial(left, np.broadcast_to((up_to - last) / (1 - last), left.shape)))
        left, last = left - bins[-1], up_to
    found = np.stack(bins, axis=-1)
    return above_cuts(np.arange(left.shape[-1]), found[:, 0], found[:, 1])


def valued(drawn: Drawn, rng: np.random.Generator, less: float = 1.0) -> Floats:
    """Draw sales of a long-tailed price, winsorise them, and return log E [runs, t] that the challenger brings less."""
    requests = drawn.requests.sum(axis=-1)
    sales = rng.binomial(requests, SOLD)
    price = np.minimum(rng.lognormal(0.0, PRICE, int(sales.sum())), np.exp(2.33 * PRICE))
    cell = np.repeat(np.arange(sales.size), sales.ravel())
    sums, squares = (np.bincount(cell, of, sales.size).reshape(sales.shape) for of in (price, price**2))
    sums[:, 0], squares[:, 0] = sums[:, 0] * less, squares[:, 0] * less**2
    n1, n0, n = requests[:, 0], requests[:, 1], np.maximum(requests.sum(axis=1), 1)
    h = n1 * n0 / n
    d = sums[:, 1] / np.maximum(n0, 1) - sums[:, 0] / np.maximum(n1, 1)
    around = squares.sum(axis=1) - sums.sum(axis=1) ** 2 / n
    columns = (sales[:, 0], h, h * d, around, n - 1)
    return mean.log_e(mean.Means(*(column.cumsum(axis=-1) for column in columns)))
