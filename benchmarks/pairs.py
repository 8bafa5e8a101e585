"""Compare one worker with itself, loaded without its shadow and with it in turns: is the shadow felt?"""

import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from benchmarks import wrk
from benchmarks.budgets import Line

NONE = "none"  # the case whose shadow never comes
LIMITS = {"P50": 1.25, "P99": 1.5}  # with the shadow : without


@dataclass(frozen=True, slots=True)
class Seen:
    """What one load showed; cpu: microseconds of processor time a request, of the worker alone."""

    load: wrk.Load
    cpu: float


@dataclass(frozen=True, slots=True)
class Pair:
    """Two loads of one worker, one right after the other, and what became of the copies."""

    without: Seen
    beside: Seen
    copies: Mapping[str, float]

    @property
    def ratios(self) -> tuple[float, float, float]:
        """P50, P99 and processor time with the shadow to those without it."""
        one, other = self.beside, self.without
        return one.load.p50 / other.load.p50, one.load.p99 / other.load.p99, one.cpu / other.cpu


@dataclass(frozen=True, slots=True)
class Effect:
    """The ratios of every pair of one case at one load; stood: in how many the shadow came so far as to misbehave."""

    name: str
    load: str
    pairs: tuple[tuple[float, float, float], ...]
    stood: int


def judge(effects: Sequence[Effect], faults: Collection[str]) -> list[Line]:
    """Return whether the shadows that misbehave left the champion alone: P50 and P99 within LIMITS, or within noise.

    Noise is what the worker usually shows at the same load when no shadow comes at all. Medians are held against
    medians: one bad pair of the control excuses nothing.
    """
    control = {effect.load: effect for effect in effects if effect.name == NONE}
    lines = []
    for effect in effects:
        if effect.name not in faults:
            continue
        for at, (part, limit) in enumerate(LIMITS.items()):
            noise = statistics.median(ratios[at] for ratios in control[effect.load].pairs)
            what = f"a shadow that {effect.name}, {effect.load}: {part}"
            middle = statistics.median(ratios[at] for ratios in effect.pairs)
            lines.append(Line(what, middle, round(max(limit, noise), 2), "x", at_least=False))
    return lines


def verdict(effects: Sequence[Effect], faults: Collection[str], *, met: bool) -> str:
    """Say it in a line."""
    late = [f"{one.name}, {one.load}" for one in effects if one.name in faults and not one.stood]
    if late:
        return f"not shown: the machine was too full for a shadow to do anything ({'; '.join(late)})"
    return "what a shadow does to itself is not felt by the champion" if met else "a shadow that misbehaves is felt"
