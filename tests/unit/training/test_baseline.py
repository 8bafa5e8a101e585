"""Baselines: what is counted in parts and merged equals what is counted at once."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.errors import BadInput
from headgate.training.baseline import BINS, Categories, Numbers, Summary, from_json, merge, summarise, to_json

values = st.lists(st.one_of(st.just(float("nan")), st.floats(-1e6, 1e6, width=32)), max_size=60)
words = st.lists(st.one_of(st.none(), st.sampled_from(["a", "b", "c", ""])), max_size=60)


def numbers(column: Any, like: Any = None) -> Numbers:
    part = summarise({"x": np.asarray(column, np.float64)}, like)["x"]
    assert isinstance(part, Numbers)
    return part


def categories(column: list[str | None]) -> Categories:
    part = summarise({"x": np.array([*column, None], object)[:-1]})["x"]
    assert isinstance(part, Categories)
    return part


@given(values)
def test_every_value_is_counted_once_and_none_lies_outside_its_own_edges(column: list[float]) -> None:
    part = numbers(column)
    assert part.count == len(column)
    assert sum(part.counts) + part.missing == part.count
    assert part.counts[0] == 0
    assert part.counts[-1] == 0 or not part.edges
    assert list(part.edges) == sorted(set(part.edges))
    assert len(part.edges) <= BINS + 1


@given(values, values)
def test_two_windows_on_the_baselines_edges_merge_to_the_whole(first: list[float], second: list[float]) -> None:
    base = {"x": numbers([*range(10)])}
    whole = numbers([*first, *second], base)
    both = merge(numbers(first, base), numbers(second, base))
    assert isinstance(both, Numbers)
    assert (both.count, both.missing, both.counts) == (whole.count, whole.missing, whole.counts)
    assert (both.least, both.greatest) == (whole.least, whole.greatest)
    assert both.total == pytest.approx(whole.total)
    assert both.squares == pytest.approx(whole.squares)


@given(words, words)
def test_categories_merge_to_the_whole(first: list[str | None], second: list[str | None]) -> None:
    assert merge(categories(first), categories(second)) == categories([*first, *second])


@given(values, words)
def test_what_is_written_is_read_back(column: list[float], kinds: list[str | None]) -> None:
    parts: dict[str, Summary] = {"x": numbers(column), "k": categories(kinds)}
    assert from_json(json.loads(json.dumps(to_json(parts), allow_nan=False))) == parts


def test_a_constant_column_is_one_bin() -> None:
    part = numbers([7.0, 7.0])
    assert part.counts == (0, 2, 0)
    assert numbers([6.9, 7.0, 7.1], {"x": part}).counts == (1, 1, 1)


def test_values_beyond_the_baseline_are_counted_at_its_ends() -> None:
    base = {"x": numbers([0, 1, 2])}
    assert numbers([-5, 0.5, 2, 9], base).counts == (1, 1, 1, 1)


def test_bins_hold_equal_shares_of_the_training_values() -> None:
    part = numbers(np.random.default_rng(0).normal(size=10_000))
    assert len(part.edges) == BINS + 1
    assert max(part.counts[1:-1]) - min(part.counts[1:-1]) <= 2


def test_summaries_on_different_edges_do_not_merge() -> None:
    with pytest.raises(BadInput, match="different edges") as caught:
        merge(numbers([1, 2, 3]), numbers([4, 5, 6]))
    assert "like=" in caught.value.way_out


def test_rare_categories_become_other_and_none_is_lost() -> None:
    part = categories([f"v{at}" for at in range(1500)])
    assert (len(part.top), part.other, part.count) == (1000, 500, 1500)


def test_times_vectors_and_booleans_have_summaries() -> None:
    columns = {
        "at": np.array(["1970-01-01T00:00:10", "NaT"], "datetime64[us]"),
        "p": np.array([[0.25, 0.75]], np.float32),
        "b": np.array([True, False, True]),
    }
    parts = summarise(columns)
    at, b = parts["at"], parts["b"]
    assert isinstance(at, Numbers)
    assert (at.missing, at.least) == (1, 10.0)
    assert set(parts) == {"at", "p[0]", "p[1]", "b"}
    assert isinstance(b, Categories)
    assert b.top == {"True": 2, "False": 1}
