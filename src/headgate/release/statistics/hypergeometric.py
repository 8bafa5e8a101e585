"""Fisher's noncentral hypergeometric law: where the events of one second fall, given how many there were. Pure.

Of n requests of a second, m went to the challenger; `events` of them were events, k of those the challenger's. If the
odds of an event are psi times as high in the challenger as in the champion, then, whatever the champion's odds are,

    P(k) = HG(k; n, events, m) psi^k / M(psi),      M(psi) = sum_j HG(j; n, events, m) psi^j

with HG(j) = C(m, j) C(n - m, events - j) / C(n, events): write down the product of the two binomials, and the
champion's odds cancel out of everything but a factor that depends on the sum alone. So a comparison given n, m and
`events` is valid for every course of the shared rate and of the shares. Valid for requests that are independent within
a second; dispersion.py measures by how much they are not.

Sources: Fisher, The logic of inductive inference, JRSS 98 (1935), for the distribution; Cornfield, A statistical
problem arising from retrospective studies, Proc. Third Berkeley Symposium 4 (1956), for psi as an odds ratio.
"""

import numpy as np
from scipy.special import gammaln

from headgate.release.statistics.counts import Floats, Ints, Seconds

PIECE = 4_000_000  # terms held at once: 32 MB
SAFE = 600.0  # exp of it, and of less it, is a number


def log_likelihood(seconds: Seconds, psi: Floats) -> Floats:
    """Return k log psi - log M(psi) for each second and odds ratio [..., t, psi]; 0 where a second tells nothing.

    It is the log of P(k) but for a term without psi, which ratios do not need.

    Args:
        seconds: The comparison.
        psi: [psi] odds ratios, above 0.
    """
    telling = (seconds.m > 0) & (seconds.m < seconds.n) & (seconds.events > 0) & (seconds.events < seconds.n)
    found = np.zeros((*seconds.m.shape, len(psi)))
    n, events, m = (column[telling] for column in (seconds.n, seconds.events, seconds.m))
    found[telling] = seconds.k[telling][:, None] * np.log(psi) - log_mean(psi, n, events, m)
    return found


def log_mean(psi: Floats, n: Ints, events: Ints, m: Ints) -> Floats:
    """Return log M(psi) [t, psi], exactly: the mean of psi^k where both arms are alike.

    Seconds of the same three numbers are computed once; a thousand runs of a simulation hold few different ones.

    Args:
        psi: [psi] odds ratios, above 0.
        n: [t] requests of both arms.
        events: [t] events of both.
        m: [t] requests of the challenger.
    """
    if not len(n):
        return np.zeros((0, len(psi)))
    base = int(n.max()) + 1
    _, first, back = np.unique((n * base + events) * base + m, return_index=True, return_inverse=True)
    n, events, m = n[first], events[first], m[first]
    found = np.empty((len(first), len(psi)))
    order = np.argsort(np.minimum(events, m))  # rows of like length beside each other
    piece = max(1, PIECE // (int(np.minimum(events, m).max()) + 1))
    for start in range(0, len(order), piece):
        rows = order[start : start + piece]
        found[rows] = _sums(np.log(psi), n[rows], events[rows], m[rows])
    return found[back]


def _sums(log_psi: Floats, n: Ints, events: Ints, m: Ints) -> Floats:
    """Return log M [t, psi].

    From one term to the next, HG(j + 1) / HG(j) = (K - j)(m - j) / ((j + 1)(n - m - K + j + 1)), K for `events`.
    """
    lowest = np.maximum(0, events - n + m)
    steps = np.arange(int((np.minimum(events, m) - lowest).max()) + 1)
    j = lowest[:, None] + steps[:-1]
    above = np.maximum(events[:, None] - j, 0) * np.maximum(m[:, None] - j, 0)
    with np.errstate(divide="ignore"):  # no term after the last: log 0
        rises = np.log(above / ((j + 1.0) * ((n - m - events)[:, None] + j + 1)))
    first = _log_choose(m, lowest) + _log_choose(n - m, events - lowest) - _log_choose(n, events)
    logs = np.concatenate([first[:, None], first[:, None] + rises.cumsum(axis=-1)], axis=-1)
    if first.min() > -SAFE and steps[-1] * np.abs(log_psi).max() < SAFE:  # nothing over- or underflows
        sums = np.log(np.exp(logs) @ np.exp(steps[:, None] * log_psi))
    else:
        sums = np.stack([log_sum(logs + steps * each) for each in log_psi], axis=-1)
    found: Floats = sums + lowest[:, None] * log_psi
    return found


def _log_choose(n: Ints, k: Ints) -> Floats:
    found: Floats = gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
    return found


def log_sum(logs: Floats) -> Floats:
    """Return log(sum(exp(logs))) over the last axis; at least one of each row is finite."""
    top = logs.max(axis=-1)
    found: Floats = top + np.log(np.exp(logs - top[..., None]).sum(axis=-1))
    return found
