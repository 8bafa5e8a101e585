"""Ticks counted together fall where each would have fallen alone."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.gateway.metrics.meter import MOST_TICKS, Meter
from headgate.gateway.metrics.ticks import by_second
from headgate.predictions.rollup import BUCKETS, bin_of, edge

ticks = st.tuples(st.floats(0, 100), st.floats(0, 700), st.integers(1, 64))


@given(st.lists(ticks, min_size=1, max_size=40))
def test_counting_together_is_counting_one_by_one(some: list[tuple[float, float, int]]) -> None:
    alone: Counter[tuple[int, int]] = Counter()
    for since, latency, count in some:
        alone[int(since + 0.25), bin_of(latency)] += count
    together = {(second, number): count for second, bins in by_second(some, 0.25) for number, count in bins.items()}
    assert together == alone


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
