"""How fast a version works, and how many rows may therefore wait for it. Pure.

A call of the model costs about `start + each * rows` seconds; both are learnt from the calls, the latest counting
most. Rows that wait cost those behind them `each`, so `room` of them keep the wait within the budget. What comes in
beyond it is refused at once instead of late: clients that have given up are not worked for.
"""

from dataclasses import dataclass

DECAY = 0.1
JUMP = 4.0  # one call counts as at most this many times what was expected of it: a pause of the machine is no trend
JUMP_SECONDS = 0.001
FIRST_ROOM = 1024  # until the first call has been seen
LEAST_EACH = 0.02  # of the mean cost of a row: however flat the cost looks, rows are not free


@dataclass(slots=True)
class Pace:
    """Learns from calls.

    Attributes:
        budget: Seconds that a row may wait for others. Half of it is for the rows that the model works on when one
            arrives (or that arrived, unseen, in the tick before), half for those that wait with it.
        room: Rows that may wait.
    """

    budget: float
    room: int = FIRST_ROOM
    _rows: float = 0.0
    _seconds: float = 0.0
    _square: float = 0.0
    _product: float = 0.0

    @property
    def each(self) -> float:
        """Seconds that one more row costs."""
        if not self._rows:
            return 0.0
        mean = self._seconds / self._rows
        spread = self._square - self._rows**2
        if spread < 0.01 * self._rows**2:  # the calls were all alike: nothing to tell start from rows by
            return mean
        slope = (self._product - self._rows * self._seconds) / spread
        return min(max(slope, LEAST_EACH * mean), mean)

    @property
    def start(self) -> float:
        """Seconds that a call costs beside its rows."""
        return max(0.0, self._seconds - self.each * self._rows)

    def saw(self, rows: int, seconds: float) -> None:
        """Learn from a call of so many rows."""
        if not self._rows:
            self._rows, self._seconds, self._square, self._product = rows, seconds, rows * rows, rows * seconds
        else:
            seconds = min(seconds, JUMP * (self.start + self.each * rows) + JUMP_SECONDS)
            self._rows += DECAY * (rows - self._rows)
            self._seconds += DECAY * (seconds - self._seconds)
            self._square += DECAY * (rows * rows - self._square)
            self._product += DECAY * (rows * seconds - self._product)
        each = self.each
        self.room = max(1, int(self.budget / 2 / each)) if each > 0 else FIRST_ROOM

    def wait(self, rows: int) -> float:
        """Return the seconds that so many waiting rows take."""
        return self.start + self.each * rows
