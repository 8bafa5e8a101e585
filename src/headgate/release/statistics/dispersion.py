"""How far requests are from independent, learned from the champion's units before a release starts. Pure.

Two things make arms differ although their versions are the same. *Bursts*: a session fails as a whole, so events come
in clumps. *Units*: each unit keeps to one arm and has a rate of its own, and two samples of units have different
means, for as long as the release lasts. Both show between the champion's buckets of units, as each bucket is to the
others what an arm is to an arm.

Bursts are answered by phi: log-likelihoods are divided by the variance ratio of quasi-likelihood (Wedderburn,
Quasi-likelihood functions, Biometrika 61 (1974); McCullagh and Nelder, Generalized Linear Models (1989), section 4.5).
Units are answered by a null that is drawn: their effect does not fade with time, and division by any constant would
fail in the end. Both follow from moments. In a block with K events, a bucket with the share s of its requests has

    E (k - K s)^2 = phi K s (1 - s) + v (K s)^2

where v is the variance between buckets of their relative rates. Summed over buckets and blocks of 1, 10 or 30 seconds
that is one equation, and over the whole history another, in which v weighs far more. phi is the largest over the three
lengths of blocks, and at least 1; of no length more than v = 0 would make it, since the two equations are one where a
block holds nearly all events. v is what the whole history leaves, and at least 0, plus half its standard error,
sqrt(2 / 31) sum (k - K s)^2 / sum (K s)^2, but no more than 0.03: a spread that is taken for too small is never made
good, and one that few events say nothing about must not hide a fault.

An arm with a share p of all units is as large as 32 p buckets, the other as 32 (1 - p), so the log of the odds ratio
between two arms of one version has about the variance v / (32 p (1 - p)); its root is the spread.

Learned from the time before the start alone: what is learned from the data that it then judges does not hold. Refuses
to see what befalls one arm as a whole; shock.py looks at that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr

from headgate.predictions.rollup import BUCKETS
from headgate.release.statistics.counts import Floats, Ints

BLOCKS = (1, 10, 30)
HISTORY_SECONDS = 300
SPREADS = (0.0, *(round(0.025 * 1.1**step, 4) for step in range(39)), 1.0)  # a step of 10 % hides few faults
FINEST, COARSEST, REACH = 0.1, 0.75, 4.0  # of the lattice of values: log odds, spreads, spreads
TINY = 1e-12
DOUBT = 0.03
CERTAIN = 2.0  # standard errors


@dataclass(frozen=True, slots=True)
class Noise:
    """How far from independent.

    Attributes:
        phi: What log-likelihoods are divided by, at least 1.
        spread: Standard deviation of the log odds ratio between two arms of one version, from their units.
    """

    phi: float = 1.0
    spread: float = 0.0

    def values(self, null: float, alternatives: Sequence[float], stakes: Sequence[float] = ()) -> tuple[Floats, Floats]:
        """Return odds ratios [values] and the weights of alternatives and null on them [2, values].

        Where units differ, each alternative and the null become a normal law around its log, all on one lattice: as
        evidence sharpens, a truth between two points is then as far from the one law as from the other.

        Args:
            null: The odds ratio that is to be refuted.
            alternatives: Those that speak against it.
            stakes: How much is on each, in any unit; nothing: as much on each.
        """
        centres = np.log(np.asarray(alternatives) / null)
        parts = np.asarray(stakes or (1.0,) * len(centres))
        parts = parts / parts.sum()
        if not self.spread:
            return null * np.exp(np.append(centres, 0.0)), np.stack([np.append(parts, 0.0), np.eye(len(parts) + 1)[-1]])
        step, reach = max(FINEST, self.spread * COARSEST), REACH * self.spread
        low, high = min(0.0, centres.min()) - reach, max(0.0, centres.max()) + reach
        points = step * np.arange(np.floor(low / step), np.ceil(high / step) + 1)
        cells = np.append(points - step / 2, points[-1] + step / 2)
        mass = np.diff(ndtr((cells - np.append(centres, 0.0)[:, None]) / self.spread), axis=-1)
        weights = np.stack([parts @ mass[:-1], mass[-1]])
        return null * np.exp(points), weights / weights.sum(axis=-1, keepdims=True)


@dataclass(frozen=True, slots=True, eq=False)
class Dispersion:
    """What the champion's history says; simulations hold an array of runs in each.

    Attributes:
        phi: [...] at least 1.
        bucket_variance: [...] v above, of a bucket's rate relative to the mean.
        events: [...] how many events it was learned from.
        error: [...] the standard error of v, of which bucket_variance holds a half, as few events say little.
    """

    phi: Any
    bucket_variance: Any
    events: Any
    error: Any = 0.0

    @property
    def certain_variance(self) -> Any:
        """Return v [...] without what was added, where it is beyond two standard errors; else 0."""
        plain = self.bucket_variance - np.minimum(self.error / 2, DOUBT)
        return np.where(plain > CERTAIN * self.error, plain, 0.0)

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
    squares, binomial, product = _moments(units, events, units.shape[-2])
    product = np.maximum(product, TINY)
    phi = np.ones_like(squares)
    for block in BLOCKS:
        found, expected, part = _moments(units, events, block)
        from_units = part / product  # what v adds to a block, in parts of what it adds to the whole history
        left = found - from_units * squares
        alone = found / np.maximum(expected, TINY)  # were there no units: more than all cannot be the bursts'
        phi = np.maximum(phi, np.minimum(left / np.maximum(expected - from_units * binomial, TINY), alone))
    error = np.sqrt(2 / (BUCKETS - 1)) * np.maximum(squares, phi * binomial) / product
    variance = np.maximum(0.0, squares - phi * binomial) / product + np.minimum(error / 2, DOUBT)
    return Dispersion(phi, variance, events.sum(axis=(-1, -2)), error)


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
