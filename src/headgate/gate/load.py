"""An open-loop load: requests have times at which they are due, and wait for nobody.

Latency is measured from the time a request was *due*, so a slow answer makes the ones behind it late as well
(coordinated omission is not possible). One caller answers one request after the other, as one worker would.
The clock and the wait are handed in.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt

Call = Callable[[int], object]
SLICE = 0.5  # seconds: short enough that both versions meet the same noise of the machine
PATIENCE = 2.0  # a slice that takes longer than this many times its length is given up
KEPT_UP = 0.95  # of the offered rate


@dataclass(frozen=True, slots=True)
class Load:
    """How one version answered under an open-loop load.

    Attributes:
        rate: Requests per second that were offered.
        offered: Requests that were due.
        seconds: How long the slices took.
        milliseconds: Latency of each answered request, ascending.
    """

    rate: float
    offered: int
    seconds: float
    milliseconds: tuple[float, ...]

    @property
    def achieved(self) -> float:
        """Answers per second."""
        return len(self.milliseconds) / self.seconds if self.seconds else 0.0

    @property
    def kept_up(self) -> bool:
        """Whether every request was answered at about the offered rate."""
        return len(self.milliseconds) == self.offered and self.achieved >= KEPT_UP * self.rate

    def shows(self, share: float) -> bool:
        """Whether there are enough answers for a quantile to mean something."""
        return len(self.milliseconds) >= requests_for(share)

    def quantile(self, share: float) -> float:
        """Return the latency that this share of the requests does not exceed, in ms (an observed one, not between)."""
        place = ceil(share * len(self.milliseconds)) - 1
        return self.milliseconds[max(place, 0)]


def requests_for(share: float) -> int:
    """Return how many requests it takes before one of them is expected beyond a quantile."""
    return ceil(1 / (1 - share) - 1e-9)


def due_times(rate: float, seconds: float, seed: int) -> tuple[npt.NDArray[np.float64], ...]:
    """Return, slice by slice, when requests are due (seconds from the slice's start): a Poisson process of this rate.

    The count is fixed at rate x seconds; given the count, the times of a Poisson process are uniform.
    """
    count = max(1, round(rate * seconds))
    times = np.sort(np.random.default_rng(seed).uniform(0, seconds, count))
    slices = max(1, ceil(seconds / SLICE))
    length = seconds / slices
    place = np.minimum((times / length).astype(np.int64), slices - 1)
    return tuple(times[place == index] - index * length for index in range(slices))


def interleaved(
    calls: Mapping[str, Call],
    rate: float,
    seconds: float,
    *,
    seed: int,
    now: Callable[[], float],
    wait_until: Callable[[float], object],
) -> dict[str, Load]:
    """Put the load on every caller in turn, in short slices whose order turns round, and return what each gave.

    Args:
        calls: By name; a call answers the request of this index.
        rate: Requests per second while a caller has its turn.
        seconds: For each caller, over all its slices.
        seed: Of the due times; every caller meets the same ones.
        now: Seconds on a clock that does not jump.
        wait_until: Returns when the clock has reached a time.
    """
    slices = due_times(rate, seconds, seed)
    length = seconds / len(slices)
    found: dict[str, list[float]] = {name: [] for name in calls}
    spent = dict.fromkeys(calls, 0.0)
    for index, due in enumerate(slices):
        names = list(calls) if index % 2 == 0 else list(reversed(list(calls)))
        for name in names:
            first = len(found[name])
            latencies, took = _drive(calls[name], due, first, length, now, wait_until)
            found[name] += latencies
            spent[name] += took
    offered = sum(map(len, slices))
    return {name: Load(rate, offered, spent[name], tuple(sorted(found[name]))) for name in calls}


def _drive(
    call: Call,
    due: Sequence[float] | npt.NDArray[np.float64],
    first: int,
    length: float,
    now: Callable[[], float],
    wait_until: Callable[[float], object],
) -> tuple[list[float], float]:
    """Return the latencies (ms) of one slice's requests, and how long the slice took (s), its length at least."""
    start = now()
    latencies = []
    for offset, at in enumerate(due):
        if now() - start > PATIENCE * length:
            break
        wait_until(start + at)
        call(first + offset)
        latencies.append((now() - start - at) * 1000)
    return latencies, max(length, now() - start)
