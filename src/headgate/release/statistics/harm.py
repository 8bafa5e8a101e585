"""Harm: evidence that the challenger's events are more frequent than the champion's, in the same seconds. Pure.

Refutes: the odds ratio is at most `least` (1: no worse at all; 1.1 to 1.25 where two processes of one version are known
to differ). Method, validity and sources: odds.py, mixture.py. The alternatives spread over effects from a quarter more
to thirty times as many, so that none of them costs much more than knowing it would: log 7 in all.
"""

from headgate.release.statistics.odds import Odds

WORSE = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
SLOWER = (1.4, 2.0, 3.5)  # of a P95: 17 % later has odds of 1.4, and one answer in twenty leaves less room


def harm(least: float = 1.0, worse: tuple[float, ...] = WORSE) -> Odds:
    """Return the test for harm.

    Args:
        least: The odds ratio that is still no harm.
        worse: Alternatives as multiples of it; SLOWER for a quantile of latency.
    """
    return Odds(least, tuple(least * factor for factor in worse))
