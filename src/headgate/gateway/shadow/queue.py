"""Copies of requests that wait for a shadow: bounded, so that a slow one costs copies and nothing else. Pure."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from headgate.registry.field import Columns


@dataclass(frozen=True, slots=True, eq=False)
class Copy:
    """Copies of requests that were answered in one tick, as columns.

    Attributes:
        ids: Of each request: the id of its live prediction.
        rows: How many rows each request has; None: one each.
        units: Of each request; None: not said.
        inputs: Of all rows together: the columns that the shadow takes.
        since: When the first of the requests came in, on the worker's clock.
        size: Rows of all of them together.
        bytes: That the columns take, about.
    """

    ids: Sequence[bytes]
    rows: Sequence[int] | None
    units: Sequence[str | None] | None
    inputs: Columns
    since: float
    size: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may wait for one shadow."""

    rows: int = 20_000
    bytes: int = 32_000_000


class Queue:
    """Copies in the order in which they came.

    Attributes:
        rows: That wait.
        bytes: That wait.
        requests: That wait.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._waiting: deque[Copy] = deque()
        self.rows = self.bytes = self.requests = 0

    def __bool__(self) -> bool:
        """Whether something waits."""
        return bool(self._waiting)

    def put(self, copy: Copy) -> bool:
        """Take copies in; False, and none of them is taken, when there is no room."""
        if self.rows + copy.size > self._bounds.rows or self.bytes + copy.bytes > self._bounds.bytes:
            return False
        self._waiting.append(copy)
        self._count(copy, 1)
        return True

    def take(self, most: int) -> list[Copy]:
        """Return the oldest copies, together at most so many rows, but one at least; none when none waits."""
        taken: list[Copy] = []
        rows = 0
        while self._waiting and (not taken or rows + self._waiting[0].size <= most):
            copy = self._waiting.popleft()
            self._count(copy, -1)
            rows += copy.size
            taken.append(copy)
        return taken

    def clear(self) -> int:
        """Let go of everything; return how many requests that were."""
        gone = self.requests
        self._waiting.clear()
        self.rows = self.bytes = self.requests = 0
        return gone

    def _count(self, copy: Copy, sign: int) -> None:
        self.rows += sign * copy.size
        self.bytes += sign * copy.bytes
        self.requests += sign * len(copy.ids)
