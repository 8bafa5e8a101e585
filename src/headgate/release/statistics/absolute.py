"""A test of one arm's rate against a number: errors below 1 %, slower than the SLA at most once in a hundred. Pure.

Refutes: every request's chance of an event, given what came before, is at most (or at least) the null. A bet on it:
the capital of somebody who stakes the same part l of it on each request x (1: an event) grows by 1 + l (x - null),
whose expectation is at most 1 under the null, whatever the course of the rate below it (Waudby-Smith and Ramdas,
Estimating means of bounded random variables by betting, JRSS B 86 (2024), section 4). With
l = (p - null) / (null (1 - null)) this is

    1 + l (x - null) = (p / null)^x ((1 - p) / (1 - null))^(1 - x)

the likelihood ratio of p to the null (put in x = 0 and x = 1), so the stakes are spread by spreading p, and the sums
and restarts of mixture.py serve. phi and spread as there; the spread is that between two arms, a little wide for one.

An absolute guard cannot know whose fault a rate is: an outage that both arms share counts against the challenger too.
Join it with the comparison of the arms where that matters (joint.both).
"""

from dataclasses import dataclass

import numpy as np

from headgate.release.statistics import mixture
from headgate.release.statistics.counts import Floats, Seconds
from headgate.release.statistics.dispersion import Noise
from headgate.release.statistics.mixture import Running
from headgate.release.statistics.odds import INDEPENDENT

HIGHER = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
LOWER = (0.03, 0.2, 0.4, 0.6, 0.8)


@dataclass(frozen=True, slots=True)
class Rate:
    """A test of one side; the challenger's columns of Seconds are all that it reads.

    Attributes:
        null: The rate at the edge of what is to be refuted, between 0 and 1.
        odds: Alternatives, as factors of the null's odds; all above 1 or all below it.
        every: Seconds between restarts; None: none.
    """

    null: float
    odds: tuple[float, ...]
    every: int | None = mixture.RESTART_SECONDS

    def fold(self, running: Running, seconds: Seconds, noise: Noise = INDEPENDENT) -> tuple[Running, Floats]:
        """Return the state after new seconds, and log E at the end of each [t]; as Odds.fold does."""
        steps, weights = self._steps(seconds, noise)
        return mixture.fold(running, steps, weights, self.every)

    def log_e(self, seconds: Seconds, noise: Noise = INDEPENDENT) -> Floats:
        """Return log E [..., t] at the end of each second, from the first one on."""
        steps, weights = self._steps(seconds, noise)
        return mixture.log_e(np.add.accumulate(steps, axis=-2), weights, self.every)

    def _steps(self, seconds: Seconds, noise: Noise) -> tuple[Floats, Floats]:
        factors, weights = noise.values(1.0, self.odds)
        odds = factors * self.null / (1 - self.null)
        rates = odds / (1 + odds)
        k, rest = seconds.k[..., None], (seconds.m - seconds.k)[..., None]
        return (k * np.log(rates) + rest * np.log1p(-rates)) / noise.phi, weights


def above(limit: float) -> Rate:
    """Return the test for a rate above the limit: harm."""
    return Rate(limit, HIGHER)


def below(limit: float) -> Rate:
    """Return the test for a rate below the limit: sound."""
    return Rate(limit, LOWER, every=None)
