"""A test of means: revenue, cost per prediction, a score. Pure.

Compared within each second, as counts are, and added up: with h = n1 n0 / (n1 + n0) of a second and d its difference of
means (signed so that up is worse),

    S = sum h d / s2,   V = sum h / s2,   log E = log_mixture(S - margin V, V)

which in one stratum is S = d I, V = I = 1 / (s2 (1/n1 + 1/n0)). The variance s2 is *pooled* over both arms, within
seconds: one arm's own variance is too small just when its large values have not come yet, and then it looks certain.
Heavy tails make the same mistake, so values are winsorised at the champion's past P99 first, and it is the winsorised
mean that is judged.

Valid asymptotically (s2 is estimated), so from 100 observations of the challenger on that are not 0 (where one request
in twenty ends in a sale, it is sales that tell about tails), and never for rare events: those are counts. Observations
of one unit belong together: hand in a unit's sum, or phi.

Sources: normal.py; Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, Time-uniform central limit theory and asymptotic
confidence sequences, Annals of Statistics 52 (2024), for estimated variances.
"""

from dataclasses import astuple, dataclass

import numpy as np

from headgate.release.statistics.counts import Floats, Ints
from headgate.release.statistics.normal import log_mixture, tightest

LEAST = 100  # of the challenger's observations that are not 0
TIGHTEST_AT = 1000.0  # of them


@dataclass(frozen=True, slots=True)
class Means:
    """What was seen so far, in sums; arrays of runs in simulations.

    Attributes:
        telling: Observations of the challenger that are not 0.
        weight: Sum of h.
        difference: Sum of h d.
        squares: Sum of squares around the means of seconds, both arms.
        freedom: How many of those are free.
    """

    telling: Floats | float = 0.0
    weight: Floats | float = 0.0
    difference: Floats | float = 0.0
    squares: Floats | float = 0.0
    freedom: Floats | float = 0.0

    def __add__(self, other: "Means") -> "Means":
        """Return the sums of both."""
        return Means(*(one + two for one, two in zip(astuple(self), astuple(other), strict=True)))


def winsorise(values: Floats, limit: float) -> Floats:
    """Return values moved to at most `limit`, and at least -limit."""
    return np.clip(values, -limit, limit)


def seen(second: Ints, ours: np.ndarray, values: Floats) -> Means:
    """Return the sums of some observations.

    Args:
        second: [rows] in which second each was predicted; a second must not be split over calls.
        ours: [rows] whether it is the challenger's.
        values: [rows] winsorised, and signed so that up is worse.
    """
    _, at = np.unique(second, return_inverse=True)
    n1, n = np.bincount(at, ours), np.bincount(at)
    sum1, total = np.bincount(at, values * ours), np.bincount(at, values)
    n0, sum0 = n - n1, total - sum1
    both = (n1 > 0) & (n0 > 0)
    h = np.where(both, n1 * n0 / np.maximum(n, 1), 0.0)
    d = np.where(both, sum1 / np.maximum(n1, 1) - sum0 / np.maximum(n0, 1), 0.0)
    squares = (values**2).sum() - (total**2 / n).sum()
    return Means(
        float((ours & (values != 0)).sum()), float(h.sum()), float((h * d).sum()), float(squares), float((n - 1).sum())
    )


def log_e(means: Means, margin: float = 0.0, alpha: float = 0.05, phi: float = 1.0) -> Floats:
    """Return log E [...] that the challenger's mean is worse by more than the margin; 0 before 100 that tell.

    Args:
        means: What was seen.
        margin: A difference that is no harm. For soundness, sign values the other way and hand in minus the margin.
        alpha: The level for which it is tightest.
        phi: How many times the variance of a mean exceeds that of independent observations.
    """
    variance = phi * np.asarray(means.squares, np.float64) / np.maximum(means.freedom, 1)
    enough = (np.asarray(means.telling) >= LEAST) & (variance > 0)
    variance = np.where(variance > 0, variance, 1.0)
    information = means.weight / variance
    total = means.difference / variance - margin * information
    found = log_mixture(total, information, tightest(TIGHTEST_AT, alpha) / variance)
    return np.where(enough, found, 0.0)
