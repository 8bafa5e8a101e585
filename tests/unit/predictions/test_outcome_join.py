"""The latest outcome of each prediction, whatever the order, the repetition and the place in which they were kept."""

import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.adapters.outcomes.history import to_table
from headgate.base.errors import BadInput
from headgate.predictions.join import Joined
from headgate.predictions.outcome import Outcome, micros
from headgate.predictions.redact import concealing, hasher

START = datetime(2026, 3, 1, tzinfo=UTC)
T0 = micros(START)
MINUTE = 60_000_000
LATE = START + timedelta(days=30)


def name(at: int) -> str:
    return str(uuid.UUID(int=at))


def predictions(count: int, units: list[str | None] | None = None, arms: list[str] | None = None) -> pa.Table:
    """One prediction a minute."""
    times = pa.array([T0 + at * MINUTE for at in range(count)], pa.int64()).cast(pa.timestamp("us", "UTC"))
    return pa.table(
        {
            "id": pa.array([name(at) for at in range(count)], pa.string()),
            "row": pa.array([0] * count, pa.int32()),
            "time": times,
            "unit": pa.array(units or [None] * count, pa.string()),
            "arm": pa.array(arms or ["champion"] * count, pa.string()),
            "version": pa.array(["1"] * count, pa.string()),
            "role": pa.array(["live"] * count, pa.string()),
            "status": pa.array([200] * count, pa.int16()),
        }
    )


def said(at: int, value: str, true_at: int | None, received: int) -> Outcome:
    return Outcome(name(at), 0, "", "", None, value, float(len(value)), true_at, received, "http")


def of_unit(unit: str, minute: float, value: str, received: int = 0, model: str = "m") -> Outcome:
    return Outcome("", 0, model, unit, T0 + int(minute * MINUTE), value, None, None, T0 + received, "http")


def join(table: pa.Table, outcomes: list[Outcome], as_of: datetime = LATE, **more: Any) -> dict[str, str | None]:
    joined = Joined("m", table, to_table(outcomes), as_of, **more)
    found = {row["id"]: row["outcome"] for row in joined.table().to_pylist()}
    joined.close()
    return found


def test_the_latest_value_wins_and_both_are_counted() -> None:
    outcomes = [said(0, "no", T0 + 1, T0 + 10), said(0, "yes", T0 + 5, T0 + 20), said(1, "no", None, T0 + 7)]
    joined = Joined("m", predictions(3), to_table(outcomes), LATE)
    rows = joined.table().sort_by("id").to_pylist()
    assert [(row["outcome"], row["said"]) for row in rows] == [("yes", 2), ("no", 1), (None, 0)]
    assert joined.coverage()[0] | {} == {
        "arm": "champion", "role": "live", "version": "1", "predictions": 3, "mature": 3,
        "with_outcome": 2, "mature_with_outcome": 2, "corrected": 1,
    }  # fmt: skip


def test_of_two_at_the_same_time_the_later_arrival_wins_but_a_repetition_is_no_arrival() -> None:
    first, second = said(0, "a", T0, T0 + 1), said(0, "b", T0, T0 + 2)
    again = said(0, "a", T0, T0 + 3)
    assert join(predictions(1), [first, second, again]) == {name(0): "b"}


def test_as_of_a_time_nothing_later_counts() -> None:
    outcomes = [said(0, "early", T0 + MINUTE, T0 + 1), said(0, "late", T0 + 9 * MINUTE, T0 + 1)]
    assert join(predictions(8), outcomes, START + timedelta(minutes=5))[name(0)] == "early"
    assert len(join(predictions(8), outcomes, START + timedelta(minutes=5))) == 6
    joined = Joined("m", predictions(8), to_table(outcomes), START + timedelta(minutes=5), timedelta(minutes=3))
    assert [row["mature"] for row in joined.table().sort_by("id").to_pylist()] == [True] * 3 + [False] * 3


def test_a_unit_and_a_time_name_the_latest_prediction_until_then() -> None:
    table = predictions(6, units=["ada", "joan", "ada", None, "joan", "ada"])
    outcomes = [
        of_unit("ada", 4.5, "x"),
        of_unit("joan", 1, "y"),
        of_unit("joan", 0.5, "early"),
        of_unit("grace", 9, "z"),
    ]
    outcomes.append(of_unit("ada", 5, "of another model", model="n"))
    assert {key: value for key, value in join(table, outcomes).items() if value} == {name(2): "x", name(1): "y"}


