"""What trains and what judges is made of what was known, row by row, and the same every time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headgate.base.errors import BadInput
from headgate.features.request import RequestFeatures, load
from headgate.policy.model import ModelPolicy
from headgate.registry.field import Field
from headgate.training.assemble import Assembled, assemble, read_frame, write_frame

TIME = pa.timestamp("us", "UTC")
START = datetime(2013, 1, 1, tzinfo=UTC)
ROWS = 48
KINDS = {
    "id": {"type": "string"},
    "at": {"type": "timestamp"},
    "i": {"type": "int"},
    "m": {"type": "int", "missing": True},
    "b": {"type": "bool", "missing": True},
    "s": {"type": "string", "missing": True},
    "place": {"type": "string"},
    "delay": {"type": "float"},
    "y": {"type": "int"},
    "known": {"type": "timestamp"},
}
ALL = "def features(columns):\n    return {'i2': columns['i'] * 2, 's': columns['s'], 'v': columns['f_v']}\n"


def policy(**changes: Any) -> ModelPolicy:
    stored = {"source": "f.csv", "keys": ["place"], "time": "when", "columns": {"v": {"type": "int"}}, "prefix": "f_"}
    label = {"column": "y", "known_at": "known"}
    body = {
        "task": "binary",
        "data": {"source": "d.csv", "id": "id", "time": "at", "label": label, "columns": KINDS, "future": ["delay"]},
        "features": {"inputs": ["i", "m", "b", "s"], "stored": {"f": stored}},
        "split": {"holdout": "12h"},
        "segments": ["place"],
        "scorecard": [{"kind": "size", "at_most_mb": 1}],
    }
    return ModelPolicy.model_validate({**body, **changes})


def rows(**changes: Any) -> pa.Table:
    hours = [START + timedelta(hours=row) for row in range(ROWS)]
    columns: dict[str, Any] = {
        "id": [f"r{row}" for row in range(ROWS)],
        "at": pa.array(hours, TIME),
        "i": pa.array(range(ROWS), pa.int64()),
        "m": pa.array([None, *range(1, ROWS)], pa.int64()),
        "b": pa.array([None, *[True, False] * 23, True]),
        "s": pa.array([None, *["x"] * (ROWS - 1)], pa.string()),
        "place": ["JFK", "LGA"] * (ROWS // 2),
        "delay": pa.array(range(ROWS), pa.float64()),
        "y": pa.array([0, 1] * (ROWS // 2)),
        "known": pa.array([hour + timedelta(hours=3) for hour in hours], TIME),
    }
    return pa.table({**columns, **changes})


def table() -> pa.Table:
    when = [START + timedelta(hours=hour) for hour in (4, 10, 20)]
    return pa.table({"place": ["JFK", "JFK", "LGA"], "when": pa.array(when, TIME), "v": [1, 2, 3]})


def made(source: str | None = ALL, table_of_rows: pa.Table | None = None, **changes: Any) -> Assembled:
    call = load(source, "v", "features.py") if source else None
    data = rows() if table_of_rows is None else table_of_rows
    return assemble(data, {"f": table()}, policy(**changes), call, "d.csv")


def test_the_past_trains_and_the_last_span_judges() -> None:
    found = made()
    assert found.train.rows.column("id").to_pylist() == [f"r{row}" for row in range(33)]  # 33-35 were not known yet
    assert found.heldout.rows.column("id").to_pylist() == [f"r{row}" for row in range(36, 48)]
    assert found.trained_until == START + timedelta(hours=32)
    assert found.left_out == {"with a label that was not yet known at 2013-01-02T11:00:00.000001+00:00": 3}


def test_rows_carry_what_judging_needs_and_features_what_the_model_sees() -> None:
    found = made()
    assert found.train.rows.column_names == ["id", "at", "y", "known", "place", "i", "m", "b", "s", "f_v"]
    assert found.train.features.column_names == ["i2", "s", "v"]
    assert found.train.features.schema.types == [pa.float32(), pa.string(), pa.float32()]
    assert found.train.features.num_rows == found.train.rows.num_rows == 33
    assert found.heldout.features.column("i2").to_pylist() == [2.0 * row for row in range(36, 48)]


def test_stored_features_are_as_of_the_prediction() -> None:
    seen = made().train.rows.select(["i", "f_v"]).to_pylist()
    expected = {"JFK": [(10, 2), (4, 1)], "LGA": [(20, 3)]}
    for row in seen:
        place = ("JFK", "LGA")[row["i"] % 2]
        assert row["f_v"] == next((value for hour, value in expected[place] if row["i"] >= hour), None)


def test_the_signature_follows_from_the_declarations() -> None:
    found = made()
    assert found.inputs == (
        Field("i", "int64"),
        Field("m", "float64", missing=True),
        Field("b", "float64", missing=True),
        Field("s", "string", missing=True),
        Field("f_v", "float64", missing=True),  # no observation may have been known
    )
    assert [(field.name, field.dtype) for field in found.features] == [
        ("i2", "float32"),
        ("s", "string"),
        ("v", "float32"),
    ]


def test_features_see_the_inputs_and_nothing_else() -> None:
    """Whatever features.py does, the label, the times and the future are not there to be used."""
    seen: list[dict[str, Any]] = []

    def spy(columns: Any) -> Any:
        seen.append(dict(columns))
        return {"i": columns["i"]}

    assemble(rows(), {"f": table()}, policy(), RequestFeatures(spy, "features.py"), "d.csv")
    assert {name for columns in seen for name in columns} == {"i", "m", "b", "s", "f_v"}
    whole = seen[-1]
    assert whole["i"].dtype == np.int64
    assert whole["m"].dtype == np.float64
    assert np.isnan(whole["m"][0])
    assert whole["b"].tolist()[1:3] == [1.0, 0.0]
    assert whole["s"].tolist()[:2] == [None, "x"]


def test_a_feature_made_of_the_future_cannot_be_computed() -> None:
    with pytest.raises(BadInput, match=r"features.py: features\(\) failed on line 2 .*KeyError: 'delay'"):
        made("def features(columns):\n    return {'d': columns['delay']}\n")


def test_without_features_py_the_inputs_are_the_features() -> None:
    found = made(None)
    assert found.train.features.column_names == ["i", "m", "b", "s", "f_v"]
    assert found.train.features.column("i").type == pa.float32()


def test_features_that_depend_on_other_rows_are_refused_by_id() -> None:
    with pytest.raises(BadInput, match=r"feature c depends on other rows") as caught:
        made("def features(columns):\n    return {'c': columns['i'].cumsum()}\n")
    assert "id r2: 3.0 with all rows, 2.0 in chunks of 1" in str(caught.value)


def test_a_missing_value_where_none_was_declared_is_refused() -> None:
    with pytest.raises(BadInput, match="column i has 1 missing values"):
        made(ALL, rows(i=pa.array([None, *range(1, ROWS)], pa.int64())))


def test_a_segment_that_is_no_column_is_refused() -> None:
    with pytest.raises(BadInput, match="there is no column 'plaec'"):
        made(segments=["plaec"])


def test_rows_in_any_order_give_the_same_rows_and_features() -> None:
    order = np.random.default_rng(5).permutation(ROWS)
    one, two = made(), made(ALL, rows().take(pa.array(order)))
    assert two.train.rows.sort_by("at").equals(one.train.rows)
    assert two.trained_until == one.trained_until
    place = {name: at for at, name in enumerate(two.train.rows.column("id").to_pylist())}
    back = pa.array([place[name] for name in one.train.rows.column("id").to_pylist()])
    assert two.train.features.take(back).column("i2").equals(one.train.features.column("i2"))


def test_the_same_frame_is_written_as_the_same_bytes(tmp_path: Path) -> None:
    one, two = made(), made()
    for name, frame in (("a", one.train.features), ("b", two.train.features)):
        write_frame(frame, tmp_path / name)
    pieces = pa.concat_tables([one.train.features.slice(0, 5), one.train.features.slice(5)])
    write_frame(pieces, tmp_path / "c")  # the same table in other chunks
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes()
    back = read_frame(tmp_path / "a")
    assert back.schema.equals(one.train.features.schema)
    np.testing.assert_array_equal(back.column("v").to_numpy(), one.train.features.column("v").to_numpy())
