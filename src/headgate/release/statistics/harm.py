"""Harm: evidence that the challenger's events are more frequent than the champion's, in the same seconds. Pure.

Refutes: the odds ratio is at most `least` (1: no worse at all; 1.1 to 1.25 where two processes of one version are known
to differ). Method, validity and sources: odds.py, mixture.py. The alternatives spread over effects from a quarter more
to thirty times as many, so that none of them costs much more than knowing it would. Half of the stake is on one and a
half to three times as many: the likelihood of less is much like theirs, and what is ten times as bad is soon found with
a small stake as well. Any stakes that add up to one are valid (mixture.py); these were chosen by measuring.
"""

from collections.abc import Mapping

from headgate.release.statistics.odds import Odds

WORSE = {1.25: 1.0, 1.5: 2.0, 2.0: 2.0, 3.0: 2.0, 5.0: 1.0, 10.0: 0.5, 30.0: 0.25}
SLOWER = {1.4: 1.0, 2.0: 1.5, 3.5: 0.7}  # of a P95: 17 % later has odds of 1.4; one answer in twenty leaves less room


def harm(least: float = 1.0, worse: Mapping[float, float] = WORSE) -> Odds:
    """Return the test for harm.

    Args:
        least: The odds ratio that is still no harm.
        worse: Alternatives as multiples of it, and how much is staked on each; SLOWER for a quantile of latency.
    """
    return Odds(least, tuple(least * factor for factor in worse), stakes=tuple(worse.values()))
