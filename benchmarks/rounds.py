"""Let servers take turns, round by round, so that a noisy neighbour hits all of them alike."""

import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from benchmarks.budgets import Line, table
from benchmarks.servers import Server
from benchmarks.wrk import Load

HEAD = ("", "requests/s", "p50 ms", "p99 ms", "CPU µs/request", "resident MB", "failed")
WARM_SECONDS = 1  # wrk counts in whole ones


@dataclass(frozen=True, slots=True)
class Target:
    """A server and how it is loaded: with so many connections, for so many seconds."""

    server: Server
    load: Callable[[int, int], Load]


@dataclass(frozen=True, slots=True)
class Seen:
    """What the rounds of one server showed.

    Attributes:
        loads: One a round.
        cpu: Microseconds of processor time a request, of the server and all that it started; one a round.
        resident_mb: At the end.
    """

    loads: Sequence[Load]
    cpu: Sequence[float]
    resident_mb: float

    def median(self, part: str) -> float:
        """Return the median of rate, p50 or p99."""
        return float(statistics.median(map(attrgetter(part), self.loads)))

    @property
    def cells(self) -> tuple[str, ...]:
        """The medians as cells of a table."""
        return (
            f"{self.median('rate'):,.0f}",
            f"{self.median('p50'):.3f}",
            f"{self.median('p99'):.2f}",
            f"{statistics.median(self.cpu):.1f}",
            f"{self.resident_mb:.0f}",
            str(sum(load.failed for load in self.loads)),
        )


def take_turns(targets: Mapping[str, Target], connections: int, rounds: int, seconds: int) -> dict[str, Seen]:
    """Load every server once a round; the first, short load only warms."""
    for target in targets.values():
        target.load(connections, WARM_SECONDS)
    loads: dict[str, list[Load]] = {name: [] for name in targets}
    cpu: dict[str, list[float]] = {name: [] for name in targets}
    for _ in range(rounds):
        for name, target in targets.items():
            before = target.server.cpu_seconds()
            load = target.load(connections, seconds)
            loads[name].append(load)
            cpu[name].append((target.server.cpu_seconds() - before) / max(load.count, 1) * 1e6)
    return {name: Seen(loads[name], cpu[name], target.server.resident_mb()) for name, target in targets.items()}


def show(seen: Mapping[str, Seen]) -> None:
    """Print a row a server."""
    table(HEAD, [(name, *one.cells) for name, one in seen.items()])


def ratio(own: Seen, limit: Seen) -> float:
    """Return the median over the rounds of own requests/s to the limit's in the same round."""
    return statistics.median(mine.rate / other.rate for mine, other in zip(own.loads, limit.loads, strict=True))


def at_least(what: str, own: Seen, limit: Seen, budget: float) -> Line:
    """Return a budget on own requests/s as a multiple of another's."""
    return Line(what, ratio(own, limit), budget, "x", at_least=True)


def machine() -> str:
    """Say on what this runs, and how busy it is."""
    cores, load = os.cpu_count(), os.getloadavg()[0]
    return f"{cores} cores, load generator on the same ones; load average at this moment {load:.1f}"
