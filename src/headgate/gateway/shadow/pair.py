"""Write what a shadow answered as rows of the prediction log, under the ids of the live answers that they pair with.

Live and shadow prediction of one request have one id and differ in `role`: so a sample keeps both or none, and what
became true of the id became true of both. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np

from headgate.gateway.metrics.meter import Tally
from headgate.gateway.shadow.queue import Copy
from headgate.predictions.ports import PredictionLog
from headgate.predictions.row import Answered, Source
from headgate.registry.field import Columns

OK, AWAY = 200, 503


@dataclass(frozen=True, slots=True, eq=False)
class Flight:
    """Copies that were handed to the process together.

    Attributes:
        copies: In order.
        whole: All of them as one.
        sent: When, on the worker's clock.
    """

    copies: Sequence[Copy]
    whole: Copy
    sent: float


def together(copies: Sequence[Copy]) -> Copy:
    """Return copies of several ticks as one; its time is that of the first."""
    if len(copies) == 1:
        return copies[0]
    rows = units = None
    if any(copy.rows is not None for copy in copies):
        rows = [count for copy in copies for count in (copy.rows or [1] * len(copy.ids))]
    if any(copy.units is not None for copy in copies):
        units = [unit for copy in copies for unit in (copy.units or [None] * len(copy.ids))]
    inputs = {name: np.concatenate([copy.inputs[name] for copy in copies]) for name in copies[0].inputs}
    ids = [identity for copy in copies for identity in copy.ids]
    sizes = sum(copy.size for copy in copies), sum(copy.bytes for copy in copies)
    return Copy(ids, rows, units, inputs, min(copy.since for copy in copies), *sizes)


@dataclass(frozen=True, slots=True)
class Book:
    """Where a shadow's answers are written.

    Attributes:
        source: The shadow, with role ``shadow``.
        log: Takes rows.
        tally: Counts them.
    """

    source: Source
    log: PredictionLog
    tally: Tally

    def enter(self, flight: Flight, statuses: Sequence[int], outputs: Columns, now: float, time_us: int) -> int:
        """Write the answers of a flight; return how many requests were answered.

        Args:
            flight: What was asked.
            statuses: Of each request; empty: 200 each.
            outputs: Of the rows of those with status 200.
            now: On the worker's clock.
            time_us: Microseconds since 1970.
        """
        latency = int((now - flight.whole.since) * 1e6)
        for status in dict.fromkeys(statuses or [OK]):
            mask = np.array([one == status for one in statuses], bool) if statuses else None
            self.log.add(_answered(self.source, flight.whole, mask, status, outputs, time_us, latency))
        self._count(flight, statuses, now)
        return sum(status == OK for status in statuses) if statuses else len(flight.whole.ids)

    def lose(self, flight: Flight, now: float, time_us: int) -> int:
        """Write down that a flight has no answer: the shadow ended its process; return how many requests it had."""
        count = len(flight.whole.ids)
        self.enter(flight, [AWAY] * count, {}, now, time_us)
        return count

    def _count(self, flight: Flight, statuses: Sequence[int], now: float) -> None:
        """Count each tick's requests in the second in which the live ones came in."""
        start = 0
        for copy in flight.copies:
            end = start + len(copy.ids)
            good = [status == OK for status in statuses[start:end]] or [True] * len(copy.ids)
            units = [(unit and unit.encode(errors="backslashreplace")) or None for unit in copy.units or ()]
            for failed in (False, True):
                which = [one is not failed for one in good]
                if count := sum(which):
                    of = list(compress(units, which)) if units else None
                    self.tally.done(copy.since, now - copy.since, count, failed=failed, units=of)
            start = end


def _answered(
    source: Source,
    copy: Copy,
    mask: "np.ndarray[tuple[int], np.dtype[np.bool_]] | None",
    status: int,
    outputs: Columns,
    time_us: int,
    latency: int,
) -> Answered:
    """Return the requests of one status as rows of the log; only answered ones have values."""
    ids, rows, units, inputs = copy.ids, copy.rows, copy.units, copy.inputs
    if mask is not None and not mask.all():
        which = mask if rows is None else np.repeat(mask, rows)
        inputs = {name: values[which] for name, values in inputs.items()}
        ids = list(compress(ids, mask))
        rows = None if rows is None else list(compress(rows, mask))
        units = None if units is None else list(compress(units, mask))
    if status != OK:
        return Answered(source, ids, rows, time_us, units, None, None, status, latency)
    return Answered(source, ids, rows, time_us, units, inputs, outputs, status, latency)
