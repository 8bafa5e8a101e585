"""Draws simulated traffic (traffic.py): requests, errors and latencies by second and bucket, many runs at once.

Nothing is drawn request by request: sums over a second and a bucket have laws of their own, and the same ones. All
chance comes from the generator that is handed in.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from headgate.predictions.rollup import BUCKETS, LAST
from headgate.release.statistics.counts import Floats, Ints
from headgate.testing.traffic import LOG_EDGES, NO_FAULT, Cuts, Drawn, Fault, Regime

HISTORY = 300
BURST_STARTS = 0.01  # of the seconds; a burst lasts ten
LAGS = 3  # a session goes on for so many seconds


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """The units of an arm, by bucket.

    Attributes:
        weight: [runs, buckets] their share of all traffic.
        bad: [runs, buckets] their errors, relative to the mean of all units.
        slow: [runs, buckets] their slow answers.
    """

    weight: Floats
    bad: Floats
    slow: Floats

    def together(self) -> "Units":
        """Return them in a single bucket."""
        weight = self.weight.sum(axis=-1, keepdims=True)
        means = (
            np.divide((self.weight * of).sum(axis=-1, keepdims=True), weight, np.ones_like(weight), where=weight > 0)
            for of in (self.bad, self.slow)
        )
        return Units(weight, *means)


def draw(
    regime: Regime,
    rng: np.random.Generator,
    runs: int,
    seconds: int,
    cuts: Cuts,
    fault: Fault = NO_FAULT,
    *,
    buckets: bool = True,
) -> Drawn:
    """Return runs.

    Args:
        regime: How nature behaves.
        rng: Where chance comes from.
        runs: How many.
        seconds: Of the release; 300 more come before it.
        cuts: Which latencies to count, given the champion's histograms.
        fault: What is wrong with the challenger.
        buckets: Whether the arms are drawn by bucket; tests of arms need that of the history alone.
    """
    course = Course(regime, rng, runs, HISTORY + seconds)
    everyone, *arms = _units(regime, rng, runs)
    before, after = slice(0, HISTORY), slice(HISTORY, None)
    histogram = rng.multinomial(int(regime.traffic * HISTORY), course.histogram(before))
    places = cuts(histogram)
    past, past_errors, past_slow = _arm(course, everyone, before, places[:, 1, :1], NO_FAULT)
    both = [
        _arm(course, units if buckets else units.together(), after, places[:, at], worse)
        for at, (units, worse) in enumerate(zip(arms, (fault, NO_FAULT), strict=True))
    ]
    requests, errors, slow = (np.stack(found, axis=1) for found in zip(*both, strict=True))
    return Drawn(regime, requests, errors, places, slow, past, past_errors, past_slow[:, 0], histogram)


class Course:
    """What both arms share, second by second: traffic, error rate, and the log of latency."""

    def __init__(self, regime: Regime, rng: np.random.Generator, runs: int, length: int) -> None:
        phase = rng.random((runs, 1)) * 2 * np.pi
        day = regime.drift * np.sin(np.arange(length) * 2 * np.pi / 800 + phase)
        start = rng.random((runs, length)) < BURST_STARTS
        burst = np.lib.stride_tricks.sliding_window_view(np.pad(start, ((0, 0), (9, 0))), 10, axis=1).any(axis=-1)
        more = np.where(burst, regime.bursts, 1.0) if regime.bursts > 1 else np.ones((runs, length))
        self.regime, self.rng = regime, rng
        self.traffic = regime.traffic * np.exp(day) * more
        self.errors = regime.errors * np.exp(day) * np.where(more > 1, 3.0, 1.0)
        keep = np.exp(-1 / 20)
        steps = rng.standard_normal((runs, length)) * regime.swing
        swing = np.empty((runs, length))
        swing[:, 0] = steps[:, 0]
        for t in range(1, length):
            swing[:, t] = keep * swing[:, t - 1] + np.sqrt(1 - keep**2) * steps[:, t]
        self.slowness = np.log(regime.median) + swing + day / 4

    def survival(self, log_cut: Floats, when: slice) -> Floats:
        """Return the chance [runs, t] that an answer is slower than a cut [runs, 1 or t]."""
        return self._above(log_cut - self.slowness[:, when])

    def _above(self, x: Floats) -> Floats:
        heavy, sigma = self.regime.heavy, self.regime.sigma
        if not heavy:
            return np.asarray(ndtr(-x / sigma))
        found: Floats = (1 - heavy) * ndtr(-x / sigma) + heavy * np.exp(-1.2 * np.maximum(x, 0.0))
        return found

    def histogram(self, when: slice) -> Floats:
        """Return the mean shares of the bins [runs, bins]."""
        steady = not (self.regime.swing or self.regime.drift)
        some = self.slowness[:, when][:, :1, None] if steady else self.slowness[:, when][:, ::10, None]
        above = self._above(LOG_EDGES - some).mean(axis=1)
        shares = -np.diff(above, axis=-1, prepend=1.0, append=0.0)[:, : LAST + 1]
        shares = np.maximum(shares, 0.0)
        found: Floats = shares / shares.sum(axis=-1, keepdims=True)
        return found


def _units(regime: Regime, rng: np.random.Generator, runs: int) -> tuple[Units, Units, Units]:
    """Return all units, the challenger's and the champion's."""
    if not regime.units:
        alike = np.ones((runs, BUCKETS))
        shares = (1.0, regime.share, 1 - regime.share)
        everyone, ours, theirs = (Units(alike * share / BUCKETS, alike, alike) for share in shares)
        return everyone, ours, theirs
    shape = (runs, regime.units)
    challenger = rng.random(shape) < regime.share
    cell = np.arange(runs)[:, None] * BUCKETS + rng.integers(0, BUCKETS, shape)
    a = regime.errors * regime.steadiness
    bad = rng.beta(a, regime.steadiness - a, shape) / regime.errors
    slow = rng.gamma(4 * a, 1 / (4 * a), shape)

    def those(chosen: npt.NDArray[Any]) -> Units:
        sums = [
            np.bincount(cell.ravel(), (of * chosen).ravel(), runs * BUCKETS).reshape(runs, BUCKETS)
            for of in (np.ones(shape), bad, slow)
        ]
        count = np.maximum(sums[0], 1)
        return Units(sums[0] / regime.units, sums[1] / count, sums[2] / count)

    return those(np.ones(shape)), those(challenger), those(~challenger)


def _arm(course: Course, units: Units, when: slice, cuts: Floats, fault: Fault) -> tuple[Ints, Ints, Ints]:
    """Return requests and errors [runs, t, buckets], and answers above each cut [runs, cuts, t, buckets]."""
    rng, session = course.rng, course.regime.session
    sessions = rng.poisson(course.traffic[:, when, None] / session * units.weight[:, None])
    faulty = np.arange(sessions.shape[1]) >= fault.since
    rise = np.where(faulty, fault.errors, 1.0)[:, None]
    rate = np.minimum(course.errors[:, when, None] * units.bad[:, None], 0.9)
    failed = rng.binomial(sessions, rate * rise / (1 + rate * (rise - 1)))
    lag = np.where(faulty, np.log(fault.slowness), 0.0)
    left, last = sessions - failed, np.ones((1, 1, 1))
    parts = []  # answers between two cuts, the fastest first
    for cut in cuts.T:
        chance = course.survival(cut[:, None] - lag, when)[:, :, None] * units.slow[:, None]
        chance = np.minimum(chance, last)
        slower = rng.binomial(left, chance / np.maximum(last, 1e-300))
        parts.append(_expand(rng, session, left - slower))
        left, last = slower, chance
    above = [_expand(rng, session, left)]
    for part in reversed(parts):
        above.append(above[-1] + part)
    errors = _expand(rng, session, failed)
    return above.pop() + errors, errors, np.stack(above[::-1], axis=1)


def _expand(rng: np.random.Generator, session: float, sessions: Ints) -> Ints:
    """Return the requests of sessions that began in each second, spread over the next few [runs, t, 32]."""
    if session <= 1:
        return sessions
    more = rng.negative_binomial(np.maximum(sessions, 1), 1 / session) * (sessions > 0)
    left = sessions + more
    found = np.zeros_like(left)
    for lag in range(LAGS):
        now = rng.binomial(left, 1 / (LAGS - lag))
        found[:, lag:] += now[:, : now.shape[1] - lag] if lag else now
        left = left - now
    return found
