"""Outcomes from files: what each cell means, which columns there must be, and which rows are bad."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from headgate.base.errors import BadInput
from headgate.predictions.filed import check_columns, outcomes
from headgate.predictions.outcome import Outcome, micros

ID = str(uuid.UUID(int=7))


def test_cells_mean_what_they_say() -> None:
    cells = ["true", "FALSE", "3", "0.5", "late", "nan", "1e3", "007"]
    made = [one for _, one in outcomes([{"id": ID, "value": cell} for cell in cells], 1, 5, "a.csv")]
    assert [one.value for one in made if isinstance(one, Outcome)] == [
        *("true", "false", "3", "0.5", "late", "nan", "1000.0", "7")
    ]
    first = made[0]
    assert isinstance(first, Outcome)
    assert (first.received, first.source, first.true_at, first.number) == (5, "a.csv", None, 1.0)


def test_times_come_as_text_or_typed_and_empty_cells_are_missing() -> None:
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    rows: list[dict[str, Any]] = [
        {"id": "", "model": "m", "unit": "u", "time": "2026-03-01T12:00:00Z", "value": 1, "true_at": None},
        {"id": None, "model": "m", "unit": "u", "time": at.replace(tzinfo=None), "value": 1, "true_at": at},
        {"id": ID, "row": "2", "value": "1"},
    ]
    made = [one for _, one in outcomes(rows, 1, 5, "a")]
    assert [(one.time, one.true_at, one.row) for one in made if isinstance(one, Outcome)] == [
        (micros(at), None, 0),
        (micros(at), micros(at), 0),
        (None, None, 2),
    ]


def test_bad_rows_are_named_and_the_others_are_not() -> None:
    rows = [
        {"id": ID, "value": "1"},
        {"id": "x", "value": "1"},
        {"value": "1"},
        {"id": ID, "value": ""},
        {"id": ID, "row": "a", "value": "1"},
    ]
    made = dict(outcomes(rows, 11, 5, "a"))
    assert isinstance(made[11], Outcome)
    assert "no prediction id" in str(made[12])
    assert "names its prediction" in str(made[13])
    assert "missing required field `value`" in str(made[14])
    assert "$.row" in str(made[15])


@pytest.mark.parametrize(
    ("names", "what"),
    [
        (["id", "valu"], "unknown column valu"),
        (["id"], "a column is missing"),
        (["value", "unit", "time"], "a column is missing"),
        ([], "a column is missing"),
    ],
)
def test_a_file_without_the_columns_is_refused(names: list[str], what: str) -> None:
    with pytest.raises(BadInput, match=what):
        check_columns(names, "a.csv")


def test_either_way_to_name_a_prediction_will_do() -> None:
    check_columns(["id", "value", "row", "true_at"], "a.csv")
    check_columns(["model", "unit", "time", "value"], "a.csv")
