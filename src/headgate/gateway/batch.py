"""Gather the requests of one event-loop tick into one call of the model, and give each its own rows back.

Nothing waits for a timer unless the policy says so: the batch is what arrived in the same tick, or while the model was
busy in a thread. Calls that would hold up the loop run in threads, large requests apart from the small ones. A row that
the model refuses fails its own request and no other.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from headgate.gateway.aside import Aside, Large, still_wanted
from headgate.gateway.call import Batch, Outputs, Result, compute
from headgate.gateway.metrics.meter import Tally
from headgate.gateway.protocols.asked import Asked
from headgate.gateway.turn import Answerer, Pulse, Watch
from headgate.gateway.version import Loaded


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
        self._room, self._quick = watch.pace.room, watch.pace.quick
        self._aside = Aside(loaded, pulse, watch, self._call_of, self._finish)
        self._large = Large(loaded, Aside(loaded, pulse, watch, self._call_of, self._finish), answerer, watch.seconds)
        self._called = self._queued = self.full = False
        self._since = 0.0  # when the first of the next call came

    def add_single(self, waiting: Any, row: Any) -> None:
        """Take a single row in; it is answered at the end of this tick."""
        singles = self._singles
        singles.append((waiting, row))
        if len(singles) >= self._room:
            self.full = True
        if not self._called:
            self._call()

    def add(self, waiting: Any, asked: Asked, deadline: float | None = None) -> None:
        """Take a request in; it is answered at the end of this tick, a large one when its own call is over."""
        if asked.rows > self._pulse.inline_rows and not self._loaded.aside:
            self._large.add(waiting, asked, deadline)
            return
        self._asked.append((waiting, asked))
        self._rows += asked.rows
        if self._rows + len(self._singles) >= self._room:
            self.full = True
        if not self._called:
            self._call()
        if deadline is not None:
            self.expire(waiting, deadline)

    def expire(self, waiting: Any, deadline: float) -> None:
        """Do not run what still waits at its deadline; let it wait for others no longer than half until then."""
        self._deadlines.append((waiting, deadline))
        wait, now = self._watch.terms.wait, self._watch.seconds()
        if wait and deadline < now + 2 * wait:
            self._pulse.later(max(0.0, deadline - now) / 2, self._flush)

    def _call(self) -> None:
        self._called = True
        if not self._queued:
            self._queued = True
            self._loaded.hold()
            self._since = self._watch.seconds()
            if self._watch.terms.wait:
                self._pulse.later(self._watch.terms.wait, self._flush)
        if not self._aside.busy:
            self._pulse.soon(self._look)

    def _look(self) -> None:
        """At the end of a tick: flush, unless there is time to wait for more."""
        terms, rows = self._watch.terms, len(self._singles) + self._rows
        if terms.wait and rows < terms.most_rows and self._watch.seconds() - self._since < terms.wait:
            self._called = False
        else:
            self._flush()

    def _flush(self) -> None:
        if not self._queued or self._aside.busy:
            return
        self._called = self._queued = self.full = False
        batch, deadlines = Batch(self._singles, self._asked, self._since), self._deadlines
        began = self._watch.seconds() if self._watch.terms.wait else self._since
        self._singles, self._asked, self._rows, self._deadlines = [], [], 0, []
        if deadlines or self._loaded.aside or batch.rows > self._quick:
            batch = still_wanted(batch, deadlines, self._answerer, self._watch.seconds())
        if batch.singles or batch.asked:
            self._run(batch, began)
        self._loaded.release()

    def _run(self, batch: Batch, began: float) -> None:
        """Run a batch: in a thread what would hold up the loop."""
        if self._loaded.aside or batch.rows > self._quick:
            self._aside.launch(batch, self._again)
        else:
            self._finish(*self._pulse.gauge.about(self._call_of(batch)), began)

    def _again(self) -> None:
        """After a call in a thread: there is room for what came meanwhile."""
        if self._queued:
            self._pulse.soon(self._flush)

    def _call_of(self, batch: Batch) -> Callable[[], list[Result]]:
        return partial(compute, self._loaded, batch, self._watch.terms.most_rows, self._trace)

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
            watch.pace.saw(rows, watch.seconds() - began, cpu)
            self._room, self._quick = watch.pace.room, watch.pace.quick


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
    if batch.asked:
        answerer.asked(batch.asked, outputs, start)


def _tally(result: Result, answerer: Answerer, tally: Tally, now: float) -> None:
    batch, inputs, outcome = result
    failed, units = isinstance(outcome, Exception), answerer.units(batch, inputs)
    tally.done(batch.since, now - batch.since, _count(batch), failed=failed, units=units)


def _count(batch: Batch) -> int:
    return len(batch.singles) + len(batch.asked)
