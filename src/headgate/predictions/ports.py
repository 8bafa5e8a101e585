"""What a gateway needs to keep its answers and what became true of them."""

from collections.abc import Callable, Sequence
from typing import Protocol

from headgate.predictions.outcome import Outcome
from headgate.predictions.row import Answered


class PredictionLog(Protocol):
    """Takes answers in. Never waits, never raises for a full disk: what finds no room is dropped and counted."""

    def add(self, batch: Answered) -> None:
        """Take the answers of one tick in; called from one thread."""
        ...


class OutcomeSink(Protocol):
    """Takes outcomes in."""

    def record(self, outcomes: Sequence[Outcome], done: Callable[[Exception | None], None]) -> None:
        """Keep outcomes; call done from another thread: with None once they are durable, else with why they are not.

        Raises:
            Unavailable: More is waiting for the disk than may wait; nothing was taken in.
        """
        ...
