"""One error budget over guards: how e-values are put together. Pure.

*Harm* is one claim about all guards, that none is violated, and sum_g w_g E_g with weights that add up to 1 refutes
it at 1/alpha, however the guards depend on each other (Vovk and Wang, E-values: calibration, combination and
applications, Annals of Statistics 49 (2021), section 3). The E are those of now: the mean of running maxima would be
no e-value, and a product needs independence.

*Sound* must hold for each required guard: the least of them counts, at the whole alpha. A challenger that violates
one guard is then called sound with a probability of at most alpha, as that guard alone would have to err
(intersection-union: Berger, Technometrics 24 (1982)).

Harm wins: a challenger that is worse for sure and within the margin for sure is worse.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from headgate.release.statistics.counts import Floats

ERRORS = "errors"
ERRORS_SHARE = 0.4


def weights(guards: Iterable[str]) -> dict[str, float]:
    """Return the weight of each guard: two fifths for errors where others stand beside it, the rest in equal parts."""
    names = list(guards)
    others = [name for name in names if name != ERRORS]
    if len(others) == len(names) or not others:
        return dict.fromkeys(names, 1 / max(1, len(names)))
    return {name: ERRORS_SHARE if name == ERRORS else (1 - ERRORS_SHARE) / len(others) for name in names}


def harm(logs: Mapping[str, Floats | float], shares: Mapping[str, float] | None = None) -> Floats:
    """Return log of the weighted mean [...] of the guards' e-values for harm.

    Args:
        logs: Guard -> [...] log E of now; 0 where there is nothing to say yet.
        shares: Guard -> its weight; they add up to at most 1. None: those of `weights`.
    """
    shares = weights(logs) if shares is None else shares
    found: Floats = np.logaddexp.reduce([np.asarray(log) + np.log(shares[name]) for name, log in logs.items()], axis=0)
    return found


def both(*logs: Floats | float) -> Floats:
    """Return log E [...] against "this or that": a violation that needs both, such as worse and above a limit."""
    found: Floats = np.minimum.reduce([np.asarray(log) for log in logs])
    return found


def either(*logs: Floats | float) -> Floats:
    """Return log E [...] against "this and that": either refutes it, and their mean is an e-value."""
    found: Floats = np.logaddexp.reduce([np.asarray(log) for log in logs]) - np.log(len(logs))
    return found


def sound(logs: Mapping[str, Floats | float]) -> Floats:
    """Return the least of the required guards' log E for soundness [...]; no guards are no evidence."""
    return both(*logs.values()) if logs else np.array(0.0)


def leaning(harmful: float, good: float, alpha: float) -> str:
    """Return "harm", "sound" or "unsure"; harm wins.

    Args:
        harmful: What harm() returned.
        good: What sound() returned.
        alpha: The error budget.
    """
    if harmful >= -np.log(alpha):
        return "harm"
    return "sound" if good >= -np.log(alpha) else "unsure"
