"""Gather the requests of one event-loop tick into one call of the model, and give each its own rows back.

Nothing waits for a timer: the batch is what arrived in the same tick, or while the model was busy in a thread. A row
that the model refuses fails its own request and no other.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from headgate.base.errors import Unavailable
from headgate.gateway.protocols.asked import Asked
from headgate.gateway.version import Loaded

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
    """Requests that are computed together: single rows first, then the others in order."""

    singles: list[tuple[Any, Any]]
    asked: list[tuple[Any, Asked]]

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return len(self.singles) + sum(asked.rows for _, asked in self.asked)


Result: TypeAlias = tuple[Batch, "Outputs | Exception"]


class Lane:
    """The requests of one arm, on their way to the model.

    Args:
        loaded: The version.
        answerer: Gets the results.
        pulse: Gives turns.
    """

    def __init__(self, loaded: Loaded, answerer: Answerer, pulse: Pulse) -> None:
        self._loaded = loaded
        self._answerer = answerer
        self._pulse = pulse
        self._singles: list[tuple[Any, Any]] = []
        self._asked: list[tuple[Any, Asked]] = []
        self._called = False
        self._busy = False

    def add_single(self, waiting: Any, row: Any) -> None:
        """Take a single row in; it is answered at the end of this tick."""
        self._singles.append((waiting, row))
        if not self._called:
            self._call()

    def add(self, waiting: Any, asked: Asked) -> None:
        """Take a request in; it is answered at the end of this tick."""
        self._asked.append((waiting, asked))
        if not self._called:
            self._call()

    def _call(self) -> None:
        self._called = True
        self._loaded.hold()
        if not self._busy:
            self._pulse.soon(self._flush)

    def _flush(self) -> None:
        self._called = False
        batch = Batch(self._singles, self._asked)
        self._singles, self._asked = [], []
        if self._loaded.aside or (batch.asked and batch.rows > self._pulse.inline_rows):
            self._busy = True
            self._pulse.aside(lambda: compute(self._loaded, batch), self._landed)
        else:
            self._finish(compute(self._loaded, batch))

    def _landed(self, results: Sequence[Result]) -> None:
        self._busy = False
        self._finish(results)
        if self._called:  # more came while the model was busy
            self._pulse.soon(self._flush)

    def _finish(self, results: Sequence[Result]) -> None:
        for batch, outcome in results:
            if isinstance(outcome, Exception):
                for waiting, _ in (*batch.singles, *batch.asked):
                    self._answerer.failed(waiting, outcome)
            else:
                give_back(batch, outcome, self._answerer)
        self._loaded.release()


def compute(loaded: Loaded, batch: Batch) -> list[Result]:
    """Run a batch; when it fails, run each of its requests alone, so that only the bad ones fail."""
    try:
        return [(batch, loaded.predictor.predict(gather(loaded, batch)))]
    except Exception as error:  # noqa: BLE001 - whatever a model raises is the answer to its own requests, and ends nothing else
        alone = [Batch([single], []) for single in batch.singles] + [Batch([], [asked]) for asked in batch.asked]
        if len(alone) == 1 or not is_about_rows(error):
            return [(batch, error)]
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
