"""How far requests are from independent, learned from the champion's units before a release starts. Pure.

Two things make arms differ although their versions are the same. *Bursts*: a session fails as a whole, so events come
in clumps. *Units*: each unit keeps to one arm and has a rate of its own, and two samples of units have different
means, for as long as the release lasts. Both show between the champion's buckets of units, as each bucket is to the
others what an arm is to an arm.

Bursts are answered by phi: log-likelihoods are divided by the variance ratio of quasi-likelihood,

    phi_B = sum (k_j - K s_j)^2 / sum K s_j (1 - s_j)

over buckets j and blocks of B seconds with K events in all, s_j being the bucket's share of the block's requests; phi
is the largest over blocks of 1, 10 and 30 seconds, and at least 1. (Wedderburn, Quasi-likelihood functions,
Biometrika 61 (1974); McCullagh and Nelder, Generalized Linear Models (1989), section 4.5.)

Units are answered by a null that is drawn: their effect does not fade with time, and division by any constant would
fail in the end. Over the whole history, a bucket's events vary by phi K s_j (1 - s_j) from bursts, and by (K s_j)^2 v
from its units, which gives v by moments,

    v = max(0, sum (k_j - K s_j)^2 - phi sum K s_j (1 - s_j)) / sum (K s_j)^2

An arm with a share p of all units is as large as 32 p buckets, the other as 32 (1 - p), so the log of the odds ratio
between two arms of one version has about the variance v / (32 p (1 - p)); its root is the spread.

Learned from the time before the start alone: what is learned from the data that it then judges does not hold. Refuses
to see what befalls one arm as a whole; shock.py looks at that.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from headgate.predictions.rollup import BUCKETS
from headgate.release.statistics.counts import Floats, Ints

BLOCKS = (1, 10, 30)
HISTORY_SECONDS = 300
SPREADS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0)
NODES = 9


@dataclass(frozen=True, slots=True)
class Noise:
    """How far from independent.

    Attributes:
        phi: What log-likelihoods are divided by, at least 1.
        spread: Standard deviation of the log odds ratio between two arms of one version, from their units.
    """

    phi: float = 1.0
    spread: float = 0.0

    def nulls(self, null: float) -> tuple[Floats, Floats]:
        """Return the nulls and their weights: one, or quadrature nodes of a normal law around its log.

        Gauss and Hermite's rule; Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 25.4.46.
        """
        if not self.spread:
            return np.array([null]), np.array([1.0])
        nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
        return null * np.exp(self.spread * nodes), weights / weights.sum()


@dataclass(frozen=True, slots=True, eq=False)
class Dispersion:
    """What the champion's history says; simulations hold an array of runs in each.

    Attributes:
        phi: [...] at least 1.
        bucket_variance: [...] v above, of a bucket's rate relative to the mean.
        events: [...] how many events it was learned from.
    """

    phi: Any
    bucket_variance: Any
    events: Any

    def spread(self, share: float) -> Any:
        """Return the spread [...] of a challenger with this share of the units, rounded up to one of SPREADS."""
        exact = np.sqrt(self.bucket_variance / (BUCKETS * share * (1 - share)))
        return np.array(SPREADS)[np.minimum(np.searchsorted(SPREADS, exact), len(SPREADS) - 1)]

    def noise(self, share: float) -> Noise:
        """Return what a test of a challenger with this share of the units takes."""
        return Noise(float(self.phi), float(self.spread(share)))


def learn(units: Ints, events: Ints) -> Dispersion:
    """Return phi and v.

    Args:
        units: [..., t, 32] the champion's requests of each second and bucket.
        events: [..., t, 32] its events.
    """
    found = [(surplus[0] / np.maximum(surplus[1], 1e-12)) for surplus in (_moments(units, events, b) for b in BLOCKS)]
    phi = np.maximum(1.0, np.max(found, axis=0))
    squares, binomial, product = _moments(units, events, units.shape[-2])
    variance = np.maximum(0.0, squares - phi * binomial) / np.maximum(product, 1e-12)
    return Dispersion(phi, variance, events.sum(axis=(-1, -2)))


def _moments(units: Ints, events: Ints, block: int) -> tuple[Floats, Floats, Floats]:
    """Return the sums of (k - K s)^2, K s (1 - s) and (K s)^2 over blocks and buckets."""
    k, n = _blocks(events, block), _blocks(units, block)
    mean = k.sum(axis=-1, keepdims=True) * n / np.maximum(n.sum(axis=-1, keepdims=True), 1)
    share = n / np.maximum(n.sum(axis=-1, keepdims=True), 1)
    axes = (-1, -2)
    return ((k - mean) ** 2).sum(axis=axes), (mean * (1 - share)).sum(axis=axes), (mean**2).sum(axis=axes)


def _blocks(columns: Ints, block: int) -> Ints:
    whole = columns.shape[-2] // block
    kept = columns[..., : whole * block, :]
    found: Ints = kept.reshape(*columns.shape[:-2], whole, block, columns.shape[-1]).sum(axis=-2)
    return found
