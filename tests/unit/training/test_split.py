"""The past trains, the last span judges, and no label is used before it was known."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.errors import BadInput
from headgate.policy.model import SplitPolicy
from headgate.training.split import Split, Times, moment, split, stamp

START = datetime(2013, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hours(*offsets: float) -> Times:
    return np.array([stamp(START + offset * HOUR) for offset in offsets], "datetime64[us]")


def cut(times: Times, known: Times | None = None, *, labelled: list[bool] | None = None, **policy: str) -> Split:
    there = np.ones(len(times), np.bool_) if labelled is None else np.array(labelled)
    return split(times, there, known, SplitPolicy.model_validate({"holdout": "2h", **policy}), "data.csv")


def test_without_until_the_last_row_is_held_out() -> None:
    made = cut(hours(0, 1, 2, 3, 4))
    assert made.until == START + 4 * HOUR + timedelta(microseconds=1)
    assert made.train.tolist() == [True, True, True, False, False]
    assert made.heldout.tolist() == [False, False, False, True, True]


def test_bounds_are_half_open() -> None:
    made = cut(hours(0, 1, 2, 3, 4), train_from="2013-01-01T01:00:00Z", until="2013-01-01T04:00:00Z")
    assert made.train.tolist() == [False, True, False, False, False]
    assert made.heldout.tolist() == [False, False, True, True, False]
    assert made.left_out == {
        "earlier than 2013-01-01T01:00:00+00:00": 1,
        "at 2013-01-01T04:00:00+00:00 or later": 1,
    }


def test_a_zone_is_heeded() -> None:
    assert cut(hours(0, 1, 2, 3, 4), until="2012-12-31T23:00:00-05:00").until == START + 4 * HOUR


def test_a_label_that_was_not_known_when_training_ended_does_not_train() -> None:
    made = cut(hours(0, 1, 2, 3, 4), hours(9, 1.99, 2, 9, 9), until="2013-01-01T04:00:00Z")
    assert made.train.tolist() == [False, True, False, False, False]
    assert made.heldout.tolist() == [False, False, True, True, False]  # judged later, when it is known
    assert made.left_out["with a label that was not yet known at 2013-01-01T02:00:00+00:00"] == 1


def test_a_label_known_at_the_very_end_of_training_is_not_known_before_it() -> None:
    until = "2013-01-01T04:00:00Z"
    assert cut(hours(0, 1, 3), hours(2, 1.5, 9), until=until).train.tolist() == [False, True, False]


def test_rows_without_a_label_do_neither() -> None:
    made = cut(hours(0, 1, 3, 4), labelled=[True, False, True, False])
    assert made.train.tolist() == [True, False, False, False]
    assert made.heldout.tolist() == [False, False, True, False]
    assert made.left_out == {"without a label": 2}


def test_no_row_to_train_is_refused_with_dates() -> None:
    with pytest.raises(BadInput) as caught:
        cut(hours(0, 1), holdout="3d")
    words = str(caught.value)
    assert "data.csv: no rows train: they would lie from 2013-01-01T00:00:00+00:00 to 2012-12-29T01:00:00" in words
    assert "the data from 2013-01-01T00:00:00+00:00 to 2013-01-01T01:00:00+00:00" in words
    assert "split.holdout (now 3d)" in words


def test_no_row_to_judge_is_refused_saying_where_the_rows_went() -> None:
    with pytest.raises(BadInput) as caught:
        cut(hours(0, 1, 9), until="2013-01-01T08:00:00Z")
    assert "no rows are held out: they would lie from 2013-01-01T06:00:00+00:00" in str(caught.value)
    assert "1 rows are at 2013-01-01T08:00:00+00:00 or later" in str(caught.value)


def test_no_rows_at_all_are_refused() -> None:
    with pytest.raises(BadInput, match="there are no rows to split"):
        cut(hours())


@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(0, 50), st.booleans()), min_size=1, max_size=60),
    st.integers(1, 80),
)
def test_training_never_sees_what_was_not_known_and_no_row_is_used_twice(
    rows: list[tuple[float, float, bool]], holdout: int
) -> None:
    times, known = hours(*(at for at, _, _ in rows)), hours(*(at + wait for at, wait, _ in rows))
    labelled = [there for _, _, there in rows]
    try:
        made = cut(times, known, labelled=labelled, holdout=f"{holdout}h")
    except BadInput:
        return  # nothing left to train or to judge
    assert not (made.train & made.heldout).any()
    assert moment(known[made.train].max()) < made.held_from <= moment(times[made.heldout].min())
    assert made.train.sum() + made.heldout.sum() + sum(made.left_out.values()) == len(rows)
