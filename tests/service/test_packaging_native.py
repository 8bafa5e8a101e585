"""Fitted models are recognised, kept without pickle, read back the same, and asked in the shape that the task needs."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import LinearSVC
from xgboost import XGBClassifier

from headgate.base.errors import BadInput
from headgate.policy.model import PackagePolicy
from headgate.training import native

RANDOM = np.random.default_rng(0)
FRAME = pd.DataFrame({name: RANDOM.normal(size=60).astype(np.float32) for name in ("a", "b")})
LABELS = (FRAME["a"] > 0).to_numpy()
SMALL: dict[str, Any] = {"n_estimators": 3, "n_jobs": 1}


def says(model: object, task: str = "binary") -> BadInput:
    with pytest.raises(BadInput) as caught:
        native.predict(model, task, FRAME)
    return caught.value


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        (LogisticRegression().fit(FRAME, LABELS), "sklearn"),
        (LGBMClassifier(**SMALL, verbose=-1).fit(FRAME, LABELS), "sklearn"),
        (LGBMClassifier(**SMALL, verbose=-1).fit(FRAME, LABELS).booster_, "lightgbm"),
        (XGBClassifier(**SMALL).fit(FRAME, LABELS), "sklearn"),
        (XGBClassifier(**SMALL).fit(FRAME, LABELS).get_booster(), "xgboost"),
    ],
    ids=["logistic", "lightgbm", "lightgbm booster", "xgboost", "xgboost booster"],
)
def test_a_kept_model_answers_the_same_when_read_back(model: object, kind: str, tmp_path: Path) -> None:
    native.save(model, tmp_path, PackagePolicy())
    record = json.loads((tmp_path / "native.json").read_text())
    assert record["kind"] == kind
    assert all(record["libraries"].values())
    again = native.load(tmp_path)
    before, after = (native.predict(part, "binary", FRAME) for part in (model, again))
    np.testing.assert_array_equal(before, after)
    assert before.shape == (60,)
    assert native.classes_of(again) == native.classes_of(model)


def test_the_positive_class_is_the_second_of_the_classes() -> None:
    model = LogisticRegression().fit(FRAME, np.where(LABELS, "yes", "no"))
    assert native.classes_of(model) == ("no", "yes")
    np.testing.assert_array_equal(native.predict(model, "binary", FRAME), model.predict_proba(FRAME)[:, 1])


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (None, "train() returned nothing"),
        (LogisticRegression, "train() returned the class LogisticRegression, not a fitted object"),
        (object(), "train() returned a object, which has no predict()"),
        ({"model": 1}, "train() returned a dict, which has no predict()"),
    ],
)
def test_what_is_no_model_is_refused_saying_what_is_allowed(model: object, text: str) -> None:
    error = says(model)
    assert text in str(error)
    assert error.way_out == native.ALLOWED


@pytest.mark.parametrize(
    ("model", "task", "text"),
    [
        (LinearSVC().fit(FRAME, LABELS), "binary", "LinearSVC gives no probabilities"),
        (LinearRegression().fit(FRAME, FRAME["a"]), "binary", "LinearRegression gives no probabilities"),
        (
            LGBMRegressor(**SMALL, verbose=-1).fit(FRAME, FRAME["a"]).booster_,
            "binary",
            "the booster's objective is regr",
        ),
        (
            LGBMClassifier(**SMALL, verbose=-1).fit(FRAME, LABELS).booster_,
            "regression",
            "objective is binary, the task",
        ),
        (XGBClassifier(**SMALL).fit(FRAME, LABELS).get_booster(), "multiclass", "predicts shape [60], expected [n, cl"),
        (LogisticRegression().fit(FRAME.rename(columns={"b": "z"}), LABELS), "binary", "was fitted on z, which are no"),
    ],
)
def test_a_model_of_another_task_or_other_columns_is_refused(model: object, task: str, text: str) -> None:
    assert text in str(says(model, task))


def test_columns_that_the_model_was_not_fitted_on_are_left_out_and_order_does_not_matter() -> None:
    model = LogisticRegression().fit(FRAME[["b"]], LABELS)
    expected = model.predict_proba(FRAME[["b"]])[:, 1]
    np.testing.assert_array_equal(native.predict(model, "binary", FRAME), expected)


def test_a_model_fitted_on_an_array_gets_one() -> None:
    model = LogisticRegression().fit(FRAME.to_numpy(), LABELS)
    expected = model.predict_proba(FRAME.to_numpy())[:, 1]
    np.testing.assert_array_equal(native.predict(model, "binary", FRAME), expected)


def test_categories_of_a_booster_are_mapped_as_it_was_fitted() -> None:
    kinds = FRAME.assign(k=np.array(["x", "y", "z"], object)[RANDOM.integers(0, 3, 60)])
    late = (kinds["k"] == "y").to_numpy()
    model = LGBMClassifier(**SMALL, verbose=-1, min_child_samples=2).fit(kinds.astype({"k": "category"}), late)
    only_y = kinds[kinds["k"] == "y"].reset_index(drop=True)
    whole = native.predict(model, "binary", kinds)[late]
    np.testing.assert_array_equal(native.predict(model, "binary", only_y), whole)


OWN = """
from sklearn.linear_model import LogisticRegression

class Own(LogisticRegression):
    def predict_proba(self, frame):
        return super().predict_proba(frame)[:, ::-1]
"""


@pytest.fixture
def own() -> Iterator[Any]:
    """A fitted model of a class that train.py defines, as the process that fits it sees it."""
    module: Any = ModuleType("headgate_user_train")
    sys.modules[module.__name__] = module
    exec(OWN, module.__dict__)  # noqa: S102 - what importing train.py does
    yield module.Own().fit(FRAME, LABELS)
    sys.modules.pop(module.__name__, None)


def test_a_class_of_train_py_is_refused_even_when_trusted_since_nobody_else_can_import_it(
    own: Any, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=r"types of train\.py, which nobody else can import") as caught:
        native.save(own, tmp_path, PackagePolicy(trusted_types=("headgate_user_train.Own",)))
    assert "allow_pickle" in caught.value.way_out
    assert not list(tmp_path.glob("model.*"))


def test_an_allowed_pickle_carries_the_classes_of_train_py_with_it(own: Any, tmp_path: Path) -> None:
    native.save(own, tmp_path, PackagePolicy(allow_pickle=True))
    expected = native.predict(own, "binary", FRAME)
    del sys.modules["headgate_user_train"]
    again = native.load(tmp_path)
    np.testing.assert_array_equal(native.predict(again, "binary", FRAME), expected)


def test_what_even_pickle_cannot_keep_is_refused(tmp_path: Path) -> None:
    model = LogisticRegression().fit(FRAME, LABELS)
    model.lock = Lock()
    with pytest.raises(BadInput, match="pickle cannot keep it"):
        native.save(model, tmp_path, PackagePolicy(allow_pickle=True))


def test_a_damaged_model_names_its_file(tmp_path: Path) -> None:
    native.save(LogisticRegression().fit(FRAME, LABELS), tmp_path, PackagePolicy())
    (tmp_path / "model.skops").write_bytes(b"PK\x03\x04")
    with pytest.raises(BadInput, match="it cannot be read") as caught:
        native.load(tmp_path)
    assert caught.value.where.endswith("model.skops")


def test_a_folder_without_a_model_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no model that Headgate kept") as caught:
        native.load(tmp_path)
    assert caught.value.way_out == "run the stage fit again"
