"""XGBoost's Booster: kept as UBJSON, its own portable form."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headgate.base.errors import BadInput
from headgate.policy.model import PackagePolicy

if TYPE_CHECKING:
    import pandas as pd

LIBRARIES: tuple[str, ...] = ("xgboost-cpu",)
FILE = "model.ubj"
NO_PROBABILITIES = ("binary:logitraw", "binary:hinge", "multi:softmax")


def save(model: Any, folder: Path, policy: PackagePolicy) -> dict[str, Any]:
    """Write the UBJSON form."""
    del policy
    model.save_model(str(folder / FILE))
    return {"file": FILE}


def load(folder: Path, record: Mapping[str, Any]) -> Any:
    """Read the UBJSON form."""
    return read(folder / str(record["file"]))


def read(path: Path) -> Any:
    """Read an XGBoost .json or .ubj file.

    Raises:
        BadInput: It is none.
    """
    import xgboost

    booster = xgboost.Booster()
    try:
        booster.load_model(str(path))
    except xgboost.core.XGBoostError as error:
        raise BadInput(
            f"XGBoost cannot read it: {str(error).splitlines()[-1][:200]}",
            where=str(path),
            way_out="write it with save_model() as .json or .ubj",
        ) from error
    return booster


def predict(model: Any, task: str, frame: "pd.DataFrame") -> Any:
    """Return the booster's predictions; its objective must give what the task needs."""
    import xgboost

    name = objective(model)
    if task != "regression" and name in NO_PROBABILITIES:
        raise BadInput(
            f"the booster's objective {name} gives no probabilities",
            where="train()",
            way_out="train with binary:logistic or multi:softprob",
        )
    names = model.feature_names
    rows = frame[names] if names and set(names) <= set(frame.columns) else frame.to_numpy()
    return model.predict(xgboost.DMatrix(rows, enable_categorical=False), validate_features=bool(names))


def objective(model: Any) -> str:
    """Return the name of the booster's objective, such as ``binary:logistic``."""
    return str(json.loads(model.save_config())["learner"]["objective"]["name"])


def classes_of(model: Any) -> tuple[str, ...]:
    """Return class numbers as strings: XGBoost knows no others."""
    name = objective(model)
    if name.startswith("multi:"):
        return tuple(
            map(str, range(int(json.loads(model.save_config())["learner"]["learner_model_param"]["num_class"])))
        )
    return ("0", "1") if name.startswith("binary:") else ()
