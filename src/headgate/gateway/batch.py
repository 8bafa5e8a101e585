"""Gather the requests of one event-loop tick into one call of the model, and give each its own rows back.

Nothing waits for a timer unless the policy says so: the batch is what arrived in the same tick, or while the model was
busy in a thread. Large requests run in threads, apart from the small ones. A row that the model refuses fails its own
request and no other.
"""

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

from headgate.gateway.call import Batch, Outputs, Result, compute
from headgate.gateway.metrics.meter import Tally
from headgate.gateway.protocols.asked import Asked
from headgate.gateway.refusal import Refusal
from headgate.gateway.turn import Answerer, Pulse, Watch
from headgate.gateway.version import Loaded

Timed: TypeAlias = tuple[Batch, list[tuple[Any, float]]]  # and who of it is not answered any more, from when on
MOST_LARGE = 8  # large requests that wait for a thread; beyond it the lane is full


class Lane:
    """The requests of one arm, on their way to the model.

    Args:
        loaded: The version.
        answerer: Gets the results.
        pulse: Gives turns.
        watch: Notices how the work goes.

    Attributes:
        read: Reads a body that may hold a single row, as `Singles.read` does.
        full: Whether as many rows wait as may: a further request would wait for too long.
    """

    def __init__(self, loaded: Loaded, answerer: Answerer, pulse: Pulse, watch: Watch) -> None:
        self.read = loaded.singles.read
        self._loaded = loaded
        self._answerer = answerer
        self._trace = answerer.trace if loaded.aside else None
        self._pulse = pulse
        self._watch = watch
        self._singles: list[tuple[Any, Any]] = []
        self._asked: list[tuple[Any, Asked]] = []
        self._deadlines: list[tuple[Any, float]] = []
        self._rows = 0  # of those in _asked
        self._room = watch.pace.room
        self._large: deque[Timed] = deque()
        self._called = self._queued = self.full = False
        self._running, self._since = 0, 0.0  # how many calls run in threads; when the first of the next one came

    def add_single(self, waiting: Any, row: Any) -> None:
        """Take a single row in; it is answered at the end of this tick."""
        singles = self._singles
        singles.append((waiting, row))
        if len(singles) >= self._room:
            self.full = True
        if not self._called:
            self._call()

    def add(self, waiting: Any, asked: Asked) -> None:
        """Take a request in; it is answered at the end of this tick."""
        self._asked.append((waiting, asked))
        self._rows += asked.rows
        if self._rows + len(self._singles) >= self._room:
            self.full = True
        if not self._called:
            self._call()

    def expire(self, waiting: Any, deadline: float) -> None:
        """Do not run a request that still waits at its deadline."""
        self._deadlines.append((waiting, deadline))

    def _call(self) -> None:
        self._called = True
        if not self._queued:
            self._queued = True
            self._loaded.hold()
            self._since = self._watch.seconds()
            if self._watch.terms.wait:
                self._pulse.later(self._watch.terms.wait, self._flush)
        if not self._busy:
            self._pulse.soon(self._look)

    @property
    def _busy(self) -> bool:
        """Whether what comes has to wait for a call to end."""
        return self._loaded.aside and self._running >= self._watch.terms.at_once

    def _look(self) -> None:
        """At the end of a tick: flush, unless there is time to wait for more."""
        terms, rows = self._watch.terms, len(self._singles) + self._rows
        if terms.wait and rows < terms.most_rows and self._watch.seconds() - self._since < terms.wait:
            self._called = False
        else:
            self._flush()

    def _flush(self) -> None:
        if not self._queued or self._busy:
            return
        self._called = self._queued = self.full = False
        batch, deadlines = Batch(self._singles, self._asked, self._since), self._deadlines
        self._singles, self._asked, self._rows, self._deadlines = [], [], 0, []
        if deadlines or self._loaded.aside:
            batch = still_wanted(batch, deadlines, self._answerer, self._watch.seconds())
        if self._loaded.aside:
            self._launch(batch)
        elif batch.asked and batch.rows > self._pulse.inline_rows:
            self._part(batch, deadlines)
        else:
            began = self._watch.seconds() if self._watch.terms.wait else self._since
            self._finish(*self._pulse.gauge.about(self._call_of(batch)), began)
        self._loaded.release()

    def _part(self, batch: Batch, deadlines: Sequence[tuple[Any, float]]) -> None:
        """Run large requests in threads, and what is left now."""
        most = self._pulse.inline_rows // 2
        for large in large_of(batch, deadlines, most):
            self._loaded.hold()
            self._large.append(large)
        self._launch_large()
        rest = Batch(batch.singles, [one for one in batch.asked if one[1].rows <= most], batch.since)
        if rest.singles or rest.asked:
            self._finish(*self._pulse.gauge.about(self._call_of(rest)), self._watch.seconds())

    def _call_of(self, batch: Batch) -> Callable[[], list[Result]]:
        return partial(compute, self._loaded, batch, self._watch.terms.most_rows, self._trace)

    def _launch_large(self) -> None:
        while self._large and self._running < self._watch.terms.at_once:
            batch = still_wanted(*self._large.popleft(), self._answerer, self._watch.seconds())
            if batch.asked:
                self._launch(batch)
            self._loaded.release()
        self.full = len(self._large) >= MOST_LARGE

    def _launch(self, batch: Batch) -> None:
        """Run a batch in a thread."""
        watch = self._watch
        self._running += 1
        self._loaded.hold()
        began = watch.seconds()
        if watch.tally and batch.rows:
            watch.tally.sent(id(batch), batch.since, len(batch.singles) + len(batch.asked))
        self._pulse.aside(
            lambda: self._pulse.gauge.exactly(self._call_of(batch)),
            lambda done: self._landed(batch, done, began),
        )

    def _landed(self, batch: Batch, done: tuple[list[Result], float], began: float) -> None:
        self._running -= 1
        counted = self._watch.tally is None or not batch.rows or self._watch.tally.closed(id(batch))
        self._finish(*done, began, counted=counted)
        self._loaded.release()
        self._launch_large()
        if self._queued and self._loaded.aside:  # more came while the model was busy
            self._pulse.soon(self._flush)

    def _finish(self, results: Sequence[Result], cpu: float, began: float, *, counted: bool = True) -> None:
        rows, watch, since, now = 0, self._watch, began, self._watch.seconds()
        for result in results:
            rows, since = rows + result[0].rows, result[0].since
            watch.learn(result[2])
            give_back(result, self._answerer, now)
            if watch.tally and counted:
                _tally(result, self._answerer, watch.tally, now)
        if rows:
            if watch.tally:
                watch.tally.ran(rows, since, began - since, cpu)
            watch.pace.saw(rows, watch.seconds() - began)
            self._room = watch.pace.room


