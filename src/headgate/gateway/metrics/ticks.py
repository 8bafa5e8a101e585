"""Count many ticks at once: into which second and which bin of latency the requests of each fall. Pure."""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np

from headgate.predictions.rollup import LAST, LOG_STEP, MICROSECOND, ROUNDING

Tick: TypeAlias = tuple[float, float, int]  # when it came in, seconds to the answer, requests


def by_second(ticks: Sequence[Tick], offset: float) -> Iterator[tuple[int, dict[int, int]]]:
    """Yield each second since 1970 and its histogram of latencies: bin to requests.

    Args:
        ticks: At least one.
        offset: What is added to a tick's time to have seconds since 1970.
    """
    table = np.array(ticks, np.float64)
    seconds = (table[:, 0] + offset).astype(np.int64)
    counts = table[:, 2].astype(np.int64)
    late = np.log(np.maximum(table[:, 1], MICROSECOND) / MICROSECOND) / LOG_STEP
    bins = np.clip(np.ceil(late - ROUNDING), 0, LAST).astype(np.int64)
    first = int(seconds.min())
    flat = np.bincount((seconds - first) * (LAST + 1) + bins, weights=counts)
    found = np.flatnonzero(flat)
    made: dict[int, dict[int, int]] = {}
    for place, count in zip(found.tolist(), flat[found].tolist(), strict=True):
        second, number = divmod(place, LAST + 1)
        made.setdefault(first + second, {})[number] = int(count)
    yield from made.items()
