"""What one arm did in one second, as counts that add up: requests, errors, latencies in 2 % steps, units. Pure.

A second is that in which requests came in (were dispatched), not that in which they were answered: binned by answers,
slow requests would be missing from the seconds that are looked at first. A row is final once `serving.final_after`
(FINAL_SECONDS where nothing is said) has passed since: what had no answer by then counts as an error that took that
long.

Units (whom a request is about) fall into 32 buckets by a hash, so that statistics can see whether the requests of one
unit go together, and treat units as what is independent. A request without a unit is a unit of its own.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from math import ceil, log
from typing import Protocol, TypeAlias
from zlib import crc32

from headgate.predictions.spent import NOTHING, Spent

STEP = 1.02
MICROSECOND = 1e-6
LAST = 1023  # the last bin begins at about ten minutes
BUCKETS = 32
FINAL_SECONDS = 30.0
NONE = (0,) * BUCKETS
LOG_STEP = log(STEP)
ROUNDING = 1e-9  # a latency on an edge belongs to the bin below it, whatever the logarithm made of it

Bins: TypeAlias = Mapping[int, int]  # bin -> how many


def bin_of(seconds: float) -> int:
    """Return the bin of a latency: bin b holds what is above edge(b - 1) and at most edge(b); bin 0 a microsecond."""
    if seconds <= MICROSECOND:
        return 0
    return min(LAST, ceil(log(seconds / MICROSECOND) / LOG_STEP - ROUNDING))


def edge(number: int) -> float:
    """Return the upper edge of a bin, in seconds."""
    return float(MICROSECOND * STEP**number)


def bucket_of(unit: bytes) -> int:
    """Return the bucket of a unit; not the hash that splits traffic, so that every arm has units of every bucket."""
    return crc32(unit) % BUCKETS


def add_bins(one: Bins, other: Bins) -> dict[int, int]:
    """Return the sum of two histograms."""
    small, large = sorted((one, other), key=len)
    total = dict(large)
    for number, count in small.items():
        total[number] = total.get(number, 0) + count
    return total


def quantile(bins: Bins, share: float) -> float:
    """Return a quantile in seconds: the upper edge of the bin in which it lies, at most 2 % too large.

    Args:
        bins: A histogram with something in it.
        share: Between 0 and 1.
    """
    numbers = sorted(bins)
    sums = list(accumulate(bins[number] for number in numbers))
    at = bisect_right(sums, max(0, ceil(share * sums[-1]) - 1))
    return edge(numbers[min(at, len(numbers) - 1)])


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Whose row it is: second of dispatch since 1970, model, version, arm, and role (live or shadow)."""

    second: int
    model: str
    version: str
    arm: str
    role: str


@dataclass(frozen=True, slots=True)
class Row:
    """A second of one arm.

    Attributes:
        key: Whose.
        count: Requests that were dispatched.
        errors: Of them, those that the arm failed to answer.
        latency: Of all of them, in bins.
        units: Requests of each bucket of units [32].
        unit_errors: Errors of each bucket.
        unit_slow: Requests of each bucket that were slower than slow_above.
        slow_above: A bin; the champion's P95 of a while before; None: not known yet.
        spent: What the calls of the model cost whose first request was dispatched then.
    """

    key: Key
    count: int = 0
    errors: int = 0
    latency: Bins = field(default_factory=dict)
    units: Sequence[int] = NONE
    unit_errors: Sequence[int] = NONE
    unit_slow: Sequence[int] = NONE
    slow_above: int | None = None
    spent: Spent = NOTHING


def merge(one: Row, other: Row) -> Row:
    """Return the sum of two rows of one key; where their thresholds differ, the higher one is named.

    Raises:
        ValueError: They are of different keys.
    """
    if one.key != other.key:
        raise ValueError(f"rows of different keys do not add up: {one.key}, {other.key}")
    known = [row.slow_above for row in (one, other) if row.slow_above is not None]
    return Row(
        one.key,
        one.count + other.count,
        one.errors + other.errors,
        add_bins(one.latency, other.latency),
        _add(one.units, other.units),
        _add(one.unit_errors, other.unit_errors),
        _add(one.unit_slow, other.unit_slow),
        max(known) if known else None,
        one.spent + other.spent,
    )


def merge_all(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield one row for each key, in order."""
    found: dict[Key, Row] = {}
    for row in rows:
        found[row.key] = merge(found[row.key], row) if row.key in found else row
    for key in sorted(found):
        yield found[key]


def rename(row: Row, second: int) -> Row:
    """Return the row under another second: sums over several seconds are rows too."""
    return replace(row, key=replace(row.key, second=second))


class Rollups(Protocol):
    """Keeps final rows."""

    def add(self, rows: Sequence[Row]) -> None:
        """Keep rows; one that is there already is added to."""
        ...

    def read(self, model: str, since: int, until: int) -> Iterator[Row]:
        """Yield a model's rows of the seconds from since up to, without, until; in order."""
        ...


def _add(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    return tuple(map(int.__add__, one, other))
