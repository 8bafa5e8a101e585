"""Any MLflow model, asked through pyfunc: the native kind of models that no other kind can keep (training.native.Kind).

Loading one runs the code and the pickles that it holds, so headgate.training.foreign asks the policy first.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headgate.base.errors import BadInput
from headgate.policy.model import PackagePolicy

if TYPE_CHECKING:
    import pandas as pd

LIBRARIES: tuple[str, ...] = ("mlflow",)
FOLDER = "mlflow"
COLUMNS = {"binary": "probability", "multiclass": "probabilities", "regression": "prediction"}


@dataclass(frozen=True, slots=True)
class MlflowModel:
    """A loaded model and where it came from.

    Attributes:
        folder: The MLflow model folder.
        loaded: What mlflow.pyfunc.load_model returned.
    """

    folder: Path
    loaded: Any


def save(model: MlflowModel, folder: Path, policy: PackagePolicy) -> dict[str, Any]:
    """Copy the model's folder."""
    del policy
    shutil.copytree(model.folder, folder / FOLDER, ignore=shutil.ignore_patterns("__pycache__"))
    return {"file": FOLDER}


def load(folder: Path, record: Mapping[str, Any]) -> MlflowModel:
    """Load a model's folder.

    Raises:
        BadInput: MLflow cannot load it here.
    """
    import mlflow.pyfunc

    place = folder / str(record["file"])
    try:
        return MlflowModel(place, mlflow.pyfunc.load_model(str(place)))
    except Exception as error:  # it runs the model's own code, which may raise anything
        raise BadInput(
            f"MLflow cannot load it: {type(error).__name__}: {str(error)[:200]}",
            where=str(place),
            way_out="install what its requirements.txt names",
        ) from error


def predict(model: MlflowModel, task: str, frame: "pd.DataFrame") -> Any:
    """Return the model's numbers: the output's column of a table where it has that, else all of it."""
    import pandas as pd

    answer = model.loaded.predict(frame)
    if isinstance(answer, pd.DataFrame) and COLUMNS[task] in answer.columns:
        return np.array(answer[COLUMNS[task]].tolist(), np.float64)
    try:
        return np.asarray(answer, np.float64)
    except (TypeError, ValueError) as error:
        raise BadInput(
            f"its predict() returns a {type(answer).__name__} that holds no numbers",
            where=str(model.folder),
            way_out=f"return probabilities or numbers, or a table with a column `{COLUMNS[task]}`",
        ) from error


def classes_of(model: MlflowModel) -> tuple[str, ...]:
    """Return none: an MLflow model does not tell its classes."""
    del model
    return ()
