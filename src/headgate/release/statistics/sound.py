"""Sound: evidence that the challenger's events are less frequent than the margin allows. Pure.

Refutes: the odds ratio is at least `margin` (2: twice as many errors). This is non-inferiority: a challenger that is a
little worse than the champion can be sound, and one about which too little is known cannot. Method, validity and
sources: odds.py, mixture.py. No restarts: what was sound an hour ago says nothing bad of now, harm.py looks at that.

At rare events the odds ratio is the ratio of the rates; at frequent ones it is the further of the two from 1: a rate of
20 % that doubles has an odds ratio of 2.7, so that a margin of 2 in odds is the stricter of the two.
"""

from headgate.release.statistics.odds import Odds

BETTER = (0.15, 0.3, 0.5, 0.6)
QUANTILE = (0.35, 0.5, 0.7, 0.85)  # of a latency that was moved down by its margin already (latency.py)


def sound(margin: float = 2.0, better: tuple[float, ...] = BETTER) -> Odds:
    """Return the test for soundness.

    Args:
        margin: The odds ratio that is too much.
        better: Alternatives as parts of the margin.
    """
    return Odds(margin, tuple(margin * factor for factor in better), every=None)
