"""What an arm would have come to alone, from a log of requests that a bandit gave to arms with known chances. Pure.

A bandit sends more traffic to an arm when it looks good, so the plain mean of what an arm got is biased: an arm that
began badly is rarely asked again. Each observation is weighed by one over the chance that it had:

    IPS   = 1/n sum_i 1[arm_i = a] y_i / p_i                       (Horvitz & Thompson, JASA 47 (1952))
    SNIPS = sum_i 1[arm_i = a] y_i / p_i  /  sum_i 1[arm_i = a] / p_i     (Swaminathan & Joachims, NIPS 2015)

IPS is unbiased; SNIPS is a little biased and varies less. Chances must be those of the moment, and none may be zero:
`ab.least` sees to that. Unbiased means of the world as it was while it was logged.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from headgate.release.statistics.counts import Floats
from headgate.release.statistics.pairs import Flags

ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Estimate:
    """An arm's value.

    Attributes:
        rows: Observations of the arm itself.
        ips, ips_error: The unbiased estimate and its standard error.
        snips, snips_error: The self-normalised one.
        naive: The plain mean, for comparison.
        effective: To how many equally weighed observations they amount: (sum w)^2 / sum w^2.
    """

    rows: int
    ips: float
    ips_error: float
    snips: float
    snips_error: float
    naive: float
    effective: float

    @property
    def interval(self) -> tuple[float, float]:
        """Around the self-normalised estimate, at one look, by the normal law."""
        half = float(ndtri(1 - ALPHA / 2)) * self.snips_error
        return self.snips - half, self.snips + half


def estimate(chosen: Flags, value: Floats, chance: Floats) -> Estimate | None:
    """Return the value of one arm; None: it was never chosen.

    Args:
        chosen: [n] whether the arm got the observation.
        value: [n] what came of it; only those of the arm itself count.
        chance: [n] with which chance the arm was to get it, above 0.

    Raises:
        ValueError: A chance is not in (0, 1].
    """
    if ((chance <= 0) | (chance > 1)).any():
        raise ValueError("a chance must be above 0 and at most 1: what was never tried cannot be estimated")
    n, rows = len(chosen), int(chosen.sum())
    if not rows:
        return None
    weight = np.where(chosen, 1 / chance, 0.0)
    gained = weight * np.where(chosen, value, 0.0)
    ips = float(gained.mean())
    ips_error = float(gained.std(ddof=1) / np.sqrt(n)) if n > 1 else float("inf")
    snips = float(gained.sum() / weight.sum())
    left = weight * (np.where(chosen, value, 0.0) - snips)
    snips_error = float(np.sqrt((left**2).sum()) / weight.sum()) if rows > 1 else float("inf")
    effective = float(weight.sum() ** 2 / (weight**2).sum())
    return Estimate(rows, ips, ips_error, snips, snips_error, float(value[chosen].mean()), effective)
