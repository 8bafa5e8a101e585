"""Ticks counted together fall where each would have fallen alone."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.gateway.metrics.meter import MOST_TICKS, Meter
from headgate.gateway.metrics.ticks import add_up, by_second
from headgate.predictions.rollup import BUCKETS, bin_of, edge
from headgate.predictions.spent import add_call

ticks = st.tuples(st.floats(0, 100), st.floats(0, 700), st.integers(1, 64))


@given(st.lists(ticks, min_size=1, max_size=40))
def test_counting_together_is_counting_one_by_one(some: list[tuple[float, float, int]]) -> None:
    alone: Counter[tuple[int, int]] = Counter()
    for since, latency, count in some:
        alone[int(since + 0.25), bin_of(latency)] += count
    together = {(second, number): count for second, bins in by_second(some, 0.25) for number, count in bins.items()}
    assert together == alone


calls = st.tuples(st.floats(0, 5), st.integers(1, 5000), st.floats(0, 700), st.floats(0, 1))


@given(st.lists(calls, min_size=1, max_size=40))
def test_adding_calls_up_together_is_adding_them_one_by_one(some: list[tuple[float, int, float, float]]) -> None:
    spent: dict[int, list[float]] = {}
    for since, rows, _, cpu in some:
        add_call(spent.setdefault(int(since + 0.25), [0.0] * 6), rows, cpu)
    told = add_up(some, 0.25)
    assert set(told.spent) == set(spent)
    for second, sums in spent.items():
        assert told.spent[second] == pytest.approx(sums)
    assert told.sizes == Counter(rows.bit_length() for _, rows, _, _ in some)
    assert told.delays == Counter(bin_of(delay) for _, _, delay, _ in some)
    assert told.rows == sum(call[1] for call in some)
    assert told.cpu == pytest.approx(sum(call[3] for call in some))


@pytest.mark.parametrize("number", [0, 1, 17, 400, 900])
def test_a_latency_on_an_edge_belongs_to_the_bin_below_it(number: int) -> None:
    assert list(by_second([(5.0, edge(number), 3)], 0.0)) == [(5, {number: 3})]


def test_what_waits_to_be_counted_is_told_and_is_bounded() -> None:
    meter = Meter(0.0)
    tally = meter.tally("m", "1", "champion")
    for _ in range(MOST_TICKS + 1):
        tally.done(7.0, 0.001, 2, failed=False, units=None)
    (arm,) = meter.take(8.0, dict).arms
    (second,) = arm.seconds
    assert (second.second, second.count, second.errors) == (7, 2 * (MOST_TICKS + 1), 0)
    assert second.latency == {bin_of(0.001): 2 * (MOST_TICKS + 1)}
    assert sum(second.units) == second.count
    assert max(second.units) - min(second.units) <= 2 * BUCKETS
    assert meter.take(9.0, dict).arms == []
