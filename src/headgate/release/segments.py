"""An A/B test within segments: rates or means by arm, for looking only; nothing may decide on them. Pure.

Many segments are looked at, at a moment that the data chose: one of them looks different by chance alone. So each
interval is widened to hold together with all the others (Bonferroni), small segments are not shown, and how many
comparisons there were is said. Intervals of rates: Wilson, Probable inference, the law of succession, and statistical
inference, JASA 22 (1927); of their differences: Newcombe, Interval estimation for the difference between independent
proportions, Statistics in Medicine 17 (1998), method 10; of means: Student's, unpooled (Welch 1947), by the normal law.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from headgate.release.statistics.counts import Floats, Ints

LEAST = 100  # observations of each side; smaller segments are not shown
ALPHA = 0.05
MOST = 20  # values of one column: those with the most rows


@dataclass(frozen=True, slots=True)
class Cell:
    """One arm within one segment.

    Attributes:
        column, value: Which segment.
        arm: Whose.
        rows: Its observations.
        found: Its rate, or mean.
        champion_rows: The champion's observations in the segment.
        champion: Its rate, or mean.
        low, high: Of the difference arm less champion; all shown cells hold together at 1 - ALPHA, at one look.
    """

    column: str
    value: str
    arm: str
    rows: int
    found: float
    champion_rows: int
    champion: float
    low: float
    high: float

    @property
    def difference(self) -> float:
        """The arm's less the champion's."""
        return self.found - self.champion


def wilson(k: float, n: float, z: float) -> tuple[float, float]:
    """Return the score interval of a rate: k of n, at z standard errors."""
    share, scale = k / n, 1 + z * z / n
    middle = (share + z * z / (2 * n)) / scale
    half = z * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))) / scale
    return max(0.0, middle - half), min(1.0, middle + half)


def rate_difference(k: float, n: float, k0: float, n0: float, z: float) -> tuple[float, float]:
    """Return the interval of k/n - k0/n0."""
    (low, high), (low0, high0) = wilson(k, n, z), wilson(k0, n0, z)
    p, p0 = k / n, k0 / n0
    down, up = np.hypot(p - low, high0 - p0), np.hypot(high - p, p0 - low0)
    return float(p - p0 - down), float(p - p0 + up)


def mean_difference(ours: Floats, theirs: Floats, z: float) -> tuple[float, float]:
    """Return the interval of the difference of two means."""
    error = z * float(np.sqrt(ours.var(ddof=1) / len(ours) + theirs.var(ddof=1) / len(theirs)))
    far = float(ours.mean() - theirs.mean())
    return far - error, far + error


def cells(
    arms: Sequence[str], side: Ints, good: Floats, columns: Mapping[str, npt.NDArray[np.object_]], least: int = LEAST
) -> tuple[Cell, ...]:
    """Return every arm within every segment that is large enough.

    Args:
        arms: Names of the arms under release; the champion is side 0, they are 1, 2 ...
        side: [n] of each observation (each unit once).
        good: [n] 0 or 1, or a number.
        columns: Values of each segment column [n].
        least: Observations that both sides must have.
    """
    chosen = [
        (column, value, number)
        for column, values in columns.items()
        for value in _values(values)
        for number in range(1, len(arms) + 1)
        if min(_count(values, value, side, number), _count(values, value, side, 0)) >= least
    ]
    if not chosen:
        return ()
    z = float(ndtri(1 - ALPHA / 2 / len(chosen)))
    rates = bool(np.isin(good, (0.0, 1.0)).all())
    return tuple(
        _cell(column, value, arms[number - 1], good[here & (side == number)], good[here & (side == 0)], z, rates=rates)
        for column, value, number in chosen
        for here in (columns[column] == value,)
    )


def _values(values: npt.NDArray[np.object_]) -> list[object]:
    known = values[np.array([one is not None for one in values], np.bool_)]
    found, counts = np.unique(known.astype(str), return_counts=True)
    names = dict(zip(known.astype(str).tolist(), known.tolist(), strict=True))
    order = sorted(range(len(found)), key=lambda at: (-counts[at], found[at]))
    return [names[str(found[at])] for at in order[:MOST]]


def _count(values: npt.NDArray[np.object_], value: object, side: Ints, number: int) -> int:
    return int(((values == value) & (side == number)).sum())


def _cell(column: str, value: object, arm: str, ours: Floats, theirs: Floats, z: float, *, rates: bool) -> Cell:
    if rates:
        low, high = rate_difference(float(ours.sum()), len(ours), float(theirs.sum()), len(theirs), z)
    else:
        low, high = mean_difference(ours, theirs, z)
    numbers = (len(ours), float(ours.mean()), len(theirs), float(theirs.mean()))
    return Cell(column, str(value), arm, *numbers, low, high)
