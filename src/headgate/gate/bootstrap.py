"""The paired bootstrap: how much the gain of one version over another moves when the rows are drawn again.

Both versions are valued on the same draws, so what rows have in common cancels out. Rows of one hour or one day share
weather, outages and prices: drawn one by one they promise more than they know. So the gain is bounded by draws of rows,
of hours and of days, and the least favourable bound counts. Randomness comes from a seed that is handed in: the same
rows give the same bound. Nothing here knows a threshold.

Sources: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 13 and 16 (percentile bounds, paired
draws); Davison and Hinkley, Bootstrap Methods and their Application (1997), chapter 8.2.3 (blocks of time); Hesterberg,
What Teachers Should Know About the Bootstrap (2015), section 3.2 (the expanded percentile for few units).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from headgate.training.resampled import Floats, Kernel

RESAMPLES = 1000
CHUNK = 2_000_000  # counts held at once: 16 MB
UNDEFINED = 0.01  # a larger share of draws without a value makes the bound worthless
LEAST_UNITS = 10  # fewer hours or days say too little to be drawn from
Units = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Gain:
    """How much better the candidate is than the champion, in the metric's unit; positive is better.

    Attributes:
        candidate, champion: The metric of each on the rows.
        gain: Their difference, its sign turned where lower is better.
        bound: The gain is at least this, with the confidence asked for.
        unit: What was drawn to find that bound: rows, hours or days.
        units: How many of them there are.
        undefined: Share of the draws without a value, at its worst.
    """

    candidate: float
    champion: float
    gain: float
    bound: float
    unit: str
    units: int
    undefined: float


def paired(
    candidate: Kernel,
    champion: Kernel,
    rows: int,
    *,
    higher_is_better: bool,
    confidence: float,
    seed: int,
    blocks: Mapping[str, Units] | None = None,
    resamples: int = RESAMPLES,
) -> Gain:
    """Return the gain and its one-sided lower bound: the lowest over draws of rows and of each kind of block.

    Args:
        candidate: The candidate's metric.
        champion: The champion's, on the same rows.
        rows: How many.
        higher_is_better: The metric's direction.
        confidence: Of the bound, such as 0.95.
        seed: Of the draws.
        blocks: Name (hours, days) -> [rows] which block each row is in, 0 1 2 ...
        resamples: Draws of each kind.
    """
    sign = 1.0 if higher_is_better else -1.0
    whole = np.ones((1, rows))
    ours, theirs = float(candidate(whole)[0]), float(champion(whole)[0])
    bounds: list[tuple[float, str, int]] = []
    undefined = 0.0
    for name, of in {"rows": np.arange(rows), **(blocks or {})}.items():
        units = int(of.max(initial=-1)) + 1
        gains = [candidate(counts) - champion(counts) for counts in draws(of, units, resamples, seed)]
        valued = sign * np.concatenate(gains)
        valued = valued[np.isfinite(valued)]
        undefined = max(undefined, 1.0 - len(valued) / resamples)
        if len(valued):
            bounds.append((float(np.quantile(valued, tail(confidence, units))), name, units))
    bound, unit, drawn = min(bounds, default=(float("nan"), "rows", rows))
    return Gain(ours, theirs, sign * (ours - theirs), bound, unit, drawn, undefined)


def draws(of: Units, units: int, resamples: int, seed: int) -> Iterator[Floats]:
    """Yield counts [b, rows], in pieces: how often each row is in each draw of as many units.

    Args:
        of: [rows] the unit of each row.
        units: How many there are.
        resamples: How many draws in all.
        seed: Of the draws.
    """
    rng = np.random.default_rng(seed)
    piece = max(1, CHUNK // max(1, len(of)))
    single = units == len(of)
    for start in range(0, resamples, piece):
        size = min(piece, resamples - start)
        picks = rng.integers(0, units, (size, units)) + np.arange(size)[:, None] * units
        counts = np.bincount(picks.ravel(), minlength=size * units).reshape(size, units).astype(np.float64)
        yield counts if single else counts[:, of]


def tail(confidence: float, units: int) -> float:
    """Return the share of draws to leave below the bound: less than 1 - confidence where there are few units."""
    from scipy.special import stdtrit

    if units < 2:  # noqa: PLR2004 - one unit is no sample
        return 0.0
    return NormalDist().cdf(sqrt(units / (units - 1)) * float(stdtrit(units - 1, 1.0 - confidence)))


def time_blocks(time: npt.NDArray[np.datetime64]) -> dict[str, Units]:
    """Return which hour and which day each row is in, where there are enough of them, and fewer than rows."""
    found: dict[str, Units] = {}
    for name, unit in (("hours", "datetime64[h]"), ("days", "datetime64[D]")):
        values, of = np.unique(time.astype(unit), return_inverse=True)
        if LEAST_UNITS <= len(values) < len(time):
            found[name] = of
    return found
