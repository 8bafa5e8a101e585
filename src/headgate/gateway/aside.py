"""A lane's calls that run in threads, so that the loop keeps breathing: as many at once as the terms allow."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

from headgate.gateway.call import Batch, Result
from headgate.gateway.protocols.asked import Asked
from headgate.gateway.refusal import OVERLOADED, Refusal
from headgate.gateway.turn import Answerer, Pulse, Watch
from headgate.gateway.version import Loaded

Deadlines: TypeAlias = Sequence[tuple[Any, float]]  # who is not answered any more, and from when on
MOST_LARGE = 8  # large requests that wait for a thread


class Finish(Protocol):
    """Gives requests their answers."""

    def __call__(self, results: Sequence[Result], cpu: float, began: float, *, counted: bool = True) -> None:
        """Take results, processor time, when the call began, and whether its requests still have to be counted."""
        ...


class Aside:
    """Calls in threads.

    Args:
        loaded: The version.
        pulse: Gives turns.
        watch: Notices how the work goes.
        call_of: Makes the call of a batch.
        finish: Gets the results, on the loop.
    """

    def __init__(
        self,
        loaded: Loaded,
        pulse: Pulse,
        watch: Watch,
        call_of: Callable[[Batch], Callable[[], list[Result]]],
        finish: Finish,
    ) -> None:
        self._loaded, self._pulse, self._watch = loaded, pulse, watch
        self._call_of, self._finish = call_of, finish
        self._running = 0

    @property
    def busy(self) -> bool:
        """Whether what comes has to wait for a call to end."""
        return self._running >= self._watch.terms.at_once

    def launch(self, batch: Batch, then: Callable[[], None]) -> None:
        """Run a batch in a thread; then call back, on the loop, once its requests are answered."""
        watch = self._watch
        self._running += 1
        self._loaded.hold()
        began = watch.seconds()
        if watch.tally and batch.rows:
            watch.tally.sent(id(batch), batch.since, len(batch.singles) + len(batch.asked))
        self._pulse.aside(
            lambda: self._pulse.gauge.exactly(self._call_of(batch)),
            lambda done: self._landed(batch, done, began, then),
        )

    def _landed(self, batch: Batch, done: tuple[list[Result], float], began: float, then: Callable[[], None]) -> None:
        self._running -= 1
        counted = self._watch.tally is None or not batch.rows or self._watch.tally.closed(id(batch))
        try:
            self._finish(*done, began, counted=counted)
        finally:  # whatever became of the answers, those who wait have their turn
            self._loaded.release()
            then()


class Large:
    """Large requests of a lane: each is a batch of its own; a few wait for their turn, more are refused.

    Args:
        loaded: The version.
        aside: Runs them.
        answerer: Answers those that are not run.
        seconds: Reads a clock that only rises.
    """

    def __init__(self, loaded: Loaded, aside: Aside, answerer: Answerer, seconds: Callable[[], float]) -> None:
        self._loaded, self._aside, self._answerer, self._seconds = loaded, aside, answerer, seconds
        self._waiting: deque[tuple[Batch, Deadlines]] = deque()

    def add(self, waiting: Any, asked: Asked, deadline: float | None) -> None:
        """Run a request in its turn, unless its deadline has passed by then."""
        if len(self._waiting) >= MOST_LARGE:
            self._answerer.failed(waiting, OVERLOADED)
            return
        self._loaded.hold()
        deadlines = [] if deadline is None else [(waiting, deadline)]
        self._waiting.append((Batch([], [(waiting, asked)], self._seconds()), deadlines))
        self._launch()

    def _launch(self) -> None:
        while self._waiting and not self._aside.busy:
            batch = still_wanted(*self._waiting.popleft(), self._answerer, self._seconds())
            if batch.asked:
                self._aside.launch(batch, self._launch)
            self._loaded.release()


def still_wanted(batch: Batch, deadlines: Deadlines, answerer: Answerer, now: float) -> Batch:
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
