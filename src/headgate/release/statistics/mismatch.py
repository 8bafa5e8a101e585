"""Sample ratio mismatch: units did not fall on the arms in the shares that were planned. Pure.

Then something besides chance decides who gets which arm, and no comparison of the arms means what it says. The Bayes
factor of "some shares" (a Dirichlet law of mass K around the plan t) against "the plan" is a martingale under the plan:

    log BF = log B(K t + x) - log B(K t) - sum_i x_i log t_i ,       B(a) = prod Gamma(a_i) / Gamma(sum a_i)

(Lindon and Malek, Anytime-valid inference for multinomial count data, NeurIPS 2022: the Dirichlet-multinomial mixture.)
Over rungs with other shares the logs add up: each starts from what the last one left.

Counts *units*, each when it is first seen in a rung. Requests of one unit all fall on its arm, and counted one by one
they find a mismatch in every release.
"""

import numpy as np
from scipy.special import gammaln

from headgate.release.statistics.counts import Floats

MASS = 1000.0  # finds 5 % for 5.5 % soonest; 100 is quicker for gross faults
GROSS = 100.0


def log_bayes_factor(units: Floats, plan: Floats, mass: float = MASS) -> Floats:
    """Return log BF [...]; it is log E against the plan.

    Args:
        units: [..., arms] units that were first seen on each arm.
        plan: [arms] planned shares, above 0; they add up to 1.
        mass: How near to the plan a mismatch is looked for.
    """
    prior = mass * plan
    found: Floats = _log_beta(prior + units) - _log_beta(prior) - (units * np.log(plan)).sum(axis=-1)
    return found


def log_e(units: Floats, plan: Floats) -> Floats:
    """Return log E [...]: the mean of a Bayes factor for small mismatches and one for gross ones."""
    fine, gross = (log_bayes_factor(units, plan, mass) for mass in (MASS, GROSS))
    found: Floats = np.logaddexp(fine, gross) - np.log(2)
    return found


def _log_beta(a: Floats) -> Floats:
    found: Floats = gammaln(a).sum(axis=-1) - gammaln(a.sum(axis=-1))
    return found
