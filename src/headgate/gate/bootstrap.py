"""The paired bootstrap: how much the gain of one version over another moves when the rows are drawn again.

Both versions are valued on the same draws, so what rows have in common cancels out. Randomness comes from a seed that
is handed in: the same rows give the same interval. Nothing here knows a threshold.

Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 13 and 16; percentile bounds.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from headgate.training.resampled import Floats, Kernel

RESAMPLES = 2000
CHUNK = 2_000_000  # counts held at once: 16 MB
UNDEFINED = 0.01  # a larger share of draws without a value makes the interval worthless


@dataclass(frozen=True, slots=True)
class Gain:
    """How much better the candidate is than the champion, in the metric's unit; positive is better.

    Attributes:
        candidate, champion: The metric of each on the rows.
        gain: Their difference, its sign turned where lower is better.
        bound: The gain is at least this, with the confidence asked for.
        draws: Draws that had a value.
        undefined: Share of the draws without one.
    """

    candidate: float
    champion: float
    gain: float
    bound: float
    draws: int
    undefined: float


def paired(
    candidate: Kernel,
    champion: Kernel,
    rows: int,
    *,
    higher_is_better: bool,
    confidence: float,
    seed: int,
    resamples: int = RESAMPLES,
) -> Gain:
    """Return the gain and its one-sided lower bound over rows drawn again with replacement."""
    sign = 1.0 if higher_is_better else -1.0
    whole = np.ones((1, rows))
    ours, theirs = float(candidate(whole)[0]), float(champion(whole)[0])
    gains = sign * np.concatenate([candidate(counts) - champion(counts) for counts in draws(rows, resamples, seed)])
    valued = gains[np.isfinite(gains)]
    bound = float(np.quantile(valued, 1.0 - confidence)) if len(valued) else float("nan")
    return Gain(ours, theirs, sign * (ours - theirs), bound, len(valued), 1.0 - len(valued) / resamples)


def draws(rows: int, resamples: int, seed: int) -> Iterator[Floats]:
    """Yield counts [b, rows], in pieces: how often each row is in each draw of as many rows."""
    rng = np.random.default_rng(seed)
    piece = max(1, CHUNK // rows)
    for start in range(0, resamples, piece):
        size = min(piece, resamples - start)
        picks = rng.integers(0, rows, (size, rows)) + np.arange(size)[:, None] * rows
        yield np.bincount(picks.ravel(), minlength=size * rows).reshape(size, rows).astype(np.float64)
