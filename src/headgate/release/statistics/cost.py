"""What a prediction costs in processor time, challenger against champion, at like batches. Pure.

*Like batches.* A version with 5 % of the traffic gets smaller batches than the one with 95 %, and pays the price of a
call for fewer rows: identical versions differ per row, many times over where batches are large. So calls are compared
by their *work*. A call of n rows costs about a + b n (gateway/guard/pace.py reckons the same way); with the champion's
mean batch of m rows, and the share beta = b m / (a + b m) of such a call that its rows make,

    work = (1 - beta) calls + beta rows / m

beta is the slope of a line through the champion's calls before the start, three standard errors to either side and a
twentieth more, since no cost is quite a line; between 0 and 1 where they say nothing. Of the two ends, harm goes by the
one that speaks for the challenger, soundness by the one that speaks against it: what is not known of batches makes the
guard unsure, never wrong. Where batches are alike on both sides, the ends do not differ.

*The test.* Within each second, cpu is held against cpu at the other side's work (a Mantel-Haenszel ratio, so that what
slows the machine slows both sides alike), added up over blocks of at least ten seconds and fifty calls of each side:

    A = sum_t cpu1 w0 / (w1 + w0),  B = sum_t cpu0 w1 / (w1 + w0),  x = (A - r B) / (A + r B) in [-1, 1]

A challenger that costs at most r times as much (r: the policy's `ratio`) has E[x] <= 0 in each block, whatever came
before; so capital that stakes a part l of itself on x, 1 + l x for harm and 1 - l x for soundness, is a supermartingale
and valid at every look (betting: Waudby-Smith and Ramdas, JRSS B 86 (2024), section 4; Ville 1939). No variance is
estimated and no tail assumed: one call that took a second moves one block, at most by 1. Stakes are spread and
averaged, and set anew every twelve blocks, so that a fresh fault is found after good hours (mixture.py).

What is not exact: x is concave in A, which holds a noisy challenger for cheaper than it is, by half its relative
variance in a block: 1 % at fifty calls whose standard deviation is their mean. And costs of one arm that go together
over more than a block (ten seconds) are only as harmless as the distance of the truth from `ratio`; harm therefore
starts there, not at 1. Both are in tests/simulation/test_cost.py.
"""

from dataclasses import dataclass
from math import ceil, log, log1p, sqrt

import numpy as np

from headgate.predictions.spent import Spent
from headgate.release.statistics import mixture
from headgate.release.statistics.counts import Floats
from headgate.release.statistics.mixture import WHOLE, Running

BLOCK_SECONDS, BLOCK_CALLS = 10, 50
EVERY = 12  # blocks
STAKES = (0.03, 0.1, 0.25, 0.5, 0.9)
WEIGHTS = np.stack([np.append(np.full(len(STAKES), 1 / len(STAKES)), 0.0), np.append(np.zeros(len(STAKES)), 1.0)])
LEAST_CALLS = 30  # that say what a row costs
ERRORS, BEYOND = 3.0, 0.05
RATIOS = np.exp(np.linspace(-log(16), log(16), 129))  # steps of 4 %
SURE = 1.75  # blocks for nine in ten, of those for the typical course; fewer do where batches are alike


@dataclass(frozen=True, slots=True)
class Work:
    """How calls and rows are reckoned together.

    Attributes:
        low, high: Bounds of the share of a mean call that its rows make, 0 to 1.
        rows: Of a mean call of the champion.
    """

    low: float = 0.0
    high: float = 1.0
    rows: float = 1.0

    def of(self, calls: Floats, rows: Floats) -> tuple[Floats, Floats]:
        """Return the work by either bound [...]."""
        each = rows / self.rows
        return (1 - self.low) * calls + self.low * each, (1 - self.high) * calls + self.high * each


