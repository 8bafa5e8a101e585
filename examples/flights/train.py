"""Fit the model: ordinal codes for the strings, the numbers as they are, and gradient-boosted trees on top."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from lightgbm import LGBMClassifier
from pandas.api.types import is_numeric_dtype
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

DEFAULTS: dict[str, Any] = {
    "n_estimators": 150,
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_child_samples": 100,
    # One thread and a fixed order: trained again from the record it is the same model.
    "n_jobs": 1,
    "random_state": 0,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}


def train(frame: pd.DataFrame, labels: "pd.Series[int]", params: Mapping[str, bool | int | float | str]) -> Pipeline:
    """Return a fitted pipeline; the same rows and params give the same model.

    Args:
        frame: Features, one row a flight.
        labels: 1 where the flight was late.
        params: LightGBM's parameters, over DEFAULTS.
    """
    words = [name for name in frame.columns if not is_numeric_dtype(frame[name])]
    numbers = [name for name in frame.columns if name not in words]
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    prepare = ColumnTransformer([("words", codes, words), ("numbers", "passthrough", numbers)])
    trees = LGBMClassifier(**{**DEFAULTS, **params})
    return Pipeline([("prepare", prepare), ("trees", trees)]).fit(frame, labels)
