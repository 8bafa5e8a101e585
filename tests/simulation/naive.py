"""What people do without sequential statistics, on the same data: a z-test at each look, and "twice the baseline"."""

import numpy as np

from headgate.release.statistics.counts import Ints, Seconds
from headgate.release.statistics.pairs import Flags

LEAST_REQUESTS = 100  # before anybody looks


def z_test(seconds: Seconds) -> Flags:
    """Return whether a one-sided z-test of all so far says at 5 % that the challenger is worse [..., t]."""
    m, k = seconds.m.cumsum(axis=-1), seconds.k.cumsum(axis=-1)
    n, events = seconds.n.cumsum(axis=-1), seconds.events.cumsum(axis=-1)
    mean = events / np.maximum(n, 1)
    theirs = (events - k) / np.maximum(n - m, 1)
    deviation = np.sqrt(mean * (1 - mean) * (1 / np.maximum(m, 1) + 1 / np.maximum(n - m, 1)))
    found: Flags = (k / np.maximum(m, 1) - theirs > 1.6449 * np.maximum(deviation, 1e-12)) & (m >= LEAST_REQUESTS)
    return found


def twice_the_baseline(seconds: Seconds, window: int = 60) -> Flags:
    """Return whether the challenger's rate over the last minute is above twice the champion's [..., t]."""

    def last(column: Ints) -> Ints:
        sums = column.cumsum(axis=-1)
        found: Ints = sums - np.concatenate(
            [np.zeros((*sums.shape[:-1], window), np.int64), sums[..., :-window]], axis=-1
        )
        return found

    m, k = last(seconds.m), last(seconds.k)
    theirs = last(seconds.events) - k
    found: Flags = (k / np.maximum(m, 1) > 2 * theirs / np.maximum(last(seconds.n) - m, 1)) & (m >= LEAST_REQUESTS)
    return found