def large_of(batch: Batch, deadlines: Sequence[tuple[Any, float]], most: int) -> list[Timed]:
    """Return each request of more rows than that as a batch of its own, with its deadline."""
    return [
        (Batch([], [one], batch.since), [late for late in deadlines if late[0] is one[0]])
        for one in batch.asked
        if one[1].rows > most
    ]


def still_wanted(batch: Batch, deadlines: Sequence[tuple[Any, float]], answerer: Answerer, now: float) -> Batch:
    """Refuse what is past its deadline, and drop what nobody waits for; return the rest."""
    late = [waiting for waiting, deadline in deadlines if deadline <= now]
    for waiting in late:
        answerer.failed(waiting, Refusal(504, "deadline_exceeded", "the deadline passed before the model was free"))
    over, gone = {id(waiting) for waiting in late}, answerer.gone
    return Batch(
        [one for one in batch.singles if id(one[0]) not in over and not gone(one[0])],
        [one for one in batch.asked if id(one[0]) not in over and not gone(one[0])],
        batch.since,
    )


def give_back(result: Result, answerer: Answerer, now: float) -> None:
    """Hand each request its own rows, or why there are none."""
    batch, inputs, outcome = result
    if isinstance(outcome, Exception):
        for waiting, _ in (*batch.singles, *batch.asked):
            answerer.failed(waiting, outcome)
    else:
        _hand_out(batch, outcome, answerer)
    outputs = None if isinstance(outcome, Exception) else outcome
    answerer.finished(batch, inputs, outputs, int((now - batch.since) * 1e6))


def _hand_out(batch: Batch, outputs: Outputs, answerer: Answerer) -> None:
    start = len(batch.singles)
    if start:
        first = {name: values[:start] for name, values in outputs.items()} if batch.asked else outputs
        answerer.singles(batch.singles, first)
    for waiting, asked in batch.asked:
        answerer.asked(waiting, asked, outputs, start)
        start += asked.rows


def _tally(result: Result, answerer: Answerer, tally: Tally, now: float) -> None:
    batch, inputs, outcome = result
    failed, units = isinstance(outcome, Exception), answerer.units(batch, inputs)
    tally.done(batch.since, now - batch.since, _count(batch), failed=failed, units=units)


def _count(batch: Batch) -> int:
    return len(batch.singles) + len(batch.asked)
