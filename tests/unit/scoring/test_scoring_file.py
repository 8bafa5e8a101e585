"""A file is answered whole or not at all, goes on where it was killed, and names what it cannot answer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headgate.base.errors import BadInput, Conflict
from headgate.policy.model import ModelPolicy
from headgate.registry.bundle import Manifest
from headgate.registry.field import Columns, Field
from headgate.registry.signature import Signature
from headgate.scoring import parts, steps
from headgate.scoring.steps import Order, Scored, score
from headgate.testing.clock import FakeClock
from headgate.testing.supply import MODEL, policy_of

ROWS = 10_000
DISTANCE = Field("distance", "float64")


class Doubler:
    """Answers twice the distance; refuses distances below zero, and dies after some calls when told to."""

    def __init__(self, dies_after: int = 10**9) -> None:
        fields = (DISTANCE,)
        outputs = (Field("prediction", "float32"),)
        self.manifest = Manifest(MODEL, "regression", "onnx", "", Signature(fields, fields, outputs), (), 1, {})
        self.calls = 0
        self._dies_after = dies_after

    def predict(self, inputs: Columns) -> Mapping[str, npt.NDArray[Any]]:
        self.calls += 1
        if self.calls > self._dies_after:
            raise KeyboardInterrupt
        if (inputs["distance"] < 0).any():
            raise BadInput("a distance is below zero")
        return {"prediction": (inputs["distance"] * 2).astype(np.float32)}


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "PIECE", 500)
    monkeypatch.setattr(steps, "JOINED", 500)
    monkeypatch.setattr(steps, "PART", 2000)


@pytest.fixture
def policy() -> ModelPolicy:
    return policy_of().models[MODEL]


def a_file(folder: Path, **changed: Any) -> Path:
    values = np.arange(ROWS, dtype=np.float64)
    for at, value in changed.get("at", {}).items():
        values[at] = value
    path = folder / "rows.parquet"
    pq.write_table(
        pa.table({"id": np.arange(ROWS), "distance": values, "note": ["n"] * ROWS}), path, row_group_size=777
    )
    return path


def run(order: Order, policy: ModelPolicy, model: Doubler, workers: int = 2) -> Scored:
    return score(order, policy, model, FakeClock(), workers)


def test_every_row_is_answered_in_order_with_version_and_time(tmp_path: Path, policy: ModelPolicy) -> None:
    order = Order(a_file(tmp_path), tmp_path / "out.parquet", "7", ("id", "note"))
    assert run(order, policy, Doubler()) == Scored(ROWS, 0, 0)
    found = pq.read_table(order.output)
    assert found.column_names == ["id", "note", "prediction", "version", "scored_at"]
    assert found["id"].to_pylist() == list(range(ROWS))
    assert found["prediction"].to_numpy().tolist() == (np.arange(ROWS) * 2.0).tolist()
    assert set(found["version"].to_pylist()) == {"7"}
    assert found["scored_at"].unique().to_pylist() == [FakeClock().now()]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.parquet", "rows.parquet"]


def test_what_was_done_before_a_kill_is_not_done_again(tmp_path: Path, policy: ModelPolicy) -> None:
    order = Order(a_file(tmp_path), tmp_path / "out.parquet", "7", ("id",))
    with pytest.raises(KeyboardInterrupt):
        run(order, policy, Doubler(dies_after=11), workers=1)
    assert not order.output.exists()
    second = Doubler()
    assert run(order, policy, second, workers=1) == Scored(ROWS, 0, 4000)
    assert second.calls == (ROWS - 4000) // 500
    whole = Order(order.source, tmp_path / "whole.parquet", "7", ("id",))
    run(whole, policy, Doubler())
    assert pq.read_table(order.output).equals(pq.read_table(whole.output))


def test_a_scoring_that_is_there_is_not_made_again(tmp_path: Path, policy: ModelPolicy) -> None:
    order = Order(a_file(tmp_path), tmp_path / "out.parquet", "7", ("id",))
    run(order, policy, Doubler())
    before, model = order.output.read_bytes(), Doubler()
    assert run(order, policy, model) == Scored(ROWS, 0, 0, already=True)
    assert (order.output.read_bytes(), model.calls) == (before, 0)


def test_parts_of_another_input_are_thrown_away(tmp_path: Path, policy: ModelPolicy) -> None:
    order = Order(a_file(tmp_path), tmp_path / "out.parquet", "7", ("id",))
    with pytest.raises(KeyboardInterrupt):
        run(order, policy, Doubler(dies_after=11), workers=1)
    a_file(tmp_path, at={0: 50.0})
    assert run(order, policy, Doubler()).resumed == 0
    assert pq.read_table(order.output)["prediction"][0].as_py() == 100.0


def test_bad_rows_are_named_by_their_number_and_nothing_is_written(tmp_path: Path, policy: ModelPolicy) -> None:
    order = Order(a_file(tmp_path, at={1233: np.nan, 1240: np.inf}), tmp_path / "out.parquet", "7")
    with pytest.raises(BadInput) as error:
        run(order, policy, Doubler())
    assert str(error.value).startswith(
        "rows.parquet: row 1,234: distance is missing, and may not be\n  row 1,241: distance is infinite"
    )
    assert not order.output.exists()


def test_rows_that_the_model_refuses_are_named_by_their_range(tmp_path: Path, policy: ModelPolicy) -> None:
    order = Order(a_file(tmp_path, at={5: -1.0}), tmp_path / "out.parquet", "7")
    with pytest.raises(BadInput, match="rows 1 to 500: a distance is below zero"):
        run(order, policy, Doubler())


def test_skipped_rows_go_aside_with_their_reason(tmp_path: Path, policy: ModelPolicy) -> None:
    source = a_file(tmp_path, at={5: -1.0, 1233: np.nan, 9999: -2.0})
    order = Order(source, tmp_path / "out.parquet", "7", ("id",), skip=True)
    assert run(order, policy, Doubler()) == Scored(ROWS - 3, 3, 0)
    aside = pq.read_table(order.skipped)
    assert aside["row"].to_pylist() == [6, 1234, 10_000]
    assert aside["id"].to_pylist() == [5, 1233, 9999]
    assert aside["why"].to_pylist() == [
        "a distance is below zero",
        "distance is missing, and may not be",
        "a distance is below zero",
    ]
    assert not {5, 1233, 9999} & set(pq.read_table(order.output)["id"].to_pylist())


def test_a_csv_gives_the_same_answers(tmp_path: Path, policy: ModelPolicy) -> None:
    values = np.arange(3000) / 8
    lines = "".join(f"{at},{value}\n" for at, value in enumerate(values))
    (tmp_path / "rows.csv").write_text(f"id,distance\n{lines}")
    order = Order(tmp_path / "rows.csv", tmp_path / "out.parquet", "7", ("id",))
    assert run(order, policy, Doubler()) == Scored(3000, 0, 0)
    found = pq.read_table(order.output)
    assert found["prediction"].to_pylist() == (values * 2).tolist()
    assert found["id"][2999].as_py() == "2999"


def test_an_empty_file_gives_an_empty_answer(tmp_path: Path, policy: ModelPolicy) -> None:
    pq.write_table(pa.table({"id": pa.array([], pa.int64()), "distance": pa.array([], pa.float64())}), tmp_path / "e")
    order = Order(tmp_path / "e", tmp_path / "out.parquet", "7", ("id",))
    assert run(order, policy, Doubler()) == Scored(0, 0, 0)
    assert pq.read_table(order.output).column_names == ["id", "prediction", "version", "scored_at"]


def test_nothing_of_somebody_elses_is_overwritten(tmp_path: Path, policy: ModelPolicy) -> None:
    source = a_file(tmp_path)
    with pytest.raises(BadInput, match="the output is the input"):
        run(Order(source, source, "7"), policy, Doubler())
    pq.write_table(pa.table({"mine": [1]}), tmp_path / "mine.parquet")
    with pytest.raises(BadInput, match="did not write"):
        run(Order(source, tmp_path / "mine.parquet", "7"), policy, Doubler())
    with pytest.raises(BadInput, match="answers are written as Parquet"):
        run(Order(source, tmp_path / "out.csv", "7"), policy, Doubler())


def test_nothing_is_lost_that_lies_where_skipped_rows_are_written(tmp_path: Path, policy: ModelPolicy) -> None:
    aside = a_file(tmp_path).rename(tmp_path / "out.skipped.parquet")
    with pytest.raises(BadInput, match="the input lies where skipped rows are written"):
        run(Order(aside, tmp_path / "out.parquet", "7"), policy, Doubler())
    with pytest.raises(BadInput, match="did not write"):
        run(Order(a_file(tmp_path), tmp_path / "out.parquet", "7"), policy, Doubler())
    assert pq.read_table(aside).num_rows == ROWS


def test_one_writer_at_a_time(tmp_path: Path, policy: ModelPolicy) -> None:
    order = Order(a_file(tmp_path), tmp_path / "out.parquet", "7")
    with parts.parts_of(order.output, "key", "2026-01-01T00:00:00+00:00"), pytest.raises(Conflict):
        run(order, policy, Doubler())


def test_a_kept_column_may_not_take_an_answers_name(tmp_path: Path, policy: ModelPolicy) -> None:
    pq.write_table(pa.table({"distance": [1.0], "version": ["a"]}), tmp_path / "rows.parquet")
    with pytest.raises(BadInput, match="column version has the name of an answer's column"):
        run(Order(tmp_path / "rows.parquet", tmp_path / "out.parquet", "7", ("version",)), policy, Doubler())
