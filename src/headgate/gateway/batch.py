"""Gather the requests of one event-loop tick into one call of the model, and give each its own rows back.

Nothing waits for a timer: the batch is what arrived in the same tick, or while the model was busy in a thread. A row
that the model refuses fails its own request and no other.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from headgate.base.errors import BadInput, Unavailable
from headgate.gateway.fuse import Fuse
from headgate.gateway.guard.pace import Pace
from headgate.gateway.protocols.asked import Asked
from headgate.gateway.refusal import Refusal
from headgate.gateway.version import Loaded
from headgate.registry.signature import Columns

Outputs: TypeAlias = Mapping[str, npt.NDArray[Any]]
Done: TypeAlias = Callable[[Any], None]


class Answerer(Protocol):
    """Turns results into answers."""

    def singles(self, waiting: Sequence[tuple[Any, Any]], outputs: Outputs) -> None:
        """Answer single rows: the first rows of the outputs."""
        ...

    def asked(self, waiting: Any, asked: Asked, outputs: Outputs, start: int) -> None:
        """Answer one request from its rows of the outputs."""
        ...

    def failed(self, waiting: Any, error: Exception) -> None:
        """Answer a request that could not be computed."""
        ...

    def gone(self, waiting: Any) -> bool:
        """Say whether nobody waits for the answer any more."""
        ...

    def finished(self, batch: "Batch", inputs: Columns | None, outputs: Outputs | None, latency_us: int) -> None:
        """Note a batch whose requests are all answered; without outputs: it failed. Nobody may change the columns."""
        ...


@dataclass(frozen=True, slots=True)
class Pulse:
    """How a lane gets its turns.

    Attributes:
        soon: Calls back at the end of this tick of the loop.
        aside: Runs the first in a thread, then the second with its result on the loop.
        inline_rows: A batch with more rows runs in a thread.
    """

    soon: Callable[[Callable[[], None]], object]
    aside: Callable[[Callable[[], Any], Done], object]
    inline_rows: int


@dataclass(slots=True)
class Batch:
    """Requests that are computed together: single rows first, then the others in order.

    Attributes:
        singles: Who waits, and the row.
        asked: Who waits, and what was asked.
        since: When the first of them came, in seconds of a clock that only rises.
    """

    singles: list[tuple[Any, Any]]
    asked: list[tuple[Any, Asked]]
    since: float = 0.0

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return len(self.singles) + sum(asked.rows for _, asked in self.asked)


Result: TypeAlias = tuple[Batch, Columns | None, "Outputs | Exception"]


@dataclass(frozen=True, slots=True)
class Watch:
    """What is noticed of a lane's work.

    Attributes:
        seconds: Reads a clock that only rises.
        pace: Learns how long calls take, and says how many rows may wait.
        fuse: Learns what fails.
        changed: Called when the fuse blew, or closed again.
    """

    seconds: Callable[[], float]
    pace: Pace
    fuse: Fuse
    changed: Callable[[], None]


class Lane:
    """The requests of one arm, on their way to the model.

    Args:
        loaded: The version.
        answerer: Gets the results.
        pulse: Gives turns.
        watch: Notices how the work goes.

    Attributes:
        full: Whether as many rows wait as may: a further request would wait for too long.
    """

    def __init__(self, loaded: Loaded, answerer: Answerer, pulse: Pulse, watch: Watch) -> None:
        self._loaded = loaded
        self._answerer = answerer
        self._pulse = pulse
        self._watch = watch
        self._singles: list[tuple[Any, Any]] = []
        self._asked: list[tuple[Any, Asked]] = []
        self._deadlines: list[tuple[Any, float]] = []
        self._rows = 0  # of those in _asked
        self._room = watch.pace.room
        self._called = False
        self._busy = False
        self._began = self._since = 0.0
        self.full = False

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
        self._loaded.hold()
        self._since = self._watch.seconds()
        if not self._busy:
            self._began = self._since
            self._pulse.soon(self._flush)

    def _flush(self) -> None:
        self._called = self.full = False
        batch = Batch(self._singles, self._asked, self._since)
        self._singles, self._asked, self._rows = [], [], 0
        if self._deadlines or self._loaded.aside:
            batch = self._still_wanted(batch)
        if self._loaded.aside or (batch.asked and batch.rows > self._pulse.inline_rows):
            self._busy = True
            self._began = self._watch.seconds()
            self._pulse.aside(lambda: compute(self._loaded, batch), self._landed)
        else:
            self._finish(compute(self._loaded, batch))

    def _still_wanted(self, batch: Batch) -> Batch:
        """Refuse what is past its deadline, and drop what nobody waits for."""
        gone, answerer, now = self._answerer.gone, self._answerer, self._watch.seconds()
        late = [waiting for waiting, deadline in self._deadlines if deadline <= now]
        self._deadlines = []
        for waiting in late:
            answerer.failed(waiting, Refusal(504, "deadline_exceeded", "the deadline passed before the model was free"))
        over = {id(waiting) for waiting in late}
        return Batch(
            [one for one in batch.singles if id(one[0]) not in over and not gone(one[0])],
            [one for one in batch.asked if id(one[0]) not in over and not gone(one[0])],
            batch.since,
        )

    def _landed(self, results: Sequence[Result]) -> None:
        self._busy = False
        self._finish(results)
        if self._called:  # more came while the model was busy
            self._began = self._watch.seconds()
            self._pulse.soon(self._flush)

    def _finish(self, results: Sequence[Result]) -> None:
        rows, watch = 0, self._watch
        now = watch.seconds()
        for batch, inputs, outcome in results:
            rows += batch.rows
            self._learn(outcome)
            if isinstance(outcome, Exception):
                for waiting, _ in (*batch.singles, *batch.asked):
                    self._answerer.failed(waiting, outcome)
            else:
                give_back(batch, outcome, self._answerer)
            outputs = None if isinstance(outcome, Exception) else outcome
            self._answerer.finished(batch, inputs, outputs, int((now - batch.since) * 1e6))
        if rows:
            watch.pace.saw(rows, watch.seconds() - self._began)
            self._room = watch.pace.room
        self._loaded.release()

    def _learn(self, outcome: "Outputs | Exception") -> None:
        """Tell the fuse: rows that the model refuses are the client's fault, not the model's."""
        fuse, changed = self._watch.fuse, False
        if not isinstance(outcome, Exception):
            changed = fuse.good()
        elif not isinstance(outcome, BadInput | Refusal):
            away = isinstance(outcome, Unavailable)
            why = "its process is away" if away else f"it fails: {type(outcome).__name__}"
            changed = fuse.bad(self._watch.seconds(), why, died=away)
        if changed:
            self._watch.changed()


def compute(loaded: Loaded, batch: Batch) -> list[Result]:
    """Run a batch; when it fails, run each of its requests alone, so that only the bad ones fail."""
    if not batch.singles and not batch.asked:
        return []
    inputs = None
    try:
        inputs = gather(loaded, batch)
        return [(batch, inputs, loaded.predictor.predict(inputs))]
    except Exception as error:  # noqa: BLE001 - whatever a model raises is the answer to its own requests, and ends nothing else
        alone = [Batch([single], [], batch.since) for single in batch.singles]
        alone += [Batch([], [asked], batch.since) for asked in batch.asked]
        if len(alone) == 1 or not is_about_rows(error):
            return [(batch, inputs, error)]
    return [result for one in alone for result in compute(loaded, one)]


def is_about_rows(error: Exception) -> bool:
    """Say whether an error may concern single rows: not when the model itself is away."""
    return not isinstance(error, Unavailable)


def gather(loaded: Loaded, batch: Batch) -> Mapping[str, npt.NDArray[Any]]:
    """Return the columns of a whole batch."""
    if not batch.asked:
        return loaded.singles.gather([row for _, row in batch.singles])
    parts = [asked.columns for _, asked in batch.asked]
    if batch.singles:
        parts.insert(0, loaded.singles.gather([row for _, row in batch.singles]))
    if len(parts) == 1:
        return parts[0]
    return {field.name: np.concatenate([part[field.name] for part in parts]) for field in loaded.signature.inputs}


def give_back(batch: Batch, outputs: Outputs, answerer: Answerer) -> None:
    """Hand each request its own rows."""
    start = len(batch.singles)
    if start:
        first = {name: values[:start] for name, values in outputs.items()} if batch.asked else outputs
        answerer.singles(batch.singles, first)
    for waiting, asked in batch.asked:
        answerer.asked(waiting, asked, outputs, start)
        start += asked.rows
