"""A canary as a release would watch it: every guard's evidence at the end of each second, many runs at once."""

from collections.abc import Iterator

import numpy as np
from tests.simulation.figures import BATCH, SCALE

from headgate.policy.guards import GuardPolicy
from headgate.release.judging.latency import HARM_STAKES, SOUND_STAKES
from headgate.release.judging.verdicts import Budget
from headgate.release.statistics import joint, mean
from headgate.release.statistics.absolute import Rate, above, below
from headgate.release.statistics.counts import Floats, Ints, Seconds
from headgate.release.statistics.dispersion import Dispersion, Noise, learn
from headgate.release.statistics.harm import SLOWER, harm
from headgate.release.statistics.odds import Odds
from headgate.release.statistics.predictions import Shifted, above_cuts
from headgate.release.statistics.sound import QUANTILE, sound
from headgate.testing.drawing import draw
from headgate.testing.traffic import Cuts, Drawn, Fault, Regime

CUTS = Cuts((0.95, 1.0, 1.0), (0.95, 1.3, 1.3), (0.995, 1.0, 1.0))
SOUND_CUTS = Cuts((0.95, 1.3, 1.0))
ABSOLUTE = 0.01  # of the error guard, unless the policy says otherwise
GUARDS = GuardPolicy.model_validate(
    {
        "latency": {"p99_ms": 500},
        "predictions": {"role": "required"},
        "business": {
            "precision": {"metric": "precision", "margin": 0.1},
            "value": {"metric": "mean", "column": "price", "margin": 0.1},
        },
    }
)
WEIGHTS = Budget.of(GUARDS, tuple(GUARDS.named), 0.05, rungs=1, arms=1).weights
SHIFT = GUARDS.predictions.largest_shift if GUARDS.predictions else 0.0
MARGIN = (0.5 + SHIFT) / (0.5 - SHIFT)
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
    """Return guard -> log E for harm [runs, t], as the judge has it."""
    share, (errors, slow) = drawn.regime.share, learnt(drawn)
    beyond, firsts = slow_counts(drawn, 2), first_answers(drawn, rng)
    late = joint.both(noisy(above(0.01), beyond, slow, share), noisy(harm(), beyond, slow, share))
    later = noisy(harm(worse=SLOWER), slow_counts(drawn, 0), slow, share)
    return {
        "errors": noisy(harm(), error_counts(drawn), errors, share),
        "latency": joint.either(later, late, stakes=HARM_STAKES),
        "predictions": Shifted(MARGIN).log_e(predicted(firsts, rng)),
        "precision": harm().log_e(called(firsts, rng, precision)),
        "value": valued(firsts, rng),
    }


def soundly(drawn: Drawn) -> dict[str, Floats]:
    """Return guard -> log E for soundness [runs, t], as the judge has it, of draws with SOUND_CUTS.

    All answers are taken for slower than the floor of 5 ms, as nearly all are; what the judge stakes on it is lost.
    """
    share, (errors, slow) = drawn.regime.share, learnt(drawn)
    within = noisy(sound(1.0, QUANTILE), slow_counts(drawn, 0), slow, share)
    requests = drawn.requests.sum(axis=-1)
    floor = noisy(below(0.05), counted(requests, requests), slow, share)
    odds = noisy(sound(), error_counts(drawn), errors, share)
    little = noisy(below(ABSOLUTE), error_counts(drawn), errors, share)
    near = 2 * drawn.past_errors.sum(axis=(-1, -2)) <= ABSOLUTE * drawn.past.sum(axis=(-1, -2))
    return {
        "errors": np.where(near[:, None], joint.either(odds, little), odds),
        "latency": joint.either(within, floor, stakes=SOUND_STAKES),
    }


def first_answers(drawn: Drawn, rng: np.random.Generator) -> Ints:
    """Draw how many requests of each second are the first of their unit [runs, arms, t]; the log is judged on those."""
    regime, requests = drawn.regime, drawn.requests.sum(axis=-1)
    if not regime.units:
        return np.asarray(rng.binomial(requests, 1 / regime.session)) if regime.session > 1 else requests
    units = np.rint(regime.units * np.array([regime.share, 1 - regime.share])).astype(np.int64)
    left, found = np.broadcast_to(units, requests.shape[:2]).copy(), np.zeros_like(requests)
    for t in range(requests.shape[-1]):
        met = rng.binomial(left, 1 - (1 - 1 / units) ** requests[..., t])
        found[..., t] = np.minimum(met, requests[..., t])
        left -= found[..., t]
    return np.asarray(found)


def called(answers: Ints, rng: np.random.Generator, precision: float) -> Seconds:
    """Draw how many answers were positive, and how many of them false."""
    calls = rng.binomial(answers, CALLED)
    rates = np.array([1 - precision, FALSE])[:, None]
    return counted(calls, rng.binomial(calls, rates))


def predicted(answers: Ints, rng: np.random.Generator) -> list[Seconds]:
    """Draw predictions of units, each its first, by the champion's past quintiles."""
    bins = [rng.binomial(answers, 0.2)]
    for left in (4, 3, 2, 1):
        bins.append(rng.binomial(answers - sum(bins), 1 / left))
    found = np.stack(bins, axis=-1)
    return above_cuts(np.arange(answers.shape[-1]), found[:, 0], found[:, 1])


def valued(answers: Ints, rng: np.random.Generator) -> Floats:
    """Draw sales of a long-tailed price, winsorise them, and return log E [runs, t] that the challenger brings less."""
    sales = rng.binomial(answers, SOLD)
    price = np.minimum(rng.lognormal(0.0, PRICE, int(sales.sum())), np.exp(2.33 * PRICE))
    cell = np.repeat(np.arange(sales.size), sales.ravel())

    def summed(values: Floats) -> Floats:
        return np.asarray(np.bincount(cell, values, sales.size), np.float64).reshape(sales.shape)

    return less(answers, sales, summed(price), summed(price**2))


def less(answers: Ints, telling: Ints, sums: Floats, squares: Floats) -> Floats:
    """Return log E [runs, t] that the challenger's mean is less.

    Args:
        answers: [runs, arms, t] how many there were, with or without a value.
        telling: [runs, arms, t] those whose value is not 0.
        sums: [runs, arms, t] of values.
        squares: [runs, arms, t] of squared values.
    """
    n1, n0, n = answers[:, 0], answers[:, 1], np.maximum(answers.sum(axis=1), 1)
    h = n1 * n0 / n
    d = sums[:, 1] / np.maximum(n0, 1) - sums[:, 0] / np.maximum(n1, 1)
    around = squares.sum(axis=1) - sums.sum(axis=1) ** 2 / n
    columns = (telling[:, 0], h, h * d, around, n - 1)
    return mean.log_e(mean.Means(*(column.cumsum(axis=-1) for column in columns)))
