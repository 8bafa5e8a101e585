"""Latency as events: slower than the champion's quantile of a while ago, so that the test of odds can judge it. Pure.

If the challenger's P95 is above the champion's, more than 5 % of its answers lie above any threshold where 5 % of the
champion's do. The champion's history only says where to look; the comparison is between arms in the same second, so a
shared outage harms nobody. The threshold is the upper edge of a bin of 2 %, and bins are all that is counted.

*Harm* compares how often each arm is above the threshold. *Sound* with a margin of 30 % asks whether the challenger
would be no slower if its latencies were divided by 1.3: its histogram is moved down by log 1.3 / log 1.02 = 13 bins,
and compared at an odds ratio of 1. Moving by whole bins, rounded down, is the stricter way.

Below 5 ms ratios do not count: arms of one version differ there, as the one with more traffic forms larger batches. A
threshold below the floor is lifted to it. Then events are rarer than the quantile says, and an odds ratio above 1 alone
is no violation: for harm, join it with a share above the floor of more than 1 - quantile (absolute.py, joint.both); for
sound, either is enough (joint.either).

Source: the indicator of a fixed threshold as a Bernoulli variable is how Howard and Ramdas, Sequential estimation of
quantiles, Bernoulli 28 (2022), reduce quantiles to proportions.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import floor, log

from headgate.predictions.rollup import LAST, STEP, Bins, Row, bin_of, quantile
from headgate.release.statistics.counts import Event, Seconds, compare

FLOOR_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Cut:
    """Where slow begins.

    Attributes:
        quantile: Which quantile of the champion's past, such as 0.95.
        number: A bin: what is above its upper edge is slow.
        lifted: The quantile lay below the floor, and the bin is the floor's.
    """

    quantile: float
    number: int
    lifted: bool = False


def cut(past: Bins, share: float, floor_seconds: float = FLOOR_SECONDS) -> Cut:
    """Return where slow begins.

    Args:
        past: The champion's histogram from before the start, with something in it.
        share: Which quantile.
        floor_seconds: Below it ratios do not count.
    """
    found, lowest = bin_of(quantile(past, share)), bin_of(floor_seconds)
    return Cut(share, max(found, lowest), found < lowest)


def slower_than(number: int) -> Event:
    """Return what counts a row's requests above a bin."""

    def event(row: Row) -> int:
        return sum(count for found, count in row.latency.items() if found > number)

    return event


def bins_of(ratio: float) -> int:
    """Return by how many bins a histogram moves when latencies are divided by a ratio; rounded down."""
    return floor(log(ratio) / log(STEP) + 1e-9)


def compared(challenger: Iterable[Row], champion: Iterable[Row], where: Cut, ratio: float = 1.0) -> Seconds:
    """Return how often each arm was slow in each second.

    Args:
        challenger: Final rows of one arm.
        champion: Of the other.
        where: Where slow begins.
        ratio: The challenger's latencies are divided by it; 1.3 for a margin of 30 %.
    """
    lowered = min(LAST, where.number + bins_of(ratio))
    return compare(challenger, champion, slower_than(lowered), slower_than(where.number))
