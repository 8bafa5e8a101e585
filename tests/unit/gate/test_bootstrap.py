"""The paired bootstrap: the same draws for both, the same seed the same bound, and undefined draws counted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.gate.bootstrap import draws, paired
from headgate.training.metrics import METRICS
from headgate.training.resampled import Floats

MAE = METRICS["mae"]


@given(st.integers(1, 400), st.integers(1, 50), st.integers(0, 2**32 - 1))
def test_every_draw_has_as_many_rows_as_the_data(rows: int, resamples: int, seed: int) -> None:
    counts = np.concatenate(list(draws(rows, resamples, seed)))
    assert counts.shape == (resamples, rows)
    assert (counts.sum(axis=1) == rows).all()


def test_draws_are_the_same_whatever_the_size_of_a_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(draws(50, 40, 3)))
    monkeypatch.setattr("headgate.gate.bootstrap.CHUNK", 120)
    assert (np.concatenate(list(draws(50, 40, 3))) == whole).all()


def test_the_bound_agrees_with_a_bootstrap_of_repeated_rows() -> None:
    rng = np.random.default_rng(5)
    labels = rng.normal(0, 1, 300)
    ours, theirs = labels + rng.normal(0, 1, 300), labels + rng.normal(0, 1.3, 300)
    found = paired(
        MAE.kernel(labels, ours, ()),
        MAE.kernel(labels, theirs, ()),
        300,
        higher_is_better=False,
        confidence=0.9,
        seed=1,
    )
    each = np.abs(theirs - labels) - np.abs(ours - labels)
    picks = np.random.default_rng(77).integers(0, 300, (4000, 300))
    assert found.gain == pytest.approx(each.mean())
    assert found.bound == pytest.approx(np.quantile(each[picks].mean(axis=1), 0.1), abs=0.01)


def test_the_same_seed_gives_the_same_bound_and_another_one_does_not() -> None:
    rng = np.random.default_rng(5)
    labels = rng.normal(0, 1, 300)
    ours, theirs = (MAE.kernel(labels, labels + rng.normal(0, 1, 300), ()) for _ in range(2))

    def bound(seed: int) -> float:
        return paired(ours, theirs, 300, higher_is_better=False, confidence=0.95, seed=seed).bound

    assert bound(1) == bound(1)
    assert bound(1) != bound(2)


def test_draws_without_a_value_are_counted() -> None:
    def half(counts: Floats) -> Floats:
        return np.where(np.arange(len(counts)) % 2 == 0, 1.0, np.nan)

    found = paired(
        half, lambda counts: np.zeros(len(counts)), 10, higher_is_better=True, confidence=0.9, seed=0, resamples=100
    )
    assert (found.draws, found.undefined, found.bound) == (50, 0.5, 1.0)
