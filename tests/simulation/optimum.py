"""What a fault costs a test that looks once, at the best moment: what tests that look all the time are measured by.

Two numbers. *Planned*: the challenger's requests by the formula of power.py (Fleiss, Levin and Paik 2003), at 80 %
power and a one-sided 5 %. It is for independent requests. Where they go together the variance of a rate is phi times
that of independent ones, so phi times as many are needed: the design effect of cluster samples (Kish, Survey Sampling
(1965), section 8.2: 1 + (b - 1) rho; of sessions that fail as a whole, rho = 1 and b = E[size^2] / E[size]), the
variance ratio of quasi-likelihood (Wedderburn 1974). Where units differ, a part of the variance stays, however long one
looks: n1 / (1 - (z_a + z_b)^2 spread^2 / d^2), as in power.py.

*Measured*: on runs of the regime itself, the challenger's requests at which a z-test with one look has 80 % power, if
its critical value is what 95 % of the runs of two equal versions stay below. Nobody has that value, as it needs to know
how requests go together and what skewed counts of few events do; so no test of 5 % that looks once does better with the
z statistic, and what it needs is what the regime makes necessary, without a formula.
"""

import numpy as np

from headgate.release.statistics.counts import Floats, Ints, Seconds

POWER, ALPHA = 0.8, 0.05
SMOOTH = 5  # seconds, as power from a few runs is uneven


def z(seconds: Seconds) -> Floats:
    """Return the pooled z statistic of all so far [runs, t]; 0 where it is not defined."""
    m, n, k, events = (column.cumsum(axis=-1) for column in (seconds.m, seconds.n, seconds.k, seconds.events))
    rest, mean = np.maximum(n - m, 1), events / np.maximum(n, 1)
    deviation = np.sqrt(mean * (1 - mean) * (1 / np.maximum(m, 1) + 1 / rest))
    difference = k / np.maximum(m, 1) - (events - k) / rest
    found: Floats = np.divide(difference, deviation, out=np.zeros_like(difference), where=deviation > 0)
    return found


def measured(alike: Floats, faulty: Floats, m: Ints) -> float:
    """Return the challenger's requests that one look needs; infinity: it never has that power.

    Args:
        alike: [runs, t] z where both versions are the same.
        faulty: [runs, t] z with the fault.
        m: [runs, t] the challenger's requests of each second, with the fault.
    """
    power = (faulty > np.quantile(alike, 1 - ALPHA, axis=0)).mean(axis=0)
    power = np.convolve(np.pad(power, SMOOTH // 2, mode="edge"), np.full(SMOOTH, 1 / SMOOTH), mode="valid")
    enough = power >= POWER
    return float(m.cumsum(axis=-1).mean(axis=0)[enough.argmax()]) if enough.any() else np.inf
