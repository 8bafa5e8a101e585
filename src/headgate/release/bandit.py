"""The shares of a bandit: each arm gets the chance that it is the best, as far as is known, and never too little. Pure.

Thompson (On the likelihood that one unknown probability exceeds another, Biometrika 25 (1933)): draw each arm's value
from its posterior, and see which is the largest; an arm's share is how often it is (Scott, A modern Bayesian look at
the multi-armed bandit, Applied Stochastic Models 26 (2010)). Posteriors: Beta(1 + good, 1 + bad) of rates; of means the
normal law about the mean, once every arm has FEW. The draws are seeded by release and window, so a controller that
starts again asks for the same shares.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import floor

import numpy as np

from headgate.release.statistics.counts import Floats

DRAWS = 20_000
STEPS = 100  # chances are rounded to a hundredth: a share that moves less is not worth a route revision
FEW = 30


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of an arm's units: how many, the sum of what they were worth, and of its squares."""

    n: int = 0
    total: float = 0.0
    squares: float = 0.0

    def __add__(self, other: "Tally") -> "Tally":
        """Return both together."""
        return Tally(self.n + other.n, self.total + other.total, self.squares + other.squares)


def tally(worth: Floats) -> Tally:
    """Return the tally of what units were worth [n]: 1 good, 0 bad, or a number of which more is better."""
    return Tally(len(worth), float(worth.sum()), float((worth**2).sum()))


def window_of(since: datetime, now: datetime, every: timedelta) -> int:
    """Return the number of the window, 0, 1, 2 ..., of which the shares are asked for."""
    return max(0, floor((now - since) / every))


def seed_of(release: str, window: int) -> int:
    """Return the seed of a window's draws."""
    return int.from_bytes(hashlib.sha256(f"{release}/{window}".encode()).digest()[:8], "big")


def shares(seen: Mapping[str, Tally], least: float, seed: int, *, rates: bool) -> Mapping[str, float]:
    """Return the share of each arm; empty: too little is known to say.

    Args:
        seen: What is known of each arm, the champion among them.
        least: No arm gets less.
        seed: Of the draws.
        rates: What units are worth is 0 or 1.
    """
    names = list(seen)
    if not rates and min(one.n for one in seen.values()) < FEW:
        return {}
    dice = np.random.default_rng(seed)
    draw = _rate if rates else _mean
    drawn = np.stack([draw(dice, seen[name]) for name in names])
    best = np.bincount(drawn.argmax(axis=0), minlength=len(names)) / DRAWS
    rounded = np.round(best * STEPS) / STEPS
    rounded[best.argmax()] += 1 - rounded.sum()
    spread = 1 - least * len(names)
    return {name: least + spread * float(part) for name, part in zip(names, rounded, strict=True)}


def _rate(dice: np.random.Generator, one: Tally) -> Floats:
    return dice.beta(1 + one.total, 1 + one.n - one.total, DRAWS)


def _mean(dice: np.random.Generator, one: Tally) -> Floats:
    mean = one.total / one.n
    spread = max(one.squares / one.n - mean**2, 0.0) * one.n / (one.n - 1)
    return dice.normal(mean, float(np.sqrt(spread / one.n)), DRAWS)
