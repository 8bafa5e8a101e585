"""Adds up what all workers report: totals for the metrics page, rows for the rollups, and what counts as slow. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from headgate.gateway.metrics import catalogue as of
from headgate.gateway.metrics.report import Arm, Report, Second
from headgate.gateway.metrics.text import durations, head, labelled, sample, sizes
from headgate.predictions.rollup import FINAL_SECONDS, Key, Row, add_bins, bin_of, merge, quantile
from headgate.predictions.spent import Spent
from headgate.routing.route import CHAMPION

GRACE_SECONDS = 3.0  # workers report once a second; a report may be under way
SLOW_SHARE = 0.95
SLOW_SECONDS, SLOW_LEAST = 300, 200  # what the champion did in so many seconds, if it was so much, says what is slow
MOST_GIVEN = 20_000  # keys of rows that were handed out; a clock that is set back brings their seconds again
Whose = tuple[str, str, str, str]


@dataclass(slots=True)
class Total:
    """What one arm did since the board began."""

    count: int = 0
    errors: int = 0
    rows: int = 0
    cpu: float = 0.0
    latency: dict[int, int] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)
    delays: dict[int, int] = field(default_factory=dict)


class Board:
    """Adds up reports.

    Args:
        final: Model to the seconds after which a request without an answer is an error; FINAL_SECONDS for others.

    Attributes:
        slow: Model to the bin above which a request is slow.
        notes: What a person should know, by worker.
    """

    def __init__(self, final: Mapping[str, float] | None = None) -> None:
        self.slow: dict[str, int] = {}
        self.notes: dict[int, dict[str, str]] = {}
        self._totals: dict[Whose, Total] = {}
        self._refused: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._loads: dict[tuple[str, str], float] = {}
        self._levels: dict[int, dict[str, float]] = {}
        self._rows: dict[Key, Row] = {}
        self._after = final or {}
        self._looked = 0.0  # when final rows were handed out
        self._given: dict[Key, None] = {}  # the oldest first
        self._recent: dict[str, tuple[int, dict[int, int]]] = {}

    def add(self, worker: int, report: Report) -> None:
        """Take a worker's report in."""
        for arm in report.arms:
            self._add_arm(arm)
        self._refused.update(report.refused)
        self._counts.update(report.counts)
        self._loads.update({(load.model, load.version): load.seconds for load in report.loads})
        self._levels[worker] = report.levels
        self.notes[worker] = report.notes

    def leave(self, worker: int, *, restarted: bool) -> None:
        """Forget how a worker stands that ended; what it did stays."""
        self._levels.pop(worker, None)
        self.notes.pop(worker, None)
        if restarted:
            self._counts[of.RESTARTS.name] += 1

    def finish(self, now: float) -> list[Row]:
        """Return the rows that are final now, and were not returned before.

        A clock may be ahead and be set back: what is final goes back with it, and no second is returned again.

        Args:
            now: Seconds since 1970.
        """
        self._looked = now
        done = [self._rows.pop(key) for key in sorted(self._rows) if key.second < self._end(key.model)]
        self._given.update(dict.fromkeys(row.key for row in done))
        for key in list(islice(self._given, max(0, len(self._given) - MOST_GIVEN))):
            del self._given[key]
        for row in done:
            if row.key.arm == CHAMPION and row.key.role == "live":
                self._learn(row)
        return done

    def rest(self) -> list[Row]:
        """Return every row that is left, final or not: nothing more will come."""
        done = [self._rows[key] for key in sorted(self._rows)]
        self._rows = {}
        return done

    def page(self) -> str:
        """Return the metrics page."""
        return "".join(self._lines())

    def _add_arm(self, arm: Arm) -> None:
        whose = (arm.model, arm.version, arm.arm, arm.role)
        total = self._totals.setdefault(whose, Total())
        total.rows += arm.rows
        total.cpu += arm.cpu
        total.sizes, total.delays = add_bins(total.sizes, arm.sizes), add_bins(total.delays, arm.delays)
        for second in arm.seconds:
            total.count += second.count
            total.errors += second.errors
            total.latency = add_bins(total.latency, second.latency)
            self._add_second(Key(second.second, *whose), second)

    def _end(self, model: str) -> int:
        """Return the first second of a model that is not final."""
        return int(self._looked - self._after.get(model, FINAL_SECONDS) - GRACE_SECONDS)

    def _add_second(self, key: Key, second: Second) -> None:
        if key.second < self._end(key.model) or key in self._given:
            self._counts[of.LATE.name] += second.count
            return
        row = Row(
            key, second.count, second.errors, second.latency,
            second.units, second.unit_errors, second.unit_slow, second.slow_above, Spent.of(second.spent),
        )  # fmt: skip
        self._rows[key] = merge(self._rows[key], row) if key in self._rows else row

    def _learn(self, row: Row) -> None:
        """Let the champion's past say what is slow: a quantile of its last few minutes."""
        since, seen = self._recent.get(row.key.model, (row.key.second, {}))
        seen = add_bins(seen, row.latency)
        due = abs(row.key.second - since) >= SLOW_SECONDS or row.key.model not in self.slow
        if due and sum(seen.values()) >= SLOW_LEAST:
            self.slow[row.key.model] = bin_of(quantile(seen, SLOW_SHARE))
            since, seen = row.key.second, {}
        self._recent[row.key.model] = (since, seen)

    def _lines(self) -> Iterator[str]:
        arms = [(labelled(of.ARM, whose), total) for whose, total in sorted(self._totals.items())]
        for metric, value in (
            (of.REQUESTS, "count"), (of.ERRORS, "errors"), (of.ROWS, "rows"), (of.CPU, "cpu"),
        ):  # fmt: skip
            yield head(metric)
            yield from (sample(metric.name, labels, getattr(total, value)) for labels, total in arms)
        for metric, bins in ((of.LATENCY, "latency"), (of.DELAY, "delays")):
            yield head(metric)
            for labels, total in arms:
                yield from durations(metric, labels, getattr(total, bins))
        yield head(of.BATCH)
        for labels, total in arms:
            yield from sizes(of.BATCH, labels, total.sizes, total.rows)
        yield head(of.REFUSED)
        for said, count in sorted(self._refused.items()):
            yield sample(of.REFUSED.name, labelled(of.REFUSED.labels, said.split(" ", 1)), count)
        yield head(of.LOADED)
        for version, seconds in sorted(self._loads.items()):
            yield sample(of.LOADED.name, labelled(of.LOADED.labels, version), seconds)
        yield from self._plain_lines()

    def _plain_lines(self) -> Iterator[str]:
        for metric in of.METRICS:
            if metric.labels:
                continue
            if metric is of.WORKERS:
                value = float(len(self._levels))
            elif metric.kind == "counter":
                value = self._counts[metric.name]
            else:
                value = sum(levels.get(metric.name, 0) for levels in self._levels.values())
            yield head(metric) + sample(metric.name, {}, value)
