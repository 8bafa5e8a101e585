"""What a comparison of two arms is made of: per dispatch second, how many requests and events fell on whom. Pure.

A second is one by dispatch, and final (predictions/rollup.py). Seconds are never added up before they are compared: the
rate of a shared outage and the share of the traffic may change from one to the next, and a sum would mix the two up.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from headgate.predictions.rollup import BUCKETS, Row

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Event: TypeAlias = Callable[[Row], int]


@dataclass(frozen=True, slots=True, eq=False)
class Seconds:
    """Columns over seconds; simulations put an axis of runs before them.

    Attributes:
        second: [t] when, in ascending order.
        m: [..., t] requests of the challenger.
        n: [..., t] requests of both arms.
        k: [..., t] events (errors, slow answers, wrong outcomes) of the challenger.
        events: [..., t] events of both arms.

    Raises:
        ValueError: An arm has more events than requests, or seconds are not in order.
    """

    second: Ints
    m: Ints
    n: Ints
    k: Ints
    events: Ints

    def __post_init__(self) -> None:
        """Refuse what cannot have happened."""
        ordered = bool((np.diff(self.second) > 0).all())
        if not ordered or len({column.shape for column in (self.m, self.n, self.k, self.events)}) != 1:
            raise ValueError("seconds must ascend, and all columns be of one shape")
        ours = (self.k >= 0) & (self.k <= self.m)
        theirs = (self.events >= self.k) & (self.events - self.k <= self.n - self.m)
        if not (ours & theirs).all():
            raise ValueError("an arm cannot have more events than requests, nor fewer than none")

    def __len__(self) -> int:
        """Return how many seconds there are."""
        return len(self.second)

    def since(self, second: int) -> "Seconds":
        """Return the seconds from this one on."""
        return self.slice(slice(int(np.searchsorted(self.second, second)), None))

    def until(self, second: int) -> "Seconds":
        """Return the seconds before this one."""
        return self.slice(slice(None, int(np.searchsorted(self.second, second))))

    def slice(self, which: slice) -> "Seconds":
        """Return some of the seconds."""
        columns = (self.m, self.n, self.k, self.events)
        return Seconds(self.second[which], *(column[..., which] for column in columns))


def compare(challenger: Iterable[Row], champion: Iterable[Row], ours: Event, theirs: Event | None = None) -> Seconds:
    """Return the columns of two arms' rows; a second in which an arm has no row is one without its requests.

    Args:
        challenger: Final rows of one arm, one a second.
        champion: Of the other.
        ours: How many events a row of the challenger holds.
        theirs: The same of the champion's, where that differs.
    """
    found: dict[int, list[int]] = {}
    for first, event, rows in ((0, ours, challenger), (2, theirs or ours, champion)):
        for row in rows:
            cell = found.setdefault(row.key.second, [0, 0, 0, 0])
            cell[first] += row.count
            cell[first + 1] += event(row)
    second = np.array(sorted(found), np.int64)
    cells = np.array([found[at] for at in second.tolist()], np.int64).reshape(-1, 4).T
    return Seconds(second, cells[0], cells[0] + cells[2], cells[1], cells[1] + cells[3])


def errors(row: Row) -> int:
    """Return a row's errors: the event of the error guard."""
    return row.errors


def by_bucket(rows: Iterable[Row], since: int, until: int, *, slow: bool = False) -> tuple[Ints, Ints]:
    """Return requests and events by second and bucket of units [t, 32], t = until - since; for dispersion.py.

    Args:
        rows: Of the champion, from before the start.
        since: The first second.
        until: The second after the last.
        slow: Count slow answers and not errors.
    """
    units, events = np.zeros((2, until - since, BUCKETS), np.int64)
    for row in rows:
        at = row.key.second - since
        if 0 <= at < until - since:
            units[at] += np.asarray(row.units, np.int64)
            events[at] += np.asarray(row.unit_slow if slow else row.unit_errors, np.int64)
    return units, events
