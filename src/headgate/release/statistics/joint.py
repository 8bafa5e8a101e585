"""One error budget over guards: how e-values are put together. Pure.

*Harm* is one claim about all guards, that none is violated, and sum_g w_g E_g with weights that add up to 1 refutes
it at 1/alpha, however the guards depend on each other (Vovk and Wang, E-values: calibration, combination and
applications, Annals of Statistics 49 (2021), section 3). The E are those of now: the mean of running maxima would be
no e-value, and a product needs independence.

*Sound* must hold for each required guard at the whole alpha: a challenger that violates one of them is then called
sound with a probability of at most alpha, as that guard alone would have to err (intersection-union: Berger,
Technometrics 24 (1982)). judging/verdicts.py makes verdicts of both.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from headgate.release.statistics.counts import Floats


def harm(logs: Mapping[str, Floats | float], shares: Mapping[str, float]) -> Floats:
    """Return log of the weighted mean [...] of the guards' e-values for harm.

    Args:
        logs: Guard -> [...] log E of now; 0 where there is nothing to say yet.
        shares: Guard -> its weight; they add up to at most 1.
    """
    found: Floats = np.logaddexp.reduce([np.asarray(log) + np.log(shares[name]) for name, log in logs.items()], axis=0)
    return found


def both(*logs: Floats | float) -> Floats:
    """Return log E [...] against "this or that": a violation that needs both, such as worse and above a limit."""
    found: Floats = np.minimum.reduce([np.asarray(log) for log in logs])
    return found


def either(*logs: Floats | float, stakes: Sequence[float] = ()) -> Floats:
    """Return log E [...] against "this and that": either refutes it, and their mean is an e-value.

    Args:
        logs: Of each.
        stakes: The weight of each, adding up to 1; nothing: as much on each.
    """
    parts = np.log(stakes or (1 / len(logs),) * len(logs))
    found: Floats = np.logaddexp.reduce([np.asarray(log) + part for log, part in zip(logs, parts, strict=True)])
    return found
