"""Confidence sequences, for showing: intervals that hold the truth at all times at once, as often as they say. Pure.

Each is what a test against every value leaves: {value: E(value) < 1/alpha}; that E ever reaches 1/alpha at the true
value has a chance of at most alpha (Ville 1939). They are wider than an interval for one look, and decide nothing: the
tests do.

*Odds ratio*: E(psi) = mean_w of L_i / L(psi) over a grid, L as in odds.py; weights are those of a Cauchy law about 1.
*Rate*: the mean of binomial likelihoods over a Beta(1/2, 1/2) law against that of p,
    log E(p) = log B(k + 1/2, n - k + 1/2) - log B(1/2, 1/2) - k log p - (n - k) log(1 - p)
(Robbins, Statistical methods related to the law of the iterated logarithm, Ann. Math. Stat. 41 (1970); the
beta-binomial mixture of Howard et al., Annals of Statistics 49 (2021)). With phi, k / phi and n / phi. *Quantile*: x
is below the quantile if the share of answers up to x is below it, for sure; x runs over bin edges, and the share has
a rate's E (Howard and Ramdas, Sequential estimation of quantiles, Bernoulli 28 (2022)).
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import betaln

from headgate.predictions.rollup import edge
from headgate.release.statistics.counts import Floats, Ints, Seconds
from headgate.release.statistics.dispersion import Noise
from headgate.release.statistics.hypergeometric import log_likelihood, log_sum
from headgate.release.statistics.mixture import Running
from headgate.release.statistics.odds import INDEPENDENT

LOG_PSI = np.linspace(-np.log(64), np.log(64), 169)  # steps of 5 %
SCALE = 0.5
HALVINGS = 50
NARROWEST = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Interval:
    """Bounds and what lies between; arrays where several were asked for.

    Attributes:
        low, high: Bounds; 0 and infinity where nothing is known.
        estimate: The most likely value; not a number where nothing is known.
    """

    low: Floats
    high: Floats
    estimate: Floats


def fold_odds(running: Running, seconds: Seconds, phi: float = 1.0) -> Running:
    """Return the sums of log-likelihoods over the grid after new seconds; Running() at the start."""
    before = np.array(running.logs or (0.0,) * len(LOG_PSI))
    after = before + (log_likelihood(seconds, np.exp(LOG_PSI)) / phi).sum(axis=-2)
    return Running(running.seconds + len(seconds), tuple(after.tolist()))


def odds_ratio(logs: Floats, alpha: float, noise: Noise = INDEPENDENT) -> Interval:
    """Return the interval of the odds ratio of challenger to champion.

    Args:
        logs: [..., grid] sums of log-likelihoods (fold_odds(...).logs).
        alpha: One minus the confidence.
        noise: Its spread makes the null at each value a drawn one; its phi is in the sums already.
    """
    prior = 1 / (1 + (LOG_PSI / SCALE) ** 2)
    mean = log_sum(logs + np.log(prior / prior.sum()))
    inside = mean[..., None] - _drawn(logs, noise.spread) < -np.log(alpha)
    first, last = inside.argmax(axis=-1), len(LOG_PSI) - 1 - np.flip(inside, -1).argmax(axis=-1)
    outer = np.concatenate([[0.0], np.exp(LOG_PSI), [np.inf]])
    flat = logs.max(axis=-1) == logs.min(axis=-1)
    estimate = np.where(flat, np.nan, np.exp(LOG_PSI)[logs.argmax(axis=-1)])
    low = np.where(first == 0, 0.0, outer[first])  # one step outwards: the bound lies between grid points
    return Interval(low, np.where(last == len(LOG_PSI) - 1, np.inf, outer[last + 2]), estimate)


def _drawn(logs: Floats, spread: float) -> Floats:
    if not spread:
        return logs
    top = logs.max(axis=-1, keepdims=True)
    means = np.exp(logs - top) @ _kernel(spread).T
    found: Floats = top + np.log(np.maximum(means, 1e-300))
    return found


@cache
def _kernel(spread: float) -> Floats:
    """Return the normal law about each point of the grid [grid, grid]; of few spreads, as dispersion.py rounds them."""
    near = np.exp(-0.5 * ((LOG_PSI[:, None] - LOG_PSI) / spread) ** 2)
    return np.asarray(near / near.sum(axis=-1, keepdims=True))


def log_e_rate(k: Floats, n: Floats, p: Floats | float) -> Floats:
    """Return log E(p) [...] of k events in n."""
    mixed = betaln(k + 0.5, n - k + 0.5) - betaln(0.5, 0.5)
    found: Floats = mixed - k * np.log(p) - (n - k) * np.log1p(-np.asarray(p))
    return found


def rate(k: Ints, n: Ints, alpha: float, phi: float = 1.0) -> Interval:
    """Return the interval [...] of one arm's rate.

    Args:
        k: [...] events.
        n: [...] requests.
        alpha: One minus the confidence.
        phi: How far requests are from independent.
    """
    events, all_of = np.asarray(k) / phi, np.asarray(n) / phi
    with np.errstate(invalid="ignore", divide="ignore"):
        estimate = events / all_of
    middle = np.clip(np.where(all_of > 0, estimate, 0.5), NARROWEST, 1 - NARROWEST)
    low = _edge(events, all_of, alpha, middle, np.full_like(middle, NARROWEST))
    high = _edge(events, all_of, alpha, middle, np.full_like(middle, 1 - NARROWEST))
    return Interval(np.where(low <= 2 * NARROWEST, 0.0, low), np.where(high >= 1 - 2 * NARROWEST, 1.0, high), estimate)


def _edge(k: Floats, n: Floats, alpha: float, inside: Floats, outside: Floats) -> Floats:
    for _ in range(HALVINGS):
        middle = (inside + outside) / 2
        within = log_e_rate(k, n, middle) < -np.log(alpha)
        inside, outside = np.where(within, middle, inside), np.where(within, outside, middle)
    return outside


def quantile(counts: Ints, share: float, alpha: float, phi: float = 1.0) -> Interval:
    """Return the interval [...] of a quantile of latency, in seconds.

    Args:
        counts: [..., bins] requests in bins 0, 1, 2 ... of predictions/rollup.py.
        share: Which quantile, such as 0.95.
        alpha: One minus the confidence.
        phi: How far requests are from independent.
    """
    used = np.flatnonzero(counts.any(axis=tuple(range(counts.ndim - 1))))
    start, stop = (max(0, used[0] - 1), used[-1] + 1) if len(used) else (0, 1)  # beyond them nothing changes
    up_to = np.cumsum(counts[..., start:stop], axis=-1)
    n = up_to[..., -1:]
    sure = log_e_rate(up_to / phi, n / phi, share) >= -np.log(alpha)
    below, above = sure & (up_to < share * n), sure & (up_to > share * n)
    last, first = below.sum(axis=-1) - 1, above.argmax(axis=-1)
    edges = np.array([edge(number) for number in range(start, stop)])
    estimate = np.where(n[..., 0] > 0, edges[(up_to >= share * n).argmax(axis=-1)], np.nan)
    high = np.where(above.any(axis=-1), edges[first], np.inf)
    return Interval(np.where(last >= 0, edges[last], 0.0), high, estimate)
