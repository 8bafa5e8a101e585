"""Columns of two arms from rows: aligned by second, cut where asked, and refused where they cannot be."""

import numpy as np
import pytest

from headgate.predictions.rollup import BUCKETS, Key, Row, bin_of, edge
from headgate.release.statistics.counts import Seconds, by_bucket, compare, errors
from headgate.release.statistics.latency import FLOOR_SECONDS, bins_of, compared, cut, slower_than


def row(second: int, arm: str, count: int, bad: int = 0, latency: dict[int, int] | None = None) -> Row:
    units = [0] * BUCKETS
    units[second % BUCKETS] = count
    unit_errors = [0] * BUCKETS
    unit_errors[second % BUCKETS] = bad
    return Row(Key(second, "m", "1", arm, "live"), count, bad, latency or {}, units, unit_errors, unit_errors)


OURS = [row(10, "challenger", 5, 1), row(12, "challenger", 4, 0)]
THEIRS = [row(10, "champion", 95, 2), row(11, "champion", 90, 3), row(12, "champion", 80, 0)]


def test_seconds_are_those_of_either_arm() -> None:
    found = compare(OURS, THEIRS, errors)
    assert found.second.tolist() == [10, 11, 12]
    assert found.m.tolist() == [5, 0, 4]
    assert found.n.tolist() == [100, 90, 84]
    assert found.k.tolist() == [1, 0, 0]
    assert found.events.tolist() == [3, 3, 0]


def test_no_rows_are_no_seconds() -> None:
    assert len(compare([], [], errors)) == 0


def test_slices_are_by_second() -> None:
    found = compare(OURS, THEIRS, errors)
    assert found.since(11).second.tolist() == [11, 12]
    assert found.until(11).second.tolist() == [10]
    assert len(found.since(11).until(12)) == 1


@pytest.mark.parametrize(("m", "n", "k", "events"), [(1, 5, 2, 2), (3, 5, 0, 3), (2, 5, 2, 1), (2, 5, -1, 1)])
def test_what_cannot_have_happened_is_refused(m: int, n: int, k: int, events: int) -> None:
    with pytest.raises(ValueError, match="more events than requests"):
        Seconds(np.array([0]), *(np.array([value]) for value in (m, n, k, events)))


def test_seconds_out_of_order_are_refused() -> None:
    nothing = np.zeros(2, np.int64)
    with pytest.raises(ValueError, match="ascend"):
        Seconds(np.array([2, 1]), nothing, nothing, nothing, nothing)


def test_buckets_are_counted_by_second() -> None:
    units, bad = by_bucket(THEIRS, 10, 12)
    assert units.shape == (2, BUCKETS)
    assert (units[0, 10], units[1, 11], units.sum()) == (95, 90, 185)
    assert bad.sum() == 5


FAST, SLOW = bin_of(0.02), bin_of(0.2)
PAST = {FAST: 96, SLOW: 4}


def test_slow_begins_above_the_champions_past_quantile() -> None:
    assert cut(PAST, 0.95).number == FAST
    assert cut(PAST, 0.99).number == SLOW
    assert slower_than(FAST)(row(1, "champion", 100, latency=PAST)) == 4


def test_below_the_floor_slow_begins_at_the_floor() -> None:
    found = cut({bin_of(0.001): 100}, 0.95)
    assert found.lifted
    assert edge(found.number) >= FLOOR_SECONDS
    assert edge(found.number - 1) < FLOOR_SECONDS
    assert not cut(PAST, 0.95).lifted


def test_a_margin_moves_the_challengers_histogram() -> None:
    assert bins_of(1.3) == 13
    assert bins_of(1.0) == 0
    where = cut(PAST, 0.95)
    ours = [row(1, "challenger", 10, latency={FAST + 13: 6, FAST + 14: 4})]
    theirs = [row(1, "champion", 100, latency=PAST)]
    assert compared(ours, theirs, where).k.tolist() == [10]
    found = compared(ours, theirs, where, 1.3)
    assert (found.k.tolist(), found.events.tolist()) == ([4], [8])
