"""Fit the model: a small neural network on scaled numbers."""

from collections.abc import Mapping

import pandas as pd
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler


def train(frame: pd.DataFrame, labels: "pd.Series[str]", params: Mapping[str, bool | int | float | str]) -> Pipeline:
    """Return a fitted pipeline; the same rows and params give the same model.

    Args:
        frame: Features, one row a picture.
        labels: The digit.
        params: `hidden` (units), `alpha` (penalty) and `rounds` (passes over the data).
    """
    network = MLPClassifier(
        hidden_layer_sizes=(int(params.get("hidden", 64)),),
        alpha=float(params.get("alpha", 1.0)),
        max_iter=int(params.get("rounds", 1000)),
        random_state=0,
    )
    return Pipeline([("scale", StandardScaler()), ("network", network)]).fit(frame, labels)
