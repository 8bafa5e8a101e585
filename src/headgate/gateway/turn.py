"""What a lane is given: who turns results into answers, how it gets its turns, on which terms, and who watches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from headgate.base.errors import BadInput, Unavailable
from headgate.base.trace import Trace
from headgate.gateway.call import Batch, Outputs
from headgate.gateway.fuse import Fuse
from headgate.gateway.gauge import Gauge
from headgate.gateway.guard.pace import Pace
from headgate.gateway.metrics.meter import Tally
from headgate.gateway.protocols.asked import Asked
from headgate.gateway.refusal import Refusal
from headgate.registry.signature import Columns

Done: TypeAlias = Callable[[Any], None]


class Answerer(Protocol):
    """Turns results into answers."""

    def singles(self, waiting: Sequence[tuple[Any, Any]], outputs: Outputs) -> None:
        """Answer single rows: the first rows of the outputs."""
        ...

    def asked(self, waiting: Sequence[tuple[Any, Asked]], outputs: Outputs, start: int) -> None:
        """Answer requests of any number of rows: their rows of the outputs follow each other from there on."""
        ...

    def failed(self, waiting: Any, error: Exception) -> None:
        """Answer a request that could not be computed."""
        ...

    def gone(self, waiting: Any) -> bool:
        """Say whether nobody waits for the answer any more."""
        ...

    def units(self, batch: Batch, inputs: Columns | None) -> Sequence[bytes | None] | None:
        """Return whom each request is about; None: none says so."""
        ...

    def trace(self, batch: Batch) -> Trace | None:
        """Return the trace context that goes with a call of the model; asked only where one may leave this process."""
        ...

    def finished(self, batch: Batch, inputs: Columns | None, outputs: Outputs | None, latency_us: int) -> None:
        """Note a batch whose requests are all answered; without outputs: it failed. Nobody may change the columns."""
        ...


@dataclass(frozen=True, slots=True)
class Pulse:
    """How a lane gets its turns.

    Attributes:
        soon: Calls back at the end of this tick of the loop.
        aside: Runs the first in a thread, then the second with its result on the loop.
        inline_rows: A request of more rows runs in a thread of its own.
        later: Calls back after so many seconds.
        gauge: Says what calls cost in processor time.
    """

    soon: Callable[[Callable[[], None]], object]
    aside: Callable[[Callable[[], Any], Done], object]
    inline_rows: int
    later: Callable[[float, Callable[[], None]], object] = lambda _seconds, call: call()
    gauge: Gauge = field(default_factory=lambda: Gauge(lambda: 0.0, lambda: 0.0))


@dataclass(frozen=True, slots=True)
class Terms:
    """How a model's requests are put together.

    Attributes:
        most_rows: Of one call of the model.
        wait: Seconds that a request waits for others to be called with; 0: for those of its tick alone.
        at_once: Calls that run in threads at the same time; as many again for large requests.
    """

    most_rows: int = 8_192
    wait: float = 0.0
    at_once: int = 1


@dataclass(frozen=True, slots=True)
class Watch:
    """What is noticed of a lane's work.

    Attributes:
        seconds: Reads a clock that only rises.
        pace: Learns how long calls take, and says how many rows may wait.
        fuse: Learns what fails.
        changed: Called when the fuse blew, or closed again.
        terms: How requests are put together.
        tally: Counts; None: nothing is counted.
    """

    seconds: Callable[[], float]
    pace: Pace
    fuse: Fuse
    changed: Callable[[], None]
    terms: Terms = Terms()
    tally: Tally | None = None

    def learn(self, outcome: "Outputs | Exception") -> None:
        """Tell the fuse: rows that the model refuses are the client's fault, not the model's."""
        fuse, changed = self.fuse, False
        if not isinstance(outcome, Exception):
            changed = fuse.good()
        elif not isinstance(outcome, BadInput | Refusal):
            away = isinstance(outcome, Unavailable)
            why = "its process is away" if away else f"it fails: {type(outcome).__name__}"
            changed = fuse.bad(self.seconds(), why, died=away)
        if changed:
            self.changed()
