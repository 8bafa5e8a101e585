"""Counts what a worker does: once per tick and arm, in plain numbers. Times are handed in; nothing is sent here."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from headgate.gateway.metrics.report import Arm, Load, Report, Second
from headgate.gateway.metrics.ticks import Call, Tick, add_up, by_second
from headgate.predictions.rollup import BUCKETS, FINAL_SECONDS, add_bins, bin_of, bucket_of

MOST_TICKS = 1024  # that wait to be counted together
Slow = Mapping[str, int]


@dataclass(slots=True)
class Tally:
    """Counts one arm.

    Attributes:
        model: Name.
        version: Number.
        arm: Name.
        role: ``live`` or ``shadow``.
        meter: What all arms of this worker share: where the clock stands, and what is slow.
    """

    model: str
    version: str
    arm: str
    role: str
    meter: "Meter"
    _rows: int = 0
    _cpu: float = 0.0
    _sizes: dict[int, int] = field(default_factory=dict)
    _delays: dict[int, int] = field(default_factory=dict)
    _seconds: dict[int, Second] = field(default_factory=dict)
    _open: dict[int, tuple[float, int]] = field(default_factory=dict)
    _ticks: list[Tick] = field(default_factory=list)
    _calls: list[Call] = field(default_factory=list)
    _turn: int = 0

    def sent(self, call: int, since: float, count: int) -> None:
        """Note a call that runs in a thread: should it hang, its requests still count once their time is over.

        Args:
            call: Names it until it is done.
            since: When its first request came in, on the worker's clock.
            count: Requests.
        """
        self._open[call] = (since, count)

    def ran(self, rows: int, since: float, delay: float, cpu: float) -> None:
        """Count a call of the model.

        Args:
            rows: Of the call.
            since: When its first request came in, on the worker's clock.
            delay: Seconds that this one waited for it.
            cpu: Seconds of processor time.
        """
        self._calls.append((since, rows, delay, cpu))
        if len(self._calls) >= MOST_TICKS:
            self._count_calls()

    def done(
        self, since: float, latency: float, count: int, *, failed: bool, units: Sequence[bytes | None] | None
    ) -> None:
        """Count requests that came in together and were answered together.

        Args:
            since: When the first came in, on the worker's clock.
            latency: Seconds to the answer.
            count: Requests.
            failed: Whether the arm failed to answer.
            units: Of each request; None: not said.
        """
        if units is None and not failed:
            self._ticks.append((since, latency, count))
            if len(self._ticks) >= MOST_TICKS:
                self._count_ticks()
            return
        buckets = self._spread(count) if units is None else self._buckets(units)
        self._count(int(since + self.meter.offset), bin_of(latency), count, buckets, failed=failed)

    def _count_calls(self) -> None:
        calls, self._calls = self._calls, []
        if not calls:
            return
        told = add_up(calls, self.meter.offset)
        self._rows += told.rows
        self._cpu += told.cpu
        self._sizes, self._delays = add_bins(self._sizes, told.sizes), add_bins(self._delays, told.delays)
        for at, sums in told.spent.items():
            spent = self._second(at).spent
            spent[:] = [one + more for one, more in zip(spent, sums, strict=True)]

    def _count_ticks(self) -> None:
        ticks, self._ticks = self._ticks, []
        for second, latency in by_second(ticks, self.meter.offset) if ticks else ():
            for number, count in latency.items():
                self._count(second, number, count, self._spread(count), failed=False)

    def _count(self, at: int, number: int, count: int, buckets: Iterable[tuple[int, int]], *, failed: bool) -> None:
        second = self._second(at)
        second.count += count
        second.latency[number] = second.latency.get(number, 0) + count
        slow = second.slow_above is not None and number > second.slow_above
        for bucket, share in buckets:
            second.units[bucket] += share
            if failed:
                second.unit_errors[bucket] += share
            if slow:
                second.unit_slow[bucket] += share
        if failed:
            second.errors += count

    def closed(self, call: int) -> bool:
        """Forget a call that is over; False when its requests were given up before, and are counted."""
        return self._open.pop(call, None) is not None

    def take(self, now: float) -> Arm | None:
        """Return what was counted since the last time; None when there was nothing."""
        for call, (since, count) in tuple(self._open.items()):
            if now - since > self.meter.final.get(self.model, FINAL_SECONDS):
                del self._open[call]
                self.done(since, now - since, count, failed=True, units=None)
        self._count_ticks()
        self._count_calls()
        if not self._seconds and not self._rows:
            return None
        told = Arm(
            self.model, self.version, self.arm, self.role,
            self._rows, self._cpu, self._sizes, self._delays, list(self._seconds.values()),
        )  # fmt: skip
        self._rows, self._cpu, self._sizes, self._delays, self._seconds = 0, 0.0, {}, {}, {}
        return told

    def shift(self, step: int) -> None:
        """Move what is counted and not told yet by so many seconds."""
        for second in self._seconds.values():
            second.second += step
        self._seconds = {second.second: second for second in self._seconds.values()}

    def _second(self, second: int) -> Second:
        found = self._seconds.get(second)
        if found is None:
            zeros = [0] * BUCKETS
            slow = self.meter.slow.get(self.model)
            found = self._seconds[second] = Second(
                second, 0, 0, {}, zeros, zeros.copy(), zeros.copy(), slow, [0.0] * 6
            )  # fmt: skip
        return found

    def _spread(self, count: int) -> Iterable[tuple[int, int]]:
        """Yield (bucket, how many): requests without a unit go round, each a unit of its own."""
        each, rest = divmod(count, BUCKETS)
        start, self._turn = self._turn, (self._turn + rest) % BUCKETS
        if not each:
            return [((start + at) % BUCKETS, 1) for at in range(rest)]
        return [((start + at) % BUCKETS, each + (at < rest)) for at in range(BUCKETS)]

    def _buckets(self, units: Sequence[bytes | None]) -> Iterable[tuple[int, int]]:
        known = Counter(units)
        alone = known.pop(None, 0)
        return [*((bucket_of(unit), count) for unit, count in known.items() if unit is not None), *self._spread(alone)]


class Meter:
    """Counts what one worker does.

    Args:
        offset: What is added to the worker's clock to have seconds since 1970.
        final: Model to the seconds after which a request without an answer is an error; FINAL_SECONDS for others.

    Attributes:
        slow: Model to the bin above which a request is slow; told by whoever sees all workers.
        refused: Refusals by status and code.
    """

    def __init__(self, offset: float, final: Mapping[str, float] | None = None) -> None:
        self.offset = offset
        self.final = final or {}
        self.slow: Slow = {}
        self.refused: Counter[tuple[int, str]] = Counter()
        self.counts: Counter[str] = Counter()
        self._tallies: list[Tally] = []
        self._loads: list[Load] = []

    def tally(self, model: str, version: str, arm: str, role: str = "live") -> Tally:
        """Return the tally of an arm; the same one for as long as the arm is called the same."""
        for one in self._tallies:
            if (one.model, one.version, one.arm, one.role) == (model, version, arm, role):
                return one
        made = Tally(model, version, arm, role, self)
        self._tallies.append(made)
        return made

    def follow(self, offset: float) -> None:
        """Follow the clock, also one that was set: what is not told yet then lies in the seconds of the new time."""
        step, self.offset = round(offset - self.offset), offset
        for tally in self._tallies if step else ():
            tally.shift(step)

    def loaded(self, model: str, version: str, seconds: float) -> None:
        """Note that a version was loaded."""
        self._loads.append(Load(model, version, seconds))

    def take(self, now: float, levels: Callable[[], dict[str, float]], notes: dict[str, str] | None = None) -> Report:
        """Return what was counted since the last time.

        Args:
            now: On the worker's clock.
            levels: Returns the gauges.
            notes: What a person should know.
        """
        arms = [told for tally in self._tallies if (told := tally.take(now)) is not None]
        refused = {f"{status} {code}": count for (status, code), count in self.refused.items()}
        counts, loads, self._loads = {name: float(count) for name, count in self.counts.items()}, self._loads, []
        self.refused.clear()
        self.counts.clear()
        return Report(arms, refused, loads, counts, levels(), notes or {})
