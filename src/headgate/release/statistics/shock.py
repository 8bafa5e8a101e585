"""A second opinion on harm: does it come again and again, or in a few lumps that befell one arm as a whole? Pure.

A slow pod or a cold cache hits all units of one arm for a while; the champion's buckets cannot tell how often that
happens (dispersion.py). So the excess of the challenger's events over their share is added up over blocks of 30
seconds, and each block counts by its own size: with X_b a block's excess,

    S = sum X_b,  V = sum X_b^2,  and  exp(l S - l^2 V / 2) is a supermartingale

as long as an excess and a shortfall of one size are equally likely, given the past, for then (e^(lx) + e^(-lx)) / 2
<= e^(l^2 x^2 / 2) (de la Pena, A general class of exponential inequalities for martingales and ratios, Annals of
Probability 27 (1999)). One lump, however large, adds as much to V as to S, and never convinces. It needs several
times as many requests as harm.py, and is a diagnostic: it decides nothing.
"""

import numpy as np

from headgate.release.statistics.counts import Floats, Seconds
from headgate.release.statistics.normal import log_mixture, tightest

BLOCK_SECONDS = 30
LUMPS = 16.0  # of unit variance: the number of blocks for which it is tightest


def log_e(seconds: Seconds, phi: float = 1.0, alpha: float = 0.05) -> Floats:
    """Return log E [..., blocks] at the end of each whole block.

    Args:
        seconds: The comparison.
        phi: The dispersion, which makes blocks about one in size.
        alpha: The level for which it is tightest.
    """
    n = np.maximum(seconds.n, 1)
    share = seconds.m / n
    excess = _blocks(seconds.k - seconds.events * share)
    left = (seconds.n - seconds.events) / np.maximum(seconds.n - 1, 1)
    expected = _blocks(phi * seconds.events * share * (1 - share) * left)
    size = np.where(expected > 0, excess / np.sqrt(np.maximum(expected, 1e-12)), 0.0)
    return log_mixture(size.cumsum(axis=-1), (size**2).cumsum(axis=-1), tightest(LUMPS, alpha))


def _blocks(column: Floats) -> Floats:
    whole = column.shape[-1] // BLOCK_SECONDS
    found: Floats = column[..., : whole * BLOCK_SECONDS].reshape(*column.shape[:-1], whole, BLOCK_SECONDS).sum(axis=-1)
    return found
