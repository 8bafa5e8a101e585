"""Count many ticks, and many calls of a model, at once: into which second and which bin each falls. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from headgate.predictions.rollup import LAST, LOG_STEP, MICROSECOND, ROUNDING
from headgate.predictions.spent import MICRO

Tick: TypeAlias = tuple[float, float, int]  # when it came in, seconds to the answer, requests
Call: TypeAlias = tuple[float, int, float, float]  # when its first request came in, rows, delay, processor time


@dataclass(frozen=True, slots=True)
class Called:
    """What calls of a model came to.

    Attributes:
        rows: Of all calls.
        cpu: Seconds of processor time.
        sizes: Bits of a call's number of rows to calls.
        delays: Bin of the first request's wait to calls.
        spent: Second since 1970 to sums, in the order of `Spent`.
    """

    rows: int
    cpu: float
    sizes: Mapping[int, int]
    delays: Mapping[int, int]
    spent: Mapping[int, Sequence[float]]


def add_up(calls: Sequence[Call], offset: float) -> Called:
    """Return what calls came to.

    Args:
        calls: At least one.
        offset: What is added to a call's time to have seconds since 1970.
    """
    since, rows, delay, cpu = np.array(calls, np.float64).T
    bits, micros = np.frexp(rows)[1], cpu * MICRO  # a whole number of e bits is at least 2**(e - 1), and below 2**e
    sums = np.stack([np.ones(len(rows)), rows, micros, rows * rows, rows * micros, micros * micros])
    seconds = (since + offset).astype(np.int64)
    spent = {int(at): sums[:, seconds == at].sum(1).tolist() for at in np.unique(seconds)}
    return Called(int(rows.sum()), float(cpu.sum()), _counts(bits), _counts(bins_of(delay)), spent)


def bins_of(seconds: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return the bin of each latency, as `bin_of` does of one."""
    late = np.log(np.maximum(seconds, MICROSECOND) / MICROSECOND) / LOG_STEP
    return np.clip(np.ceil(late - ROUNDING), 0, LAST).astype(np.int64)


def _counts(values: npt.NDArray[Any]) -> dict[int, int]:
    found, counts = np.unique(values, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def by_second(ticks: Sequence[Tick], offset: float) -> Iterator[tuple[int, dict[int, int]]]:
    """Yield each second since 1970 and its histogram of latencies: bin to requests.

    Args:
        ticks: At least one.
        offset: What is added to a tick's time to have seconds since 1970.
    """
    table = np.array(ticks, np.float64)
    seconds = (table[:, 0] + offset).astype(np.int64)
    counts = table[:, 2].astype(np.int64)
    bins = bins_of(table[:, 1])
    first = int(seconds.min())
    flat = np.bincount((seconds - first) * (LAST + 1) + bins, weights=counts)
    found = np.flatnonzero(flat)
    made: dict[int, dict[int, int]] = {}
    for place, count in zip(found.tolist(), flat[found].tolist(), strict=True):
        second, number = divmod(place, LAST + 1)
        made.setdefault(first + second, {})[number] = int(count)
    yield from made.items()
