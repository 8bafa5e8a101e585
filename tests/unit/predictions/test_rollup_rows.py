"""Rollups add up: in any order and grouping, and a quantile of the sum is that of all requests to within 2 %."""

import math
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.adapters.rollups.store import KEEP_SECONDS, SqliteRollups
from headgate.predictions.rollup import BUCKETS, Key, Row, bin_of, bucket_of, edge, merge, merge_all, quantile
from headgate.predictions.spent import Spent, add_call

KEY = Key(1_700_000_000, "m", "1", "champion", "live")
latencies = st.lists(st.floats(2e-6, 500), min_size=1, max_size=40)


def row_of(seconds: list[float], key: Key = KEY, slow: int | None = None) -> Row:
    bins: dict[int, int] = {}
    units = [0] * BUCKETS
    for at, one in enumerate(seconds):
        bins[bin_of(one)] = bins.get(bin_of(one), 0) + 1
        units[bucket_of(b"%d" % at)] += 1
    return Row(key, len(seconds), len(seconds) // 3, bins, tuple(units), slow_above=slow)


@given(st.floats(1e-9, 1e4))
def test_a_latency_lies_in_its_bin(seconds: float) -> None:
    number = bin_of(seconds)
    assert seconds <= edge(number) * (1 + 1e-6) or number == 1023
    assert number in (0, 1023) or seconds >= edge(number - 1) * (1 - 1e-6)


def test_every_edge_lies_in_its_own_bin() -> None:
    assert [bin_of(edge(number)) for number in range(1024)] == list(range(1024))


@given(latencies, latencies, latencies)
def test_merging_is_associative_and_equals_counting_all_at_once(a: list[float], b: list[float], c: list[float]) -> None:
    one, two, three = row_of(a), row_of(b), row_of(c)
    left, right = merge(merge(one, two), three), merge(one, merge(three, two))
    assert left == right
    assert (left.count, sum(left.units)) == (len(a + b + c),) * 2
    assert left.latency == row_of(a + b + c).latency


@given(latencies, st.floats(0, 1))
def test_a_quantile_is_right_within_2_percent(seconds: list[float], share: float) -> None:
    exact = sorted(seconds)[max(0, math.ceil(share * len(seconds)) - 1)]
    assert exact * (1 - 1e-6) <= quantile(row_of(seconds).latency, share) <= exact * 1.02 * (1 + 1e-6)


def test_rows_of_different_keys_do_not_add_up() -> None:
    with pytest.raises(ValueError, match="different keys"):
        merge(row_of([1.0]), row_of([1.0], Key(1, "m", "1", "champion", "live")))


def test_buckets_are_even() -> None:
    counts = np.bincount([bucket_of(b"unit-%d" % at) for at in range(32_000)], minlength=BUCKETS)
    assert counts.min() > 850
    assert counts.max() < 1150


def test_the_file_gives_back_what_was_kept_and_adds_to_what_is_there(tmp_path: Path) -> None:
    store = SqliteRollups(tmp_path / "state" / "rollups.db")
    assert list(store.read("m", 0, 2**40)) == []
    later = Key(KEY.second + 1, "m", "2", "challenger", "live")
    rows = [row_of([0.001, 0.002], slow=300), row_of([3.0] * 5, later)]
    store.add(rows)
    store.add([row_of([0.5])])
    whole = list(merge_all([*rows, row_of([0.5])]))
    assert list(store.read("m", KEY.second, KEY.second + 2)) == whole
    assert list(store.read("m", KEY.second + 1, KEY.second + 2)) == whole[1:]
    assert list(store.read("other", 0, 2**40)) == []


def test_what_calls_cost_adds_up_and_comes_back_from_the_file(tmp_path: Path) -> None:
    sums = [[0.0] * 6, [0.0] * 6]
    for rows, micros in ((3, 40), (1, 25)):
        add_call(sums[0], rows, micros * 1e-6)
    add_call(sums[1], 2, 31.4e-6)
    one, two = (replace(row_of([0.1]), spent=Spent.of(each)) for each in sums)
    assert one.spent == Spent(2, 4, 65, 10, 145, 2225)
    assert merge(one, two).spent == Spent(3, 6, 96, 14, 208, 3211)
    store = SqliteRollups(tmp_path / "rollups.db")
    for row in (one, two):
        store.add([row])
    assert list(store.read("m", 0, 2**40)) == [merge(one, two)]


def test_a_file_of_an_earlier_release_is_read_as_it_is_and_gets_what_it_lacks_when_it_is_written(
    tmp_path: Path,
) -> None:
    path, later = tmp_path / "rollups.db", Key(KEY.second + 1, "m", "1", "champion", "live")
    old, new = row_of([0.1, 0.2]), replace(row_of([0.3], later), spent=Spent(1, 1, 20, 1, 20, 400))
    SqliteRollups(path).add([old])
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("ALTER TABLE rollup DROP COLUMN spent")
    before = path.read_bytes()
    assert list(SqliteRollups(path).read("m", 0, 2**40)) == [old]
    assert path.read_bytes() == before
    SqliteRollups(path).add([new, replace(row_of([0.1]), spent=new.spent)])
    assert [row.spent for row in SqliteRollups(path).read("m", 0, 2**40)] == [new.spent, new.spent]


def test_rows_older_than_seven_days_go(tmp_path: Path) -> None:
    store = SqliteRollups(tmp_path / "rollups.db")
    store.add([row_of([0.1])])
    store.add([row_of([0.1], Key(KEY.second + KEEP_SECONDS + 10, "m", "1", "champion", "live"))])
    assert len(list(store.read("m", 0, 2**40))) == 1