def learn(past: Spent) -> Work:
    """Return what the champion's calls before the start say."""
    if past.calls < LEAST_CALLS or not past.micros:
        return Work()
    n, mean = past.calls, past.rows / past.calls
    across = past.rows_squared - past.rows * mean
    if across <= 0:
        return Work(rows=mean)
    together = past.rows_micros - past.micros * mean
    each = together / across
    left = max(past.micros_squared - past.micros**2 / n - each * together, 0.0)
    share = past.rows / past.micros  # of microseconds a row to a part of a mean call
    off = ERRORS * sqrt(left / (n - 2) / across) * share + BEYOND
    low, high = (min(max(each * share + side * off, 0.0), 1.0) for side in (-1, 1))
    return Work(low, high, mean)


def held(work: Work, ours: Floats, theirs: Floats) -> Floats:
    """Return A and B of a second by either bound of the work [2 bounds, 2, ...].

    Args:
        work: How calls and rows are reckoned together.
        ours: [3, ...] calls, rows and microseconds of the challenger.
        theirs: The same of the champion.
    """
    found = []
    for w1, w0 in zip(work.of(ours[0], ours[1]), work.of(theirs[0], theirs[1]), strict=True):
        both = (w1 > 0) & (w0 > 0)
        total = np.where(both, w1 + w0, 1.0)
        found.append([np.where(both, ours[2] * w0 / total, 0.0), np.where(both, theirs[2] * w1 / total, 0.0)])
    return np.array(found)


def differences(block: Floats, ratio: Floats | float) -> tuple[Floats, Floats]:
    """Return x of a block [2 bounds, 2, ...]: as it speaks for the challenger, and against it [...]; 0 where none."""
    ours, theirs = block[:, 0], block[:, 1] * ratio
    total = ours + theirs
    found = np.where(total > 0, (ours - theirs) / np.where(total > 0, total, 1.0), 0.0)
    return found.min(axis=0), found.max(axis=0)


def steps(x: Floats, side: int) -> Floats:
    """Return what each stake gains on x, as a log [..., stakes + 1].

    Args:
        x: Of blocks.
        side: 1: harm, -1: soundness.
    """
    gains = np.log1p(side * x[..., None] * np.array(STAKES))
    return np.concatenate([gains, np.zeros((*x.shape, 1))], axis=-1)


def fold(running: Running, x: float, side: int) -> tuple[Running, float]:
    """Return the state after another block, and log E now; Running() at the start."""
    after, logs = mixture.fold(running, steps(np.array([x]), side), WEIGHTS, EVERY)
    return after, float(logs[-1])


def log_e(x: Floats, side: int) -> Floats:
    """Return log E [..., blocks] after each block from the first on; simulations put an axis of runs before it."""
    return mixture.log_e(np.add.accumulate(steps(x, side), axis=-2), WEIGHTS, EVERY)


class Bounds:
    """The confidence sequence of the ratio: what no test against a ratio of RATIOS refutes. Without restarts."""

    def __init__(self) -> None:
        self._logs = np.zeros((2, len(RATIOS), len(STAKES)))

    def feed(self, block: Floats) -> None:
        """Fold a block in [2 bounds, 2]."""
        least, most = differences(block[..., None], RATIOS)
        self._logs += np.stack([steps(least, 1), steps(most, -1)])[..., :-1]

    def of(self, alpha: float) -> tuple[float, float]:
        """Return the bounds at a level; 0 and infinity where nothing is known."""
        above, below = np.logaddexp.reduce(self._logs, axis=-1) - log(len(STAKES)) >= log(2 / alpha)
        low = float(RATIOS[above].max()) if above.any() else 0.0
        return low, float(RATIOS[below].min()) if below.any() else float("inf")


def needed(ratio: float, alpha: float) -> int:
    """Return how many blocks show an equal challenger to cost no more than `ratio` times, nine times in ten."""
    x = (ratio - 1) / (ratio + 1)
    goal = log(1 / (alpha * WHOLE)) + log(len(STAKES))
    return ceil(SURE * goal / log1p(max(STAKES) * x))
