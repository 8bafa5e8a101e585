"""The paired bootstrap: the same draws for both, the same seed the same bound, and undefined draws counted."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.gate.bootstrap import Gain, draws, paired, tail, time_blocks
from headgate.training.metrics import METRICS
from headgate.training.resampled import Floats

MAE = METRICS["mae"]


@given(st.integers(1, 400), st.integers(1, 50), st.integers(0, 2**32 - 1))
def test_every_draw_has_as_many_rows_as_the_data(rows: int, resamples: int, seed: int) -> None:
    counts = np.concatenate(list(draws(np.arange(rows), rows, resamples, seed)))
    assert counts.shape == (resamples, rows)
    assert (counts.sum(axis=1) == rows).all()


def test_draws_are_the_same_whatever_the_size_of_a_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(draws(np.arange(50), 50, 40, 3)))
    monkeypatch.setattr("headgate.gate.bootstrap.CHUNK", 120)
    assert (np.concatenate(list(draws(np.arange(50), 50, 40, 3))) == whole).all()


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
    assert (found.undefined, found.bound) == (0.5, 1.0)


def test_rows_of_a_block_are_drawn_together() -> None:
    of = np.array([0, 0, 1, 1, 1, 2])
    counts = np.concatenate(list(draws(of, 3, 50, 1)))
    assert (counts[:, 0] == counts[:, 1]).all()
    assert (counts[:, 2] == counts[:, 4]).all()
    assert (counts[:, [0, 2, 5]].sum(axis=1) == 3).all()


def test_rows_that_share_their_hour_make_the_bound_wider_and_it_says_so() -> None:
    rng = np.random.default_rng(3)
    hours = np.repeat(np.arange(40), 50)
    labels = rng.normal(0, 1, 2000)
    theirs = labels + 1.0
    ours = labels + 0.9 + rng.normal(0, 0.3, 40)[hours]
    kernels = MAE.kernel(labels, ours, ()), MAE.kernel(labels, theirs, ())

    def bound(blocks: dict[str, npt.NDArray[np.int64]]) -> Gain:
        return paired(*kernels, rows=2000, higher_is_better=False, confidence=0.95, seed=1, blocks=blocks)

    alone, together = bound({}), bound({"hours": hours})
    assert (alone.unit, together.unit, together.units) == ("rows", "hours", 40)
    assert together.gain == alone.gain
    assert together.gain - together.bound > 3 * (alone.gain - alone.bound)


def test_blocks_of_time_need_to_be_many_and_fewer_than_the_rows() -> None:
    minutes = np.datetime64("2026-03-01T00:00", "us") + np.arange(3000) * np.timedelta64(1, "m")
    assert set(time_blocks(minutes)) == {"hours"}
    assert set(time_blocks(minutes[:500])) == set()
    hourly = np.datetime64("2026-03-01T00:00", "us") + np.arange(300) * np.timedelta64(1, "h")
    assert set(time_blocks(hourly)) == {"days"}


def test_few_units_are_trusted_less() -> None:
    assert tail(0.95, 100_000) == pytest.approx(0.05, abs=1e-4)
    assert tail(0.95, 15) < 0.04
    assert tail(0.95, 1) == 0.0
