"""A predictor makes features once, checks them, and hands exactly the signature's columns to its runtime."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headgate.base.errors import BadInput, Tampered
from headgate.features.predictor import Predictor, as_feature, open_predictor
from headgate.registry.bundle import Manifest, list_files, seal
from headgate.registry.field import DType
from headgate.registry.signature import Columns, Field, Signature

INPUTS = (Field("a", "float64", missing=True), Field("k", "string"))
FEATURES = (Field("twice", "float32", missing=True), Field("k", "string"))
OUTPUTS = (Field("prediction", "float32"),)
SOURCE = "def features(columns):\n    return {'twice': columns['a'] * 2, 'k': columns['k']}\n"


class Echo:
    """A runtime that answers its number feature, and remembers what it was given."""

    def __init__(self) -> None:
        self.seen: Columns = {}
        self.closed = False

    def run(self, features: Columns) -> dict[str, Any]:
        self.seen = features
        return {"prediction": features[FEATURES[0].name]}

    def close(self) -> None:
        self.closed = True


def manifest(files: Mapping[str, str]) -> Manifest:
    return Manifest("m", "regression", "onnx", "why", Signature(INPUTS, FEATURES, OUTPUTS), (), 1, files)


def rows(*values: float) -> dict[str, Any]:
    return {"a": np.array(values, np.float64), "k": np.array(["x"] * len(values), object)}


def bundle(folder: Path, source: str = SOURCE) -> str:
    (folder / "features.py").write_text(source)
    return seal(folder, manifest(list_files(folder)))


def test_features_of_the_bundle_run_before_the_model_and_come_as_float32(tmp_path: Path) -> None:
    echo = Echo()
    predictor = open_predictor(tmp_path, bundle(tmp_path), lambda _folder, _manifest: echo)
    assert predictor.predict(rows(1.5, np.nan))["prediction"].tolist()[0] == 3.0
    assert {name: column.dtype for name, column in echo.seen.items()} == {"twice": np.float32, "k": object}
    predictor.close()
    assert echo.closed


def test_no_code_of_a_changed_bundle_runs(tmp_path: Path) -> None:
    digest = bundle(tmp_path)
    marker = tmp_path / "ran"
    (tmp_path / "features.py").write_text(f"open({str(marker)!r}, 'w')\n{SOURCE}")
    with pytest.raises(Tampered, match=r"features\.py"):
        open_predictor(tmp_path, digest, lambda _folder, _manifest: Echo())
    assert not marker.exists()


def test_a_sealed_bundle_under_another_digest_than_the_approved_is_refused(tmp_path: Path) -> None:
    bundle(tmp_path)
    with pytest.raises(Tampered, match="not the approved sha256:other"):
        open_predictor(tmp_path, "sha256:other", lambda _folder, _manifest: Echo())


def test_without_features_py_the_features_are_the_inputs() -> None:
    echo = Echo()
    signature = Signature(INPUTS, (Field("a", "float32", missing=True), Field("k", "string")), OUTPUTS)
    plain = Manifest("m", "regression", "onnx", "", signature, (), 1, {})
    Predictor(plain, echo).featurise(rows(1.0))
    made = Predictor(plain, echo).featurise(rows(1.0, 2.0))
    assert made["a"].dtype == np.float32
    assert made["k"].tolist() == ["x", "x"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_inputs_that_are_the_features_reach_the_model_as_float32(dtype: DType) -> None:
    echo, field = Echo(), Field(FEATURES[0].name, dtype)
    wanted = (Field(FEATURES[0].name, "float32"),)
    plain = Manifest("m", "regression", "onnx", "", Signature((field,), wanted, OUTPUTS), (), 1, {})
    Predictor(plain, echo).predict({field.name: np.array([1.5], dtype)})
    (seen,) = echo.seen.values()
    assert seen.dtype == np.float32
    assert seen.tolist() == [1.5]


def test_what_features_raises_is_told_with_the_file() -> None:
    def broken(_columns: Columns) -> Mapping[str, Any]:
        raise KeyError("dest")

    with pytest.raises(BadInput, match=r"features\.py of m: features\(\) raised KeyError"):
        Predictor(manifest({}), Echo(), broken).predict(rows(1.0))


@pytest.mark.parametrize(
    ("made", "text"),
    [
        ({}, "feature twice is not among the columns that features() returned"),
        ({"twice": np.zeros(3)}, r"feature twice has shape [3], expected [2]"),
        ({"twice": np.zeros((2, 1))}, r"feature twice has shape [2, 1], expected [2]"),
        ({"twice": np.array(["a", "b"], object)}, "feature twice is object, which is no number"),
        ({"twice": np.array([1e300, 0])}, "feature twice holds a number beyond float32"),
    ],
)
def test_a_feature_that_is_not_what_was_trained_on_is_refused(made: Any, text: str) -> None:
    with pytest.raises(BadInput) as caught, np.errstate(over="raise"):
        as_feature(FEATURES[0], made, 2)
    assert text in str(caught.value)


def test_an_empty_batch_is_answered() -> None:
    assert Predictor(manifest({}), Echo(), lambda columns: {"twice": columns["a"], "k": columns["k"]}).predict(rows())[
        "prediction"
    ].shape == (0,)


def test_features_cannot_change_what_the_log_and_the_shadows_get(tmp_path: Path) -> None:
    source = "def features(columns):\n    columns['a'] *= 2\n    return {'twice': columns['a'], 'k': columns['k']}\n"
    predictor = open_predictor(tmp_path, bundle(tmp_path, source), lambda _folder, _manifest: Echo())
    given = rows(1.0, 2.0)
    with pytest.raises(BadInput, match="read-only"):
        predictor.predict(given)
    assert given["a"].tolist() == [1.0, 2.0]
    given["a"][0] = 5.0  # they stay the caller's
    predictor.close()


def test_features_may_add_and_drop_columns_of_their_own_mapping(tmp_path: Path) -> None:
    source = "def features(columns):\n    columns['twice'] = columns.pop('a') * 2\n    return columns\n"
    predictor = open_predictor(tmp_path, bundle(tmp_path, source), lambda _folder, _manifest: Echo())
    given = rows(1.0, 2.0)
    assert predictor.predict(given)["prediction"].tolist() == [2.0, 4.0]
    assert list(given) == ["a", "k"]
    predictor.close()
