"""scikit-learn pipelines become ONNX that answers the same, or pyfunc with a why; the wrong conversions are pinned."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from xgboost import XGBClassifier, XGBRegressor

from headgate.testing.bundles import open_here, some_labels, some_material, some_rows
from headgate.training import native
from headgate.training.package import package

TRAIN, HELDOUT = some_rows(3000, seed=1), some_rows(800, seed=2)
SCORE = some_labels(TRAIN, seed=1)
NUMBERS = [f"n{at}" for at in range(4)]


def ordinal(*rest: Any) -> Pipeline:
    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = ColumnTransformer([("kinds", encode, ["kind"]), ("numbers", "passthrough", NUMBERS)])
    return make_pipeline(columns, *rest)


def linear(*rest: Any) -> Pipeline:
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    columns = ColumnTransformer(
        [("kinds", OneHotEncoder(handle_unknown="ignore"), ["kind"]), ("numbers", numbers, NUMBERS)]
    )
    return make_pipeline(columns, *rest)


def labels(task: str) -> Any:
    if task == "regression":
        return SCORE
    if task == "binary":
        return (np.median(SCORE) < SCORE).astype(int)
    return np.array(["low", "mid", "top"])[np.digitize(SCORE, np.quantile(SCORE, [0.3, 0.7]))]


QUIET: dict[str, Any] = {"n_estimators": 30, "verbose": -1, "num_threads": 1, "deterministic": True}
RIGHT = [
    ("binary", ordinal(LGBMClassifier(**QUIET))),
    ("multiclass", ordinal(LGBMClassifier(**QUIET))),
    ("regression", ordinal(LGBMRegressor(**QUIET))),
    ("binary", ordinal(HistGradientBoostingClassifier(max_iter=30))),
    ("multiclass", ordinal(HistGradientBoostingClassifier(max_iter=10))),
    ("regression", ordinal(HistGradientBoostingRegressor(max_iter=30))),
    ("binary", ordinal(XGBClassifier(n_estimators=20, n_jobs=1))),
    ("multiclass", make_pipeline(ordinal()[0], XGBClassifier(n_estimators=5, n_jobs=1))),
    ("regression", ordinal(XGBRegressor(n_estimators=20, n_jobs=1))),
    ("binary", linear(LogisticRegression())),
    ("multiclass", linear(LogisticRegression())),
    ("regression", linear(Ridge())),
    ("binary", linear(RandomForestClassifier(20, random_state=0))),
    ("regression", linear(GradientBoostingRegressor(random_state=0))),
]


@pytest.mark.parametrize(
    ("task", "model"), RIGHT, ids=lambda part: part if isinstance(part, str) else type(part[-1]).__name__
)
def test_a_pipeline_becomes_onnx_that_answers_the_same(task: str, model: Pipeline, tmp_path: Path) -> None:
    y = labels(task)
    codes = np.searchsorted(np.unique(y), y) if isinstance(model[-1], XGBClassifier) else y
    model.fit(pd.DataFrame(TRAIN), codes)
    folder = package(model, some_material(task, TRAIN, HELDOUT), tmp_path / "bundle", open_here)
    bundle = open_here(folder)
    record = json.loads((folder / "parity.json").read_text())
    assert bundle.manifest.runtime == "onnx", bundle.manifest.why
    assert record["share"] == 1, record["worst"]
    answers = bundle.predict(HELDOUT)
    expected = native.predict(model, task, pd.DataFrame(HELDOUT))
    first = {"binary": "probability", "multiclass": "probabilities", "regression": "prediction"}[task]
    np.testing.assert_allclose(answers[first], expected, atol=1e-5, rtol=1e-5)
    if task == "multiclass":
        names = np.array(native.classes_of(model), object)
        assert answers["label"].tolist() == names[expected.argmax(axis=1)].tolist()
