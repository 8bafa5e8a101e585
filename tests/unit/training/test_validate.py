"""Bad data is refused before anything is trained on it: every problem at once, with column, count and first rows."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headgate.base.errors import BadInput, Leak
from headgate.policy.model import ModelPolicy
from headgate.training.validate import ValidationReport, validate

TIME = pa.timestamp("us", "UTC")
START = datetime(2013, 1, 1, tzinfo=UTC)
ROWS = 60
COLUMNS: dict[str, dict[str, Any]] = {
    "id": {"type": "string"},
    "at": {"type": "timestamp"},
    "x": {"type": "float", "missing": True, "at_least": 0, "at_most": 1},
    "n": {"type": "int", "missing": True},
    "s": {"type": "string", "one_of": ["JFK", "LGA"]},
    "b": {"type": "bool"},
    "delay": {"type": "float"},
    "y": {"type": "int"},
    "known": {"type": "timestamp"},
    "true": {"type": "timestamp"},
}


def policy(task: str = "binary", **changes: Any) -> ModelPolicy:
    columns = {**COLUMNS, **changes.get("columns", {})}
    label = {"column": "y", "known_at": "known", "true_at": "true"}
    data = {"source": "rows.csv", "id": "id", "time": "at", "label": label, "columns": columns, "future": ["delay"]}
    inputs = changes.get("inputs", ["x", "n", "s", "b"])
    features = {"inputs": inputs, "stored": changes.get("stored", {})}
    lines = [{"kind": "size", "at_most_mb": 1}]
    body = {"task": task, "data": data, "features": features, "split": {"holdout": "1d"}, "scorecard": lines}
    return ModelPolicy.model_validate(body)


def rows(**changes: Any) -> pa.Table:
    random = np.random.default_rng(3)
    hours = [START + timedelta(hours=row) for row in range(ROWS)]
    columns: dict[str, Any] = {
        "id": [f"r{row}" for row in range(ROWS)],
        "at": pa.array(hours, TIME),
        "x": pa.array([None, *random.random(ROWS - 1).tolist()], pa.float64()),
        "n": pa.array([None, *random.integers(0, 9, ROWS - 1).tolist()], pa.int64()),
        "s": random.choice(["JFK", "LGA"], ROWS).tolist(),
        "b": random.choice([True, False], ROWS).tolist(),
        "delay": random.random(ROWS).tolist(),
        "y": pa.array(random.integers(0, 2, ROWS)),
        "known": pa.array([hour + timedelta(hours=3) for hour in hours], TIME),
        "true": pa.array([hour + timedelta(hours=2) for hour in hours], TIME),
    }
    return pa.table({**columns, **changes})


def but(column: str, **values: Any) -> pa.Table:
    """Return the rows with some values of a column replaced: r3=... is row index 3."""
    table = rows()
    old = table.column(column).to_pylist()
    for row, value in values.items():
        old[int(row[1:])] = value
    return rows(**{column: pa.array(old, table.column(column).type)})


def report(table: pa.Table, task: str = "binary", **changes: Any) -> ValidationReport:
    return validate(table, policy(task, **changes), "rows.csv")


def refusal(table: pa.Table, task: str = "binary", kind: type[BadInput] = BadInput, **changes: Any) -> str:
    with pytest.raises(BadInput) as caught:
        validate(table, policy(task, **changes), "rows.csv")
    assert type(caught.value) is kind
    assert caught.value.way_out
    return str(caught.value)


def test_good_data_is_reported() -> None:
    found = report(rows())
    assert found.rows == ROWS
    assert found.columns["x"] == {"type": "double", "missing": 1}
    assert found.notes == ()
    assert found.warnings == ()


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (but("x", r4=-0.5, r7=-2.0), "x: below at_least 0 (2 rows: row 5 (id r4) is -0.5; row 8 (id r7) is -2.0)"),
        (but("x", r4=1.5), "x: above at_most 1 (1 row: row 5 (id r4) is 1.5)"),
        (but("s", r9="EWR"), "s: not one of JFK, LGA (1 row: row 10 (id r9) is 'EWR')"),
        (but("b", r2=None), "b: missing, and may not be (1 row: row 3 (id r2) is None)"),
        (but("s", r2=None), "s: missing, and may not be (1 row: row 3 (id r2) is None)"),
        (but("at", r2=None), "at: missing, and may not be (1 row: row 3 (id r2) is None)"),
        (but("y", r2=None), "y: missing, and may not be (1 row: row 3 (id r2) is None)"),
        (but("delay", r2=float("inf")), "delay: infinite (1 row: row 3 (id r2) is inf)"),
    ],
)
def test_a_value_out_of_its_declaration_is_named_with_row_and_id(table: pa.Table, why: str) -> None:
    assert why in refusal(table)


def test_only_the_first_rows_are_shown_and_all_are_counted() -> None:
    words = refusal(rows(delay=pa.array([None] * (ROWS - 1) + [1.0], pa.float64())))
    assert "delay: missing, and may not be (59 rows: row 1 (id r0)" in words
    assert "row 5 (id r4) is None, ...)" in words
    assert "row 6" not in words


def test_a_column_that_is_all_nan_is_refused_even_where_values_may_be_missing() -> None:
    words = refusal(rows(x=pa.array([None] * ROWS, pa.float64())))
    assert "x: every value is missing" in words
    assert "take a column that holds nothing out" in words


def test_duplicate_ids_are_named_with_their_rows() -> None:
    words = refusal(but("id", r5="r1", r9="r1", r30="r29"))
    assert "id: stands more than once on 5 rows (2 values: 'r1' at rows 2, 6, 10; 'r29' at rows 30, 31)" in words
    assert "build the id of more columns" in words


def test_a_column_of_another_type_is_refused() -> None:
    assert "y: is object, not Int64 as declared" in refusal(rows(y=pa.array(["0", "1"] * 30)))


def test_a_column_that_is_not_there_is_refused() -> None:
    assert "s: there is no such column" in refusal(rows().drop_columns(["s"]))


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_label_with_one_value_is_refused(task: str) -> None:
    assert "y: the label is 1 on every row" in refusal(rows(y=pa.array([1] * ROWS)), task)


def test_a_binary_label_has_two_values() -> None:
    words = refusal(rows(y=pa.array([0, 1, 2] * 20)))
    assert "y: a binary label has two values, this one 3: 0 x 20, 1 x 20, 2 x 20" in words
    assert "task: multiclass" in words


def test_a_label_fits_its_task() -> None:
    text = {"y": {"type": "string"}}
    assert "y: is text, and a regression predicts numbers" in refusal(
        rows(y=pa.array(["a", "b"] * 30)), "regression", columns=text
    )
    number = {"y": {"type": "float"}}
    assert "y: is float, and classes are int or string" in refusal(
        rows(y=pa.array([0.5, 1.5] * 30)), "multiclass", columns=number
    )


def test_every_problem_is_said_at_once() -> None:
    table = rows(y=pa.array([1] * ROWS), b=but("b", r2=None).column("b"), id=but("id", r1="r0").column("id"))
    words = refusal(table)
    assert "rows.csv: 3 problems in the data:" in words
    for part in ("y: the label is 1", "b: missing", "id: stands more than once on 2 rows (1 value: 'r0' at rows 1, 2)"):
        assert part in words


def test_an_input_from_the_future_is_a_leak() -> None:
    words = refusal(rows(), kind=Leak, inputs=["x", "delay"])
    assert "LEAK: delay: is an input, but stands in data.future" in words
    assert "LEAK: y: is an input, but is the label" in refusal(rows(), kind=Leak, inputs=["y"])
    assert "LEAK: known: is an input, but tells when" in refusal(rows(), kind=Leak, inputs=["known"])


@pytest.mark.parametrize(
    ("stored", "why"),
    [
        ({"columns": {"delay": {"type": "float"}}}, "stored.t: delay: is a stored feature, but stands in data.future"),
        ({"columns": {"y": {"type": "float"}}}, "stored.t: y: is a stored feature, but is the label"),
        ({"keys": ["delay"]}, "delay: is a key of stored.t, but stands in data.future"),
        ({"source": "delay"}, "delay: is a stored feature, but stands in data.future"),
    ],
)
def test_a_stored_feature_from_the_future_is_a_leak(stored: dict[str, Any], why: str) -> None:
    plain = {"source": "t.csv", "keys": ["s"], "time": "when", "columns": {"v": {"type": "float"}}}
    words = refusal(rows(), kind=Leak, stored={"t": {**plain, **stored}})
    assert f"LEAK: {why}" in words


def test_a_label_known_before_the_prediction_is_a_leak() -> None:
    early = but("known", r4=START, r6=START).column("known")
    words = refusal(rows(known=early, true=early), kind=Leak)
    assert "LEAK: known: the label is known before the prediction (at) on 2 of 60 rows" in words
    assert "row 5 (id r4), known 2013-01-01 00:00:00+00:00, at 2013-01-01 04:00:00+00:00" in words


def test_a_label_known_before_what_it_tells_of_is_a_leak() -> None:
    words = refusal(but("known", r4=START + timedelta(hours=5)), kind=Leak)
    assert "LEAK: known: the label is known before what it tells of had happened (true) on 1 of 60 rows" in words
    assert "row 5 (id r4), known 2013-01-01 05:00:00+00:00, true 2013-01-01 06:00:00+00:00" in words


def test_a_leak_among_other_problems_is_a_leak_and_tells_them_all() -> None:
    words = refusal(but("b", r2=None), kind=Leak, inputs=["delay"])
    assert "LEAK: delay" in words
    assert "b: missing" in words


def test_a_label_needs_the_time_when_it_was_known() -> None:
    words = refusal(but("known", r3=None), columns={"known": {"type": "timestamp", "missing": True}})
    assert "known: is missing where the label is not on 1 of 60 rows (1 row: row 4 (id r3)" in words


def test_rows_out_of_order_are_taken_and_said() -> None:
    table = rows().take(pa.array([1, 0, *range(2, ROWS)]))
    found = report(table)
    (note,) = found.notes
    assert "at: 1 rows are earlier than the row before them, the first at row 2 (id r0)" in note
    assert "rows keep their order, joins and the split go by time" in note


def test_rows_without_a_label_are_said() -> None:
    found = report(but("y", r3=None), columns={"y": {"type": "int", "missing": True}})
    assert found.notes == ("y: 1 rows have no label; they neither train nor judge",)


def test_a_rare_class_is_said() -> None:
    found = report(rows(y=pa.array([0, 1] * 29 + [2, 2])), "multiclass")
    assert found.notes == ("y: class 2 has only 2 rows",)


def alarm(task: str, **columns: Any) -> tuple[str, ...]:
    return report(rows(**columns), task).warnings


def test_an_input_that_alone_tells_the_label_raises_an_alarm_and_no_error() -> None:
    label = np.arange(ROWS) % 2
    noise = np.random.default_rng(1).random(ROWS) / 10
    found = alarm("binary", y=pa.array(label), x=pa.array(1 - (label / 2 + noise)))  # the other way round tells as much
    assert len(found) == 1
    assert re.match(r"input x alone tells the label \(AUC 1.0000\): is it known at prediction time\?", found[0])
    assert "input s alone" in alarm("binary", y=pa.array(label), s=["LGA" if one else "JFK" for one in label])[0]
    gaps = pa.array([None if one else 0.5 for one in label.tolist()])
    assert "input x being missing alone tells" in alarm("binary", y=pa.array(label), x=gaps)[0]


def test_an_input_that_is_the_number_to_predict_raises_an_alarm() -> None:
    label = np.random.default_rng(1).integers(0, 100, ROWS)
    assert (
        "input n alone tells the label (correlation 1.0000)"
        in alarm("regression", y=pa.array(label), n=pa.array(label * 2 + 1))[0]
    )


def test_one_class_that_is_easy_raises_no_alarm_and_all_classes_do() -> None:
    label = np.arange(ROWS) % 3
    easy = pa.array((label == 0) * 1.0)
    assert alarm("multiclass", y=pa.array(label), x=easy) == ()
    assert "input s alone" in alarm_of_classes(label)


def alarm_of_classes(label: Any) -> str:
    places = [["JFK", "LGA", "EWR"][one] for one in label.tolist()]
    return report(rows(y=pa.array(label), s=places), "multiclass", columns={"s": {"type": "string"}}).warnings[0]


def test_a_name_for_every_row_raises_no_alarm() -> None:
    assert report(rows(s=[f"s{row}" for row in range(ROWS)]), columns={"s": {"type": "string"}}).warnings == ()


def test_stored_tables_are_checked_too() -> None:
    stored = {"source": "t.csv", "keys": ["s"], "time": "when", "columns": {"v": {"type": "float", "at_most": 1}}}
    table = pa.table({"s": ["JFK"], "when": pa.array([START], TIME), "v": [2.0]})
    with pytest.raises(BadInput, match=r"stored.t: v: above at_most 1 \(1 row: row 1 is 2.0\)") as caught:
        validate(rows(), policy(stored={"t": stored}), "rows.csv", {"t": table})
    assert caught.value.where == "t.csv"
    with pytest.raises(BadInput) as caught:
        validate(rows(b=[None] * ROWS), policy(stored={"t": stored}), "rows.csv", {"t": table})
    assert caught.value.where == "rows.csv, t.csv"


def test_a_stored_feature_that_alone_tells_the_label_raises_an_alarm() -> None:
    stored = {"source": "t.csv", "keys": ["id"], "time": "when", "columns": {"v": {"type": "float"}}, "prefix": "t_"}
    label = rows().column("y").cast(pa.float64())
    table = pa.table({"id": rows().column("id"), "when": rows().column("at"), "v": label})
    found = validate(rows(), policy(stored={"t": stored}), "rows.csv", {"t": table})
    assert found.warnings == ("input t_v alone tells the label (AUC 1.0000): is it known at prediction time?",)
