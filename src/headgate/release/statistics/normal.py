"""The one-sided normal mixture: evidence that a sum S has drifted upwards, in terms of its variance V. Pure.

If exp(l S - l^2 V / 2) is a supermartingale for each l >= 0, so is its mean over l from the half of a normal law of
variance 1/r,

    2 int_0^inf sqrt(r / 2 pi) exp(l S - l^2 (V + r) / 2) dl
        = 2 sqrt(r / (V + r)) exp(S^2 / (2 (V + r))) Phi(S / sqrt(V + r))

(complete the square). It is the one-sided normal mixture of Howard, Ramdas, McAuliffe and Sekhon, Time-uniform,
nonparametric, nonasymptotic confidence sequences, Annals of Statistics 49 (2021), section 3.2; tightest about V = V*
for

    r = V* / (2 log(1 / 2a) + log(1 + 2 log(1 / 2a)))
"""

from math import log

import numpy as np
from scipy.special import log_ndtr

from headgate.release.statistics.counts import Floats


def log_mixture(total: Floats, variance: Floats, r: Floats | float) -> Floats:
    """Return the log of the mixture.

    Args:
        total: [...] S.
        variance: [...] V.
        r: [...] the precision of the stakes, in the unit of V.
    """
    wide = variance + r
    found: Floats = np.log(2) + 0.5 * np.log(r / wide) + total**2 / (2 * wide) + log_ndtr(total / np.sqrt(wide))
    return found


def tightest(variance: float, alpha: float) -> float:
    """Return r for a boundary that is tightest at this variance; alpha below 1/2."""
    twice = 2 * log(1 / (2 * alpha))
    return variance / (twice + log(1 + twice))