def test_hashed_units_meet() -> None:
    hashed = hasher(b"salt")
    table = predictions(1, units=[hashed("ada")])
    assert join(table, [of_unit("ada", 1, "x")], hashed=hashed) == {name(0): "x"}
    assert join(table, [of_unit("ada", 1, "x")]) == {name(0): None}


def test_a_unit_that_was_hashed_before_it_was_written_meets_the_log_whatever_the_policy_says_now() -> None:
    hashed = hasher(b"salt")
    written = concealing({"m": "hash"}, hashed)(of_unit("ada", 1, "x"))
    assert "ada" not in str(written)
    table = predictions(2, units=[hashed("ada"), hashed("bob")])
    for now in (hashed, None):
        assert join(table, [written], hashed=now) == {name(0): "x", name(1): None}
    again = [written, of_unit("ada", 1, "x")]  # said before the policy was changed, and after it
    joined = Joined("m", table, to_table(again), LATE, hashed=hashed)
    assert sorted(row["said"] for row in joined.table().to_pylist()) == [0, 1]
    joined.close()


def test_a_client_cannot_name_the_unit_of_somebody_else_by_its_hash() -> None:
    hashed = hasher(b"salt")
    written = concealing({"m": "hash"}, hashed)(of_unit(f"hashed:{hashed('ada')}", 1, "x"))
    assert join(predictions(1, units=[hashed("ada")]), [written], hashed=hashed) == {name(0): None}


def test_units_that_are_not_kept_name_no_prediction_and_other_outcomes_stay_as_they_are() -> None:
    conceal = concealing({"m": "drop"}, hasher(b"salt"))
    with pytest.raises(BadInput, match="units of model m are not kept: name the prediction by its id"):
        conceal(of_unit("ada", 1, "x"))
    for plain in (said(0, "no", None, T0), of_unit("ada", 1, "x", model="other")):
        assert conceal(plain) is plain


def test_outcomes_wait_for_their_prediction() -> None:
    outcomes = [said(at, "v", T0, T0) for at in range(5)]
    joined = Joined("m", predictions(3), to_table(outcomes), LATE)
    assert joined.parked() == 2
    assert join(predictions(5), outcomes) == {name(at): "v" for at in range(5)}


def test_arms_are_counted_apart() -> None:
    joined = Joined("m", predictions(3, arms=["a", "b", "b"]), to_table([said(1, "v", T0, T0)]), LATE)
    assert [(row["arm"], row["predictions"], row["with_outcome"]) for row in joined.coverage()] == [
        ("a", 1, 0),
        ("b", 2, 1),
    ]


@settings(max_examples=20)
@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.sampled_from("abc"), st.none() | st.integers(0, 3), st.integers(0, 9)),
        max_size=14,
    ),
    st.randoms(use_true_random=False),
)
def test_any_interleaving_of_corrections_and_late_arrivals_gives_the_same_join(
    things: list[tuple[int, str, int | None, int]], dice: random.Random
) -> None:
    outcomes = [
        said(at, value, None if true_at is None else T0 + true_at, T0 + received)
        for at, value, true_at, received in things
    ]
    first = join(predictions(3), outcomes)
    mixed = outcomes + [one for one in outcomes if dice.random() < 0.5]  # sent again: the first arrival counts
    dice.shuffle(mixed)
    assert join(predictions(3), mixed) == first
    for at in range(3):
        mine = [one for one in outcomes if one.id == name(at)]
        assert first[name(at)] == expected(mine)


def expected(outcomes: list[Outcome]) -> str | None:
    """The rule in words of its own: first arrival of each thing said, then by truth, arrival and value."""
    arrivals: dict[tuple[str, int | None], int] = {}
    for one in outcomes:
        key = (one.value, one.true_at)
        arrivals[key] = min(arrivals.get(key, one.received), one.received)
    ranked = [
        (arrived if true_at is None else true_at, arrived, value) for (value, true_at), arrived in arrivals.items()
    ]
    return max(ranked)[2] if ranked else None
