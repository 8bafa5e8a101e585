"""How many requests of the challenger a guard needs to decide. Pure.

The fixed-sample number, at which a one-sided z-test with one look would detect an effect with the asked-for power,

    n1 = ((z_a sqrt(p (1 - p) (1 + r)) + z_b sqrt(p1 (1 - p1) + r p0 (1 - p0))) / (p1 - p0))^2

(r = share / (1 - share); p0, p1 the rates of champion and challenger, p their mean by traffic; Fleiss, Levin and Paik,
Statistical Methods for Rates and Proportions (2003), section 4.4: the pooled variance under the null, unequal groups),
times what watching all the time costs. That factor was measured (tests/simulation): the percentile of the requests at
a decision that `power` names, divided by n1. A guard with weight w of a budget alpha is a test at w alpha. Bursts
multiply by phi. Units add a variance that no number of requests removes: with d the log odds ratio,

    n = n1 phi / (1 - (z_e + z_b)^2 spread^2 / d^2) ,    z_e = sqrt(2 log(4 / alpha))

and no number is enough where that is not positive. z_e is where a mixture over a handful of alternatives against a
drawn null reaches 1/alpha when nothing but the units is left to chance: the ratio of two normal densities is
exp(z^2 / 2), and the alternatives that are not meant cost a factor of about 4.
"""

from dataclasses import dataclass
from math import ceil, inf, isinf, log, sqrt
from statistics import NormalDist

from headgate.release.statistics.dispersion import Noise
from headgate.release.statistics.odds import INDEPENDENT

POWER = 0.8
WATCHING = 2.5  # times the fixed-sample number, in 80 % of the runs; harm: 2.2 to 2.6 were measured
PROVING = 3.0  # the same in 80 and 90 % for soundness, the versions alike: 1.9 to 3.0 were measured
ALTERNATIVES = 4.0  # what not knowing the effect costs
FEWEST_EVENTS = 4  # a shift that stands on fewer events of the challenger is decided by accident


@dataclass(frozen=True, slots=True)
class Question:
    """What a guard has to tell apart.

    Attributes:
        rate: Of the champion's events, between 0 and 1.
        odds: The odds ratio to be told from 1 (harm), or the margin to be told from 1 (sound).
        share: Of the traffic that is the challenger's, between 0 and 1.
        alpha: The error that this guard may make: the budget times its weight.
        noise: How far requests are from independent.
    """

    rate: float
    odds: float
    share: float
    alpha: float = 0.05
    noise: Noise = INDEPENDENT


def fixed(question: Question, power: float = POWER) -> float:
    """Return the requests of the challenger that one look needs."""
    p0, r = question.rate, question.share / (1 - question.share)
    p1 = shifted(p0, question.odds)
    mean = question.share * p1 + (1 - question.share) * p0
    z_a, z_b = NormalDist().inv_cdf(1 - question.alpha), NormalDist().inv_cdf(power)
    spread = z_a * sqrt(mean * (1 - mean) * (1 + r)) + z_b * sqrt(p1 * (1 - p1) + r * p0 * (1 - p0))
    return (spread / (p1 - p0)) ** 2


def needed(question: Question, *, proving: bool = False, power: float = POWER) -> float:
    """Return the requests of the challenger at which most releases are decided; infinity: no traffic is enough.

    Args:
        question: What is to be told apart.
        proving: That the challenger is sound, and not that it harms.
        power: In how many of them.
    """
    z = sqrt(2 * log(ALTERNATIVES / question.alpha)) + NormalDist().inv_cdf(power)
    left = 1 - (z * question.noise.spread / log(question.odds)) ** 2
    if left <= 0:
        return inf
    watched = fixed(question, power) * (PROVING if proving else WATCHING) * question.noise.phi / left
    fewest = FEWEST_EVENTS / shifted(question.rate, 1.0 if proving else question.odds)
    return ceil(max(watched, fewest))


def shifted(rate: float, odds: float) -> float:
    """Return the rate whose odds are `odds` times those of a rate."""
    return rate * odds / (1 + rate * (odds - 1))


def seconds(requests: float, share: float, traffic: float) -> float:
    """Return how long it takes until the challenger has had so many requests.

    Args:
        requests: From needed().
        share: The challenger's.
        traffic: Requests of all arms in a second.
    """
    return inf if isinf(requests) or not traffic * share else requests / (traffic * share)
