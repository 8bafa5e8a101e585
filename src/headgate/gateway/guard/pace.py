"""How fast a version works, and how many rows may therefore wait for it. Pure.

A call of the model costs about `start + each * rows` seconds; both are learnt from the calls, the latest counting
most. Rows that wait cost those behind them `each`, so `room` of them keep the wait within the budget. What comes in
beyond it is refused at once instead of late: clients that have given up are not worked for.

Once it knows a version, it looks at one quick call of several: learning is not free either.

A burst is no overload: while calls do not take longer than the budget, several times as many may wait.
"""

from dataclasses import dataclass

DECAY = 0.1
JUMP = 4.0  # one call counts as at most this many times what was expected of it: a pause of the machine is no trend
JUMP_SECONDS = 0.001
FIRST_CALLS = 5  # they may be slow for reasons of their own
FIRST_ROOM = 1024
FIRST_EACH = 0.1  # of a row's mean cost, until calls of different sizes have told what a row costs
QUICK_SECONDS = 0.005  # nothing else of a worker should wait for longer than that
LEAST_BUSY = 0.05
LEAST_EACH = 0.02  # of the mean: however flat the cost looks, rows are not free
SPREAD = 0.01  # of the squared mean of rows: calls more alike than that tell nothing about the cost of a row
KNOWN_CALLS = 64
ONE_OF = 8
CALM = 4
CALM_ROOM = 64  # until it is known what a row costs


@dataclass(slots=True)
class Pace:
    """Learns from calls.

    Attributes:
        budget: Seconds that a row may wait for others. Half of it is for the rows that the model works on when one
            arrives (or that arrived, unseen, in the tick before), half for those that wait with it.
        room: Rows that may wait.
        quick: Rows of a call that takes so little that the loop can wait for it.
        each: Seconds that one more row costs.
        busy: Share of a call's time in which it has a processor: in a thread it waits, too, and not for the model.
    """

    budget: float
    room: int = FIRST_ROOM
    quick: int = FIRST_ROOM
    each: float = 0.0
    busy: float = 1.0
    _calls: int = 0
    _told: bool = False
    _rows: float = 0.0
    _seconds: float = 0.0
    _square: float = 0.0
    _product: float = 0.0

    @property
    def start(self) -> float:
        """Seconds that a call costs beside its rows."""
        return max(0.0, self._seconds - self.each * self._rows)

    def saw(self, rows: int, seconds: float, cpu: float | None = None) -> None:
        """Learn from a call of so many rows; `cpu`: seconds that it had a processor for; None: for all of them."""
        self._calls += 1
        late = seconds > self.budget / 2 and self._calls > FIRST_CALLS
        if not late and self._calls > KNOWN_CALLS and self._calls % ONE_OF:
            return
        took = seconds
        if self._calls > 1:
            seconds = min(seconds, JUMP * self.wait(rows) + JUMP_SECONDS)
        gain = max(DECAY, 1 / self._calls)
        if cpu is not None and took > 0:
            self.busy += gain * (min(1.0, max(cpu / took, LEAST_BUSY)) - self.busy)
        self._rows += gain * (rows - self._rows)
        self._seconds += gain * (seconds - self._seconds)
        self._square += gain * (rows * rows - self._square)
        self._product += gain * (rows * seconds - self._product)
        self._learn()
        room = int(self.budget / 2 / self.each) if self.each > 0 else FIRST_ROOM
        room = max(1, room)
        self.quick = int((QUICK_SECONDS / self.busy - self.start) / self.each) if self.each > 0 else FIRST_ROOM
        self.room = room if late else CALM * room if self._told else max(CALM_ROOM, CALM * room)

    def _learn(self) -> None:
        mean = self._seconds / self._rows
        spread = self._square - self._rows**2
        if spread >= SPREAD * self._rows**2:
            self.each, self._told = (self._product - self._rows * self._seconds) / spread, True
        elif not self._told:
            self.each = FIRST_EACH * mean
        self.each = min(max(self.each, LEAST_EACH * mean), mean)

    def wait(self, rows: int) -> float:
        """Return the seconds that a call of so many rows takes."""
        return self.start + self.each * rows
