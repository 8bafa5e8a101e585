"""Rows of arms for tests: seconds of plain traffic, drawn request by request; and a log of answers in memory."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np

from headgate.base.errors import Unavailable
from headgate.predictions.rollup import BUCKETS, LOG_STEP, MICROSECOND, Key, Row, bin_of
from headgate.predictions.spent import NOTHING, Spent, add_call
from headgate.release.evidence import Differing
from headgate.release.judging.answers import Answers
from headgate.release.judging.quality import Pairs
from headgate.release.judging.sides import Sides, Whose


@dataclass(frozen=True, slots=True)
class Nature:
    """How an arm behaves.

    Attributes:
        per_second: Requests.
        errors: Share of errors.
        median: Of latency, in seconds.
        sigma: Standard deviation of its log.
        batch: Rows of a call of the model, on average.
        start, each: Microseconds of processor time of a call, and of each of its rows; 0: none is known.
    """

    per_second: float = 200.0
    errors: float = 0.01
    median: float = 0.02
    sigma: float = 0.5
    batch: float = 1.0
    start: float = 0.0
    each: float = 0.0

    def part(self, share: float) -> "Nature":
        """Return the same with a part of the traffic."""
        return replace(self, per_second=self.per_second * share)


def rows_of(
    rng: np.random.Generator, model: str, whose: Whose, seconds: Iterable[int], nature: Nature
) -> Iterator[Row]:
    """Yield a row a second; requests are units of their own."""
    slow = bin_of(nature.median * float(np.exp(1.645 * nature.sigma)))
    for second in seconds:
        count = int(rng.poisson(nature.per_second))
        if not count:
            continue
        took = nature.median * np.exp(nature.sigma * rng.standard_normal(count))
        bins = np.maximum(np.ceil(np.log(took / MICROSECOND) / LOG_STEP), 0).astype(int)
        failed, bucket = rng.random(count) < nature.errors, rng.integers(0, BUCKETS, count)
        counted = np.unique(bins, return_counts=True)
        units, errors, late = (
            np.bincount(bucket, of, BUCKETS).astype(int).tolist() for of in (np.ones(count), failed, bins > slow)
        )
        latency = dict(zip(counted[0].tolist(), counted[1].tolist(), strict=True))
        key = Key(second, model, whose.version, whose.arm, whose.role)
        spent = _spent(rng, count, nature)
        yield Row(key, count, int(failed.sum()), latency, units, errors, late, slow, spent)


def _spent(rng: np.random.Generator, count: int, nature: Nature) -> Spent:
    """Draw what so many requests cost, in calls of about the batch."""
    if not nature.start:
        return NOTHING
    calls = max(1, round(count / nature.batch))
    rows = 1 + np.bincount(rng.integers(0, calls, count - calls), minlength=calls)
    sums = [0.0] * 6
    for n, noise in zip(rows.tolist(), rng.lognormal(0.0, 0.3, calls).tolist(), strict=True):
        add_call(sums, n, (nature.start + nature.each * n) * noise * MICROSECOND)
    return Spent.of(sums)


@dataclass
class MemoryRollups:
    """Rollups in memory.

    Attributes:
        rows: In any order.
        broken: Why they cannot be read; empty: they can.
    """

    rows: list[Row] = field(default_factory=list)
    broken: str = ""

    def add(self, rows: Sequence[Row]) -> None:
        """Keep rows."""
        self.rows += rows

    def read(self, model: str, since: int, until: int) -> Iterator[Row]:
        """Yield the rows of some seconds."""
        if self.broken:
            raise Unavailable(self.broken)
        found = [row for row in self.rows if row.key.model == model and since <= row.key.second < until]
        yield from sorted(found, key=lambda row: row.key)


@dataclass
class MemoryLog:
    """A prediction log in memory.

    Attributes:
        every: The answers of all sides, by their numbers; outcomes as they become true.
        shadowed: Pairs, all of one second.
        shown: Those that differ.
        broken: Why it cannot be read; empty: it can.
    """

    every: Answers | None = None
    shadowed: tuple[int, Pairs] | None = None
    shown: tuple[Differing, ...] = ()
    broken: str = ""

    def answers(self, model: str, who: Sides, since: int, until: int) -> Answers:
        """Return the answers of some seconds."""
        del model, who
        return self._some(since, until)

    def outcomes(self, model: str, who: Sides, since: int, until: int, known: datetime, due: timedelta) -> Answers:
        """Return the same."""
        del model, who, known, due
        return self._some(since, until)

    def pairs(
        self,
        model: str,
        version: str,
        since: int,
        until: int,
        known: datetime | None = None,
        due: timedelta = timedelta(0),
    ) -> Pairs:
        """Return the pairs, where their second is among those asked for."""
        del model, version, known, due
        self._refuse()
        if self.shadowed is not None and since <= self.shadowed[0] < until:
            return self.shadowed[1]
        return Pairs(*(np.array([], kind) for kind in (object, object, object, object, float)))

    def differing(self, model: str, version: str, since: int, until: int, most: int) -> Sequence[Differing]:
        """Return those that differ, whenever that was."""
        del model, version, since, until
        self._refuse()
        return self.shown[:most]

    def _some(self, since: int, until: int) -> Answers:
        self._refuse()
        if self.every is None:
            return no_answers()
        return self.every.where((self.every.second >= since) & (self.every.second < until))

    def _refuse(self) -> None:
        if self.broken:
            raise Unavailable(self.broken)


def no_answers() -> Answers:
    """Return no answers."""
    return Answers(*(np.array([], kind) for kind in (np.int64, np.int64, object, object, object, float)))


def answers_of(
    rng: np.random.Generator,
    seconds: range,
    per_second: Sequence[float],
    values: Sequence[float] = (),
    outcomes: Sequence[float] = (),
) -> Answers:
    """Return answers of the champion and of arms: probabilities about `values`, and true outcomes as often as said.

    Args:
        rng: Where chance comes from.
        seconds: In which they fall.
        per_second: Of each side.
        values: Mean of each side's predictions, 0 to 1; none: one half.
        outcomes: Share of each side's outcomes that are true; none: nothing is known.
    """
    counts = rng.poisson(np.array(per_second)[:, None], (len(per_second), len(seconds)))
    side = np.repeat(np.arange(len(per_second)), counts.sum(axis=1))
    second = np.concatenate([np.repeat(np.array(seconds), row) for row in counts])
    order = np.argsort(second, kind="stable")
    side, second = side[order], second[order]
    means = np.array(values or [0.5] * len(per_second))[side]
    value = np.clip(means + 0.15 * rng.standard_normal(len(side)), 0.0, 1.0).astype(object)
    number, outcome = np.full(len(side), np.nan), np.full(len(side), None, object)
    if outcomes:
        true = rng.random(len(side)) < np.array(outcomes)[side]
        number, outcome = true.astype(float), np.where(true, "true", "false").astype(object)
    unit = np.full(len(side), None, object)
    return Answers(second.astype(np.int64), side.astype(np.int64), unit, value, outcome, number)
