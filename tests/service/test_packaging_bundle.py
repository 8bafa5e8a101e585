"""A bundle holds everything that is needed to answer, and a model that cannot answer what callers send is refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from headgate.base.errors import BadInput, Tampered
from headgate.registry.bundle import open_bundle
from headgate.registry.signature import Field
from headgate.testing.bundles import Frame, open_here, some_material, some_rows
from headgate.training.baseline import Numbers, from_json
from headgate.training.material import Material
from headgate.training.package import package

TRAIN, HELDOUT = some_rows(200, seed=1, numbers=2), some_rows(60, seed=2, numbers=2)
TRAIN["n0"], HELDOUT["n0"] = np.nan_to_num(TRAIN["n0"]), np.nan_to_num(HELDOUT["n0"])
LATE = (TRAIN["n1"] > 0).astype(int)
SOURCE = """\
import numpy as np

def features(columns):
    return {"sum": columns["n0"] + columns["n1"], "kind": columns["kind"]}
"""


def fitted(unknown: str = "ignore") -> Pipeline:
    kinds = OneHotEncoder(handle_unknown=unknown, sparse_output=False)
    columns = ColumnTransformer([("k", kinds, ["kind"]), ("n", "passthrough", ["n0", "n1"])])
    return make_pipeline(columns, LogisticRegression()).fit(pd.DataFrame(TRAIN), LATE)


def material(task: str = "binary", **policy: Any) -> Material:
    return some_material(task, TRAIN, HELDOUT, (), **policy)


def test_a_bundle_holds_model_parity_baseline_and_a_manifest_that_names_them(tmp_path: Path) -> None:
    folder = package(fitted(), material(), tmp_path / "b", open_here)
    manifest = open_bundle(folder)
    assert set(manifest.files) == {"model.onnx", "parity.json", "baseline.json"}
    assert (manifest.runtime, manifest.classes, manifest.task) == ("onnx", ("0", "1"), "binary")
    assert manifest.why == "onnx agrees with the native model on all 796 rows (within 0.0001)"
    record = json.loads((folder / "parity.json").read_text())
    assert set(record["groups"]) == {"held out", "extreme", "unseen"}
    assert record["rows"] == sum(group["rows"] for group in record["groups"].values())


def test_the_baseline_counts_the_training_inputs_and_the_heldout_outputs(tmp_path: Path) -> None:
    folder = package(fitted(), material(), tmp_path / "b", open_here)
    stored = json.loads((folder / "baseline.json").read_text())
    inputs, outputs = from_json(stored["inputs"]), from_json(stored["outputs"])
    assert {name: part.count for name, part in inputs.items()} == {"n0": 200, "n1": 200, "kind": 200}
    probability = outputs["probability"]
    assert isinstance(probability, Numbers)
    assert probability.count == 60
    expected = fitted().predict_proba(pd.DataFrame(HELDOUT))[:, 1].mean()
    assert probability.total / 60 == pytest.approx(expected, abs=1e-5)
    assert stored["features"] == {}


def with_features() -> tuple[Material, Any]:
    def made(rows: dict[str, Any]) -> Frame:
        columns = {"sum": (rows["n0"] + rows["n1"]).astype(np.float32), "kind": rows["kind"]}
        return Frame(pa.table(rows), pa.table(columns))

    base = material()
    fields = (Field("sum", "float32"), Field("kind", "string"))
    inputs = (Field("n0", "float64"), Field("n1", "float64"), Field("kind", "string"))
    given = replace(base, inputs=inputs, features=fields, train=made(TRAIN), heldout=made(HELDOUT), source=SOURCE)
    columns = ColumnTransformer(
        [("k", OneHotEncoder(handle_unknown="ignore"), ["kind"]), ("n", "passthrough", ["sum"])]
    )
    model = make_pipeline(columns, LogisticRegression()).fit(given.train.features.to_pandas(), LATE)
    return given, model


def test_features_py_travels_with_the_model_and_runs_on_raw_inputs(tmp_path: Path) -> None:
    given, model = with_features()
    folder = package(model, given, tmp_path / "b", open_here)
    assert (folder / "features.py").read_text() == SOURCE
    raw = {name: HELDOUT[name].astype(np.float64) for name in ("n0", "n1")} | {"kind": HELDOUT["kind"]}
    expected = model.predict_proba(given.heldout.features.to_pandas())[:, 1]
    np.testing.assert_allclose(open_here(folder).predict(raw)["probability"], expected, atol=1e-6)
    assert set(json.loads((folder / "baseline.json").read_text())["features"]) == {"sum", "kind"}


def test_packaging_again_gives_the_same_digest(tmp_path: Path) -> None:
    for runtime in ("auto", "pyfunc"):
        one, two = (package(fitted(), material(runtime=runtime), tmp_path / f"{runtime}{at}", open_here) for at in "12")
        assert open_bundle(one).digest == open_bundle(two).digest


def test_one_changed_byte_in_any_file_is_refused_by_name(tmp_path: Path) -> None:
    folder = package(fitted(), material(runtime="pyfunc"), tmp_path / "b", open_here)
    for name in open_bundle(folder).files:
        path = folder / name
        whole = path.read_bytes()
        path.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
        with pytest.raises(Tampered, match="changed since it was sealed") as caught:
            open_here(folder)
        assert name in str(caught.value)
        path.write_bytes(whole)
    assert open_here(folder).manifest.runtime == "pyfunc"


def test_a_model_that_raises_on_unseen_categories_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        package(fitted(unknown="error"), material(), tmp_path / "b", open_here)
    assert "raises on rows that its signature allows (unseen, such as held-out row 59 with kind = " in caught.value.what
    assert "unknown categories" in caught.value.what
    assert 'handle_unknown="ignore"' in caught.value.way_out
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("task", "labels", "text"),
    [
        ("multiclass", LATE, "the model knows 2 classes (0, 1), the task is multiclass"),
        ("binary", np.arange(200) % 3, "the model knows 3 classes (0, 1, 2), the task is binary"),
    ],
)
def test_classes_that_do_not_fit_the_task_are_refused(task: str, labels: Any, text: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        package(fitted().fit(pd.DataFrame(TRAIN), labels), material(task), tmp_path / "b", open_here)
    assert text in str(caught.value)


def test_a_regressor_under_a_classification_task_is_refused(tmp_path: Path) -> None:
    numbers = pd.DataFrame(TRAIN)[["n0", "n1"]]
    with pytest.raises(BadInput, match="LinearRegression gives no probabilities"):
        package(LinearRegression().fit(numbers, LATE), material(), tmp_path / "b", open_here)


def test_onnx_that_does_not_exist_is_refused_where_it_is_forced(tmp_path: Path) -> None:
    class Odd(LogisticRegression):  # type: ignore[misc]  # scikit-learn ships no types
        """An estimator that no converter knows."""

    numbers = pd.DataFrame(TRAIN)[["n0", "n1"]]
    with pytest.raises(BadInput, match=r"package\.runtime is onnx, but there is no ONNX form") as caught:
        package(Odd().fit(numbers, LATE), material(runtime="onnx"), tmp_path / "b", open_here)
    assert "package.runtime: auto" in caught.value.way_out
    assert not (tmp_path / "b").exists()
