"""What an A/B test shows and a bandit asks for: known values, seeds, floors, chances."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.release.bandit import Tally, seed_of, shares, tally, window_of
from headgate.release.chronicle import Split
from headgate.release.judging.answers import Answers, First
from headgate.release.offpolicy import estimate
from headgate.release.propensity import SETTLING, alone, chances, settled
from headgate.release.segments import LEAST, cells, mean_difference, rate_difference, wilson

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = int(NOON.timestamp())
Z = 1.959963984540054


def test_wilson_and_newcombe_are_the_published_ones() -> None:
    """Newcombe 1998, tables I: 81/263 (method 3), and II: 56/70 - 48/80 (method 10)."""
    assert wilson(81, 263, Z) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 20, Z) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert rate_difference(56, 70, 48, 80, Z) == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_segments_are_those_that_are_large_enough_and_widen_with_their_number() -> None:
    dice = np.random.default_rng(1)
    side = np.repeat(np.array([0, 1]), 1_000)
    good = (dice.random(2_000) < 0.3).astype(float)
    origin = np.array((["SFO"] * 700 + ["JFK"] * 260 + ["BOS"] * 40) * 2, np.object_)
    gone = np.full(2_000, None, np.object_)
    one = cells(["bold"], side, good, {"origin": origin, "gone": gone})
    assert [(cell.value, cell.rows, cell.champion_rows) for cell in one] == [("SFO", 700, 700), ("JFK", 260, 260)]
    some = np.array([one if one == "SFO" else None for one in origin], np.object_)
    alone = cells(["bold"], side, good, {"origin": some})
    assert alone[0].high - alone[0].low < one[0].high - one[0].low
    assert one[0].low < one[0].difference < one[0].high
    assert cells(["bold"], side[:LEAST], good[:LEAST], {"origin": origin[:LEAST]}) == ()


def test_means_are_compared_as_means() -> None:
    ours, theirs = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 1.0, 2.0, 2.0])
    assert mean_difference(ours, theirs, 2.0) == pytest.approx((1 - 2 * 0.7071, 1 + 2 * 0.7071), abs=1e-3)


def test_a_bandit_gives_an_arm_the_chance_that_it_is_the_best() -> None:
    even = shares({"champion": Tally(), "bold": Tally()}, 0.05, 1, rates=True)
    assert even == pytest.approx({"champion": 0.5, "bold": 0.5}, abs=0.02)
    sure = shares({"champion": Tally(1_000, 300), "bold": Tally(1_000, 100)}, 0.05, 1, rates=True)
    assert sure == pytest.approx({"champion": 0.95, "bold": 0.05})
    # P(Beta(2, 1) > Beta(1, 1)) = 2/3
    lucky = shares({"champion": Tally(1, 1.0), "bold": Tally()}, 0.1, 1, rates=True)
    assert lucky["champion"] == pytest.approx(0.1 + 0.8 * 2 / 3, abs=0.02)


def test_a_bandit_over_means_waits_for_enough_and_knows_which_is_larger() -> None:
    small, large = tally(np.linspace(0, 1, 40)), tally(np.linspace(5, 6, 40))
    assert shares({"champion": small, "bold": Tally(5, 3.0, 2.0)}, 0.05, 1, rates=False) == {}
    assert shares({"champion": small, "bold": large}, 0.05, 1, rates=False)["bold"] == pytest.approx(0.95)
    assert tally(np.array([1.0])) + Tally(1, 2.0, 4.0) == Tally(2, 3.0, 5.0)


@given(
    st.lists(st.tuples(st.integers(0, 500), st.floats(0, 1)), min_size=2, max_size=5),
    st.floats(0.01, 0.2),
    st.integers(0, 99),
)
def test_shares_are_whole_never_below_the_least_and_the_same_again(
    arms: list[tuple[int, float]], least: float, window: int
) -> None:
    seen = {f"arm{at}": Tally(n, float(int(n * part))) for at, (n, part) in enumerate(arms)}
    found = shares(seen, least, seed_of("late-1", window), rates=True)
    assert sum(found.values()) == pytest.approx(1)
    assert min(found.values()) >= least - 1e-9
    assert shares(seen, least, seed_of("late-1", window), rates=True) == found


def test_windows_are_counted_from_when_the_rung_began() -> None:
    every = timedelta(minutes=10)
    assert [window_of(NOON, NOON + minutes * timedelta(minutes=1), every) for minutes in (-1, 0, 9, 10, 25)] == [
        0, 0, 0, 1, 2,
    ]  # fmt: skip
    assert seed_of("late-1", 1) not in {seed_of("late-1", 2), seed_of("late-2", 1)}


def test_chances_are_those_of_the_second_and_what_nobody_knows_is_left_out() -> None:
    splits = [
        Split(NOON, 3, {"champion": 0.5, "bold": 0.5}, {}),
        Split(NOON + timedelta(seconds=60.4), 4, {"champion": 0.9, "bold": 0.1}, {}),
    ]
    second = SECOND + np.array([-1, 0, 10, 59, 60, 61, 65, 66])
    assert chances(splits, "bold", second).tolist() == [0.0, 0.5, 0.5, 0.5, 0.5, 0.1, 0.1, 0.1]
    assert settled(splits, second).tolist() == [False, False, True, True, False, False, False, True]
    assert chances(splits, "shy", second).tolist() == [0.0] * 8
    assert SETTLING == 5


def test_an_estimate_refuses_what_was_never_tried() -> None:
    yes, one = np.array([True, False]), np.array([1.0, 1.0])
    with pytest.raises(ValueError, match="what was never tried"):
        estimate(yes, one, np.array([0.5, 0.0]))
    assert estimate(np.array([False, False]), one, np.array([0.5, 0.5])) is None
    found = estimate(yes, one, np.array([0.5, 0.5]))
    assert found is not None
    assert (found.ips, found.snips, found.naive, found.rows) == (1.0, 1.0, 1.0, 1)


def test_a_unit_that_shares_moved_counts_where_it_was_first() -> None:
    """Each of 20,000 sticky units comes in two windows; the shares of the arm rise from 0.2 to 0.5 between them."""
    units, late = 20_000, NOON + timedelta(minutes=10)
    splits = [
        Split(NOON, 3, {"champion": 0.8, "bold": 0.2}, {}),
        Split(late, 4, {"champion": 0.5, "bold": 0.5}, {}),
    ]
    place = np.random.default_rng(5).random(units)
    side = np.concatenate([place < 0.2, place < 0.5]).astype(np.int64)
    names = np.array([f"u{number}" for number in range(units)] * 2, np.object_)
    second = np.repeat([SECOND + 60, int(late.timestamp()) + 60], units)
    nothing = np.full(2 * units, None, np.object_)
    answers = Answers(second, side, names, nothing, nothing, np.full(2 * units, np.nan))
    first = First().of(answers)  # as segments count them: each unit once on each side
    found = alone(splits, ("champion", "bold"), answers.where(first), np.ones(int(first.sum())))
    assert {name: one.ips for name, one in found.items()} == pytest.approx({"champion": 1, "bold": 1}, abs=0.05)
    assert sum(one.rows for one in found.values()) == units
