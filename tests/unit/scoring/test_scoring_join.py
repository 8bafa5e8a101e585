"""Stored features that a file lacks are joined as training joined them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headgate.base.errors import BadInput
from headgate.policy.model import ModelPolicy
from headgate.registry.bundle import Manifest
from headgate.registry.field import Columns, Field
from headgate.registry.signature import Signature
from headgate.scoring.joining import lacking
from headgate.scoring.steps import Order, score
from headgate.testing.clock import FakeClock
from headgate.testing.supply import MODEL, policy_of

FIELDS = (Field("distance", "float64"), Field("w_temp", "float64", missing=True))


class Sum:
    """Answers the distance plus the temperature."""

    def __init__(self) -> None:
        signature = Signature(FIELDS, FIELDS, (Field("prediction", "float32"),))
        self.manifest = Manifest(MODEL, "regression", "onnx", "", signature, (), 1, {})

    def predict(self, inputs: Columns) -> Mapping[str, npt.NDArray[Any]]:
        return {"prediction": (inputs["distance"] + inputs["w_temp"]).astype(np.float32)}


def a_policy() -> ModelPolicy:
    body = policy_of().models[MODEL].model_dump(mode="json")
    body["data"]["columns"]["origin"] = {"type": "string"}
    columns = {"temp": {"type": "float", "missing": True}}
    stored = {"source": "w.parquet", "keys": ["origin"], "time": "known", "columns": columns, "prefix": "w_"}
    body["features"]["stored"] = {"weather": stored}
    return ModelPolicy.model_validate(body)


def minutes(*values: int) -> pa.Array:
    return pa.array([value * 60_000_000 for value in values], pa.timestamp("us", "UTC"))


WEATHER = pa.table({"origin": ["JFK", "JFK", "LGA"], "known": minutes(10, 20, 10), "temp": [1.0, 2.0, 5.0]})


def a_file(folder: Path, **more: Any) -> Path:
    columns = {"at": minutes(15, 25, 15, 5), "origin": ["JFK", "JFK", "LGA", "JFK"], "distance": [10.0, 20, 30, 40]}
    pq.write_table(pa.table({**columns, **more}), folder / "rows.parquet")
    return folder / "rows.parquet"


def test_the_latest_value_known_before_each_row_is_joined(tmp_path: Path) -> None:
    order = Order(a_file(tmp_path), tmp_path / "o.parquet", "1", tables={"weather": WEATHER}, digests={"weather": "d"})
    assert score(order, a_policy(), Sum(), FakeClock(), 1).rows == 4
    found = pq.read_table(order.output)["prediction"].to_pylist()
    assert found[:3] == [11.0, 22.0, 35.0]
    assert np.isnan(found[3])


def test_what_the_file_holds_is_used_as_it_is(tmp_path: Path) -> None:
    source = a_file(tmp_path, w_temp=[7.0, 7, 7, 7])
    assert lacking(a_policy(), FIELDS, pq.read_schema(source).names) == ()
    order = Order(source, tmp_path / "o.parquet", "1")
    score(order, a_policy(), Sum(), FakeClock(), 1)
    assert pq.read_table(order.output)["prediction"].to_pylist() == [17.0, 27.0, 37.0, 47.0]


def test_without_the_join_the_error_names_it(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="lacks columns of the stored features weather") as error:
        score(Order(a_file(tmp_path), tmp_path / "o.parquet", "1"), a_policy(), Sum(), FakeClock(), 1)
    assert "--join" in error.value.way_out
