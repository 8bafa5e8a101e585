"""Models trained elsewhere come as files or MLflow folders, and leave as the same sealed bundles."""

import json
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import onnx
import pandas as pd
import pytest
import xgboost
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from headgate.base.errors import BadInput
from headgate.registry.bundle import open_bundle
from headgate.testing.bundles import open_here, some_labels, some_material, some_rows
from headgate.training.foreign import package_foreign

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint:UserWarning")  # MLflow warns of itself when imported

TRAIN, HELDOUT = some_rows(1000, seed=1, strings=()), some_rows(300, seed=2, strings=())
FULL = {name: np.nan_to_num(column) for name, column in TRAIN.items()}
FRAME, LATE = pd.DataFrame(TRAIN), (some_labels(TRAIN, seed=1) > 1).astype(int)
BOOST = {"objective": "binary", "verbosity": -1, "num_threads": 1}


def a_lightgbm() -> lightgbm.Booster:
    return lightgbm.train(BOOST, lightgbm.Dataset(FRAME, LATE), 10)


def an_xgboost() -> xgboost.Booster:
    return xgboost.train({"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(FRAME, LATE), 10)


def a_graph(path: Path, **options: Any) -> Any:
    from skl2onnx import to_onnx

    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(FRAME.fillna(0).to_numpy(), LATE)
    proto = to_onnx(model, np.zeros((1, 4), np.float32), options={id(model): options})
    path.write_bytes(proto.SerializeToString())
    return model


def bring(path: Path, target: Path, missing: tuple[str, ...] = ("n0",), **package: Any) -> Any:
    material = some_material("binary", TRAIN, HELDOUT, missing, **package)
    return open_here(package_foreign(path, material, target, open_here))


@pytest.mark.parametrize("name", ["model.txt", "model.json", "model.ubj"])
def test_a_native_booster_file_becomes_onnx_that_answers_the_same(name: str, tmp_path: Path) -> None:
    model: Any = a_lightgbm() if name == "model.txt" else an_xgboost()
    model.save_model(str(tmp_path / name))
    bundle = bring(tmp_path / name, tmp_path / "bundle")
    frame = pd.DataFrame(HELDOUT)
    expected = model.predict(frame if name == "model.txt" else xgboost.DMatrix(frame))
    assert bundle.manifest.runtime == "onnx", bundle.manifest.why
    np.testing.assert_allclose(bundle.predict(HELDOUT)["probability"], expected, atol=1e-5)
    assert json.loads((tmp_path / "bundle/parity.json").read_text())["share"] == 1


@pytest.mark.parametrize("options", [{"zipmap": False}, {"zipmap": True}], ids=["tensor", "zipmap"])
def test_an_onnx_file_is_brought_into_a_bundles_form(options: dict[str, Any], tmp_path: Path) -> None:
    model = a_graph(tmp_path / "model.onnx", **options)
    full = {name: np.nan_to_num(column) for name, column in HELDOUT.items()}
    bundle = bring(tmp_path / "model.onnx", tmp_path / "bundle", missing=())
    expected = model.predict_proba(pd.DataFrame(full).to_numpy())[:, 1]
    np.testing.assert_allclose(bundle.predict(full)["probability"], expected, atol=1e-5)
    assert bundle.manifest.classes == ("0", "1")
    assert "its own native form" in bundle.manifest.why


def test_a_graph_of_doubles_and_single_columns_is_fed_what_it_declares(tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    double, kinds = TensorProto.DOUBLE, {"n0": TensorProto.DOUBLE, "n1": TensorProto.INT64}
    nodes = [
        helper.make_node("Cast", ["n1"], ["whole"], to=double),
        helper.make_node("Add", ["n0", "whole"], ["sum"]),
        helper.make_node("Sigmoid", ["sum"], ["score"]),
    ]
    graph = helper.make_graph(
        nodes,
        "own",
        [helper.make_tensor_value_info(name, kind, [None]) for name, kind in kinds.items()],
        [helper.make_tensor_value_info("score", double, [None])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), tmp_path / "m.onnx")
    bundle = bring(tmp_path / "m.onnx", tmp_path / "bundle")
    expected = 1 / (1 + np.exp(-(HELDOUT["n0"] + np.trunc(HELDOUT["n1"]))))
    np.testing.assert_allclose(bundle.predict(HELDOUT)["probability"], expected, atol=1e-6)


@pytest.mark.parametrize("flavour", ["lightgbm", "xgboost", "onnx"])
def test_an_mlflow_folder_is_read_by_its_own_flavour(flavour: str, tmp_path: Path) -> None:
    import mlflow

    if flavour == "onnx":
        a_graph(tmp_path / "given.onnx", zipmap=False)
        mlflow.onnx.save_model(onnx.load(tmp_path / "given.onnx"), tmp_path / "m", pip_requirements=[])
    else:
        model: Any = a_lightgbm() if flavour == "lightgbm" else an_xgboost()
        getattr(mlflow, flavour).save_model(model, tmp_path / "m", pip_requirements=[])
    bundle = bring(tmp_path / "m", tmp_path / "bundle", missing=() if flavour == "onnx" else ("n0",))
    assert bundle.manifest.runtime == "onnx", bundle.manifest.why


def an_mlflow_function(folder: Path) -> None:
    import mlflow.pyfunc

    class Half(mlflow.pyfunc.PythonModel):  # type: ignore[misc,name-defined]  # MLflow ships no types
        def predict(self, model_input: pd.DataFrame) -> Any:
            return 1 / (2 + model_input["n1"].to_numpy() ** 2)

    mlflow.pyfunc.save_model(folder, python_model=Half(), pip_requirements=[])


def test_any_other_mlflow_model_needs_the_policys_leave_and_is_then_served(tmp_path: Path) -> None:
    an_mlflow_function(tmp_path / "m")
    with pytest.raises(BadInput, match="runs code when it is loaded") as caught:
        bring(tmp_path / "m", tmp_path / "refused")
    assert "package.allow_pickle" in caught.value.way_out
    bundle = bring(tmp_path / "m", tmp_path / "bundle", allow_pickle=True)
    assert bundle.manifest.runtime == "pyfunc"
    expected = 1 / (2 + HELDOUT["n1"] ** 2)
    np.testing.assert_allclose(bundle.predict(HELDOUT)["probability"], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("model.onnx", b"not a model", "it is no valid ONNX model"),
        ("model.txt", b"tree", "LightGBM cannot read it"),
        ("model.json", b"{}", "XGBoost cannot read it"),
        ("model.skops", b"PK", "it cannot be read"),
        ("model.pkl", b"", "it is a pickle, which runs code when it is loaded"),
        ("model.h5", b"", "a .h5 file is no model that is taken"),
        ("MLmodel", b"flavors: [", "a nameless file is no model"),
        ("folder/MLmodel", b"flavors: [", "the MLmodel file cannot be read"),
    ],
)
def test_what_is_no_model_is_refused_by_name(name: str, content: bytes, text: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    given = path.parent if "/" in name else path
    with pytest.raises(BadInput) as caught:
        bring(given, tmp_path / "bundle")
    assert text in str(caught.value)
    assert str(given) in str(caught.value)
    assert not (tmp_path / "bundle").exists()


def test_a_path_with_nothing_there_says_what_is_taken(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no model here") as caught:
        bring(tmp_path / "absent", tmp_path / "bundle")
    assert "MLflow model folder" in caught.value.way_out


def test_a_graph_of_another_width_is_refused(tmp_path: Path) -> None:
    from skl2onnx import to_onnx

    model = LogisticRegression().fit(FRAME[["n1", "n2"]].to_numpy(), LATE)
    (tmp_path / "m.onnx").write_bytes(to_onnx(model, np.zeros((1, 2), np.float32)).SerializeToString())
    with pytest.raises(BadInput, match="the graph takes 2 values a row, there are 4 features"):
        bring(tmp_path / "m.onnx", tmp_path / "bundle", missing=())


def test_the_same_file_gives_the_same_digest_twice(tmp_path: Path) -> None:
    a_lightgbm().save_model(str(tmp_path / "model.txt"))
    bring(tmp_path / "model.txt", tmp_path / "one")
    bring(tmp_path / "model.txt", tmp_path / "two")
    assert open_bundle(tmp_path / "one").digest == open_bundle(tmp_path / "two").digest
