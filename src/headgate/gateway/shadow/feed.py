"""Feed a shadow's process: a few flights at a time, gathered from what waits; what finds no room is dropped. Pure.

Nothing here waits or blocks. Whoever owns the process says when it is there, hands on what it says, and when it ended.
"""

from collections import Counter, deque
from collections.abc import Callable

from headgate.gateway.metrics import catalogue as of
from headgate.gateway.shadow.messages import Done, Run, encode
from headgate.gateway.shadow.pair import Book, Flight, together
from headgate.gateway.shadow.queue import Bounds, Copy, Queue
from headgate.registry.wire import pack, unpack

MOST_ROWS = 512  # of one flight, unless one tick has more
MOST_FLIGHTS = 2  # one is answered while the next is under way
Send = Callable[[bytes], None]


class Feed:
    """The copies of one shadow, on their way.

    Args:
        book: Gets the answers.
        bounds: How much may wait.
        counts: Of the worker, by metric.
        seconds: Reads the worker's clock.
        now: Milliseconds since 1970.

    Attributes:
        queue: What waits.
        flights: What was sent and has no answer yet.
    """

    def __init__(
        self,
        book: Book,
        bounds: Bounds,
        counts: "Counter[str]",
        seconds: Callable[[], float],
        now: Callable[[], int],
    ) -> None:
        self.queue = Queue(bounds)
        self.flights: deque[Flight] = deque()
        self._book = book
        self._counts = counts
        self._seconds = seconds
        self._now = now
        self._send: Send | None = None

    def put(self, copy: Copy) -> None:
        """Take copies in, or drop and count them."""
        if self.queue.put(copy):
            self._pump()
        else:
            self.drop(len(copy.ids))

    def drop(self, requests: int) -> None:
        """Count copies that were not made."""
        self._counts[of.SHADOW_DROPPED.name] += requests

    def open(self, send: Send) -> None:
        """Send from now on: the process is there."""
        self._send = send
        self._pump()

    def done(self, done: Done) -> None:
        """Take the answer to the oldest flight.

        Raises:
            ValueError: It cannot be one.
            TypeError: Neither can this.
            IndexError: Nothing was asked.
        """
        flight = self.flights[0]
        requests = len(flight.whole.ids)
        outputs = unpack(done.columns)
        if len(done.statuses) not in {0, requests}:
            raise ValueError(f"{len(done.statuses)} statuses for {requests} requests")
        self.flights.popleft()
        now = self._seconds()
        good = self._book.enter(flight, done.statuses, outputs, now, self._now() * 1000)
        self._book.tally.ran(flight.whole.size, flight.whole.since, flight.sent - flight.whole.since, done.cpu)
        self._counts[of.SHADOW_ANSWERED.name] += good
        self._counts[of.SHADOW_FAILED.name] += requests - good
        self._pump()

    def shut(self) -> None:
        """Send no more: the process is gone, and with it what it had not answered."""
        self._send = None
        while self.flights:
            lost = self._book.lose(self.flights.popleft(), self._seconds(), self._now() * 1000)
            self._counts[of.SHADOW_FAILED.name] += lost

    def end(self) -> None:
        """Drop what waits: nobody will ask for it."""
        self.shut()
        self.drop(self.queue.clear())

    def _pump(self) -> None:
        while self._send is not None and self.queue and len(self.flights) < MOST_FLIGHTS:
            copies = self.queue.take(MOST_ROWS)
            whole = together(copies)
            self.flights.append(Flight(copies, whole, self._seconds()))
            rows = None if whole.rows is None else list(whole.rows)
            self._send(encode(Run(rows, pack(whole.inputs))))
