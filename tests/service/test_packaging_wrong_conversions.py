"""Conversions known to be silently wrong are found, and the model is served as pyfunc with the right answers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from headgate.base.errors import BadInput
from headgate.registry.bundle import open_bundle
from headgate.testing.bundles import open_here, some_labels, some_material, some_rows
from headgate.training import native
from headgate.training.package import package

TRAIN, HELDOUT = some_rows(2000, seed=1), some_rows(600, seed=2)
LATE = (some_labels(TRAIN, seed=1) > 1.5).astype(int)
NUMBERS = [f"n{at}" for at in range(4)]


def after_ordinals(model: Any) -> Pipeline:
    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = ColumnTransformer([("kinds", encode, ["kind"]), ("numbers", "passthrough", NUMBERS)])
    return make_pipeline(columns, model).fit(pd.DataFrame(TRAIN), LATE)


def native_categories() -> Pipeline:
    return after_ordinals(HistGradientBoostingClassifier(max_iter=20, categorical_features=[0]))


def calibrated() -> Pipeline:
    booster = LGBMClassifier(n_estimators=20, verbose=-1, num_threads=1)
    return after_ordinals(CalibratedClassifierCV(booster, cv=3))


WRONG = [native_categories, calibrated]


@pytest.mark.parametrize("fit", WRONG)
def test_a_silently_wrong_conversion_ends_as_pyfunc_that_answers_right(
    fit: Callable[[], Pipeline], tmp_path: Path
) -> None:
    model = fit()
    folder = package(model, some_material("binary", TRAIN, HELDOUT), tmp_path / "bundle", open_here)
    bundle, record = open_here(folder), json.loads((folder / "parity.json").read_text())
    assert bundle.manifest.runtime == "pyfunc"
    assert bundle.manifest.why.startswith("onnx differs from the native model on ")
    assert record["onnx"]["share"] < 0.5, "the conversion became right: pin another case"
    assert record["onnx"]["worst"][0]["native"] != record["onnx"]["worst"][0]["packaged"]
    assert (record["runtime"], record["share"], record["largest"]) == ("pyfunc", 1.0, 0.0)
    assert not (folder / "model.onnx").exists()
    expected = native.predict(model, "binary", pd.DataFrame(HELDOUT)).astype(np.float32)
    np.testing.assert_array_equal(bundle.predict(HELDOUT)["probability"], expected)


@pytest.mark.parametrize("fit", WRONG)
def test_a_silently_wrong_conversion_is_refused_where_onnx_is_forced(
    fit: Callable[[], Pipeline], tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=r"package\.runtime is onnx, but onnx differs from the native model on"):
        package(fit(), some_material("binary", TRAIN, HELDOUT, runtime="onnx"), tmp_path / "bundle", open_here)
    assert not (tmp_path / "bundle").exists()


@pytest.mark.filterwarnings("ignore:.*Any type hint:UserWarning")  # MLflow warns of its own types when imported
def test_the_pyfunc_folder_is_an_mlflow_model_for_anyone(tmp_path: Path) -> None:
    import mlflow.pyfunc

    model = calibrated()
    folder = package(model, some_material("binary", TRAIN, HELDOUT), tmp_path / "bundle", open_here)
    answer = mlflow.pyfunc.load_model(str(folder / "pyfunc")).predict(pd.DataFrame(HELDOUT))
    assert list(answer.columns) == ["probability"]
    expected = native.predict(model, "binary", pd.DataFrame(HELDOUT)).astype(np.float32)
    np.testing.assert_array_equal(answer["probability"].to_numpy(), expected)


def test_the_policy_can_ask_for_pyfunc_and_the_why_says_so(tmp_path: Path) -> None:
    model = after_ordinals(LGBMClassifier(n_estimators=5, verbose=-1, num_threads=1))
    folder = package(model, some_material("binary", TRAIN, HELDOUT, runtime="pyfunc"), tmp_path / "bundle", open_here)
    manifest = open_bundle(folder)
    assert (manifest.runtime, manifest.why) == ("pyfunc", "package.runtime asks for pyfunc")


def test_multiclass_pyfunc_gives_probabilities_and_labels(tmp_path: Path) -> None:
    labels = np.array(["cold", "mild", "warm"])[np.digitize(some_labels(TRAIN, seed=1), [0.5, 1.5])]
    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = ColumnTransformer([("kinds", encode, ["kind"]), ("numbers", "passthrough", NUMBERS)])
    model = make_pipeline(columns, LGBMClassifier(n_estimators=5, verbose=-1, num_threads=1))
    model.fit(pd.DataFrame(TRAIN), labels)
    material = some_material("multiclass", TRAIN, HELDOUT, runtime="pyfunc")
    answers = open_here(package(model, material, tmp_path / "bundle", open_here)).predict(HELDOUT)
    assert answers["probabilities"].shape == (600, 3)
    assert answers["label"].tolist() == model.predict(pd.DataFrame(HELDOUT)).tolist()


class Own(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """An estimator of the user's: no library knows it."""

    def fit(self, frame: pd.DataFrame, labels: Any) -> "Own":
        self.classes_ = np.unique(labels)
        self.feature_names_in_ = np.array(frame.columns, object)
        return self

    def predict_proba(self, frame: pd.DataFrame) -> Any:
        late = 1 / (1 + np.exp(-np.nan_to_num(frame["n1"].to_numpy(np.float64))))
        return np.column_stack([1 - late, late])

    def predict(self, frame: pd.DataFrame) -> Any:
        return self.classes_[self.predict_proba(frame).argmax(axis=1)]


def test_a_type_that_nobody_trusts_is_refused_by_name_with_both_ways_out(tmp_path: Path) -> None:
    model = Own().fit(pd.DataFrame(TRAIN), LATE)
    with pytest.raises(BadInput, match="types that are not trusted") as caught:
        package(model, some_material("binary", TRAIN, HELDOUT), tmp_path / "bundle", open_here)
    assert "Own" in str(caught.value)
    assert "package.trusted_types" in caught.value.way_out
    assert "package.allow_pickle" in caught.value.way_out


def test_an_own_estimator_is_served_once_the_policy_trusts_its_type(tmp_path: Path) -> None:
    model = Own().fit(pd.DataFrame(TRAIN), LATE)
    trusted = f"{Own.__module__}.Own"
    material = some_material("binary", TRAIN, HELDOUT, trusted_types=(trusted,))
    folder = package(model, material, tmp_path / "bundle", open_here)
    manifest = open_bundle(folder)
    assert manifest.runtime == "pyfunc"
    assert manifest.why.startswith("there is no ONNX form: ")
    assert len(manifest.why) < 500
    assert "pyfunc/data/model.skops" in manifest.files
    assert not any(name.endswith(".pkl") for name in manifest.files)


def test_a_model_that_answers_differently_each_time_is_refused(tmp_path: Path) -> None:
    class Restless(Own):
        def predict_proba(self, frame: pd.DataFrame) -> Any:
            late = np.random.default_rng().random(len(frame))
            return np.column_stack([1 - late, late])

    model = Restless().fit(pd.DataFrame(TRAIN), LATE)
    with pytest.raises(BadInput, match=r"answers differently|not trusted|skops cannot keep"):
        package(model, some_material("binary", TRAIN, HELDOUT), tmp_path / "bundle", open_here)
    assert not (tmp_path / "bundle").exists()
