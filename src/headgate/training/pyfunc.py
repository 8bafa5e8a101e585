"""Write a fitted model as an MLflow pyfunc folder, and read it back: for models that ONNX cannot carry.

The folder is written by hand (an MLmodel file is a small YAML document): the same model gives the same bytes, and
nobody waits for MLflow to import. It holds the native model, not a pickle; `loader_module` names this module.
"""

import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headgate.policy.model import PackagePolicy
from headgate.training import native

if TYPE_CHECKING:
    import pandas as pd

FOLDER, DATA, ABOUT = "pyfunc", "data", "headgate.json"
MLMODEL = """\
flavors:
  python_function:
    data: {data}
    env:
      virtualenv: python_env.yaml
    loader_module: headgate.training.pyfunc
    python_version: {python}
mlflow_version: {mlflow}
model_uuid: '{uuid}'
utc_time_created: '1970-01-01 00:00:00.000000'
"""
NO_RUN = "0" * 32  # the folder is written before any run holds it; the bundle's digest names it


def write(model: object, folder: Path, task: str, classes: Sequence[str], policy: PackagePolicy) -> None:
    """Write the folder, which is made.

    Raises:
        BadInput: The model cannot be kept without a pickle, and the policy allows none.
    """
    native.save(model, folder / DATA, policy)
    about = {"task": task, "classes": list(classes)}
    (folder / DATA / ABOUT).write_text(json.dumps(about, sort_keys=True) + "\n")
    python = platform.python_version()
    (folder / "MLmodel").write_text(MLMODEL.format(data=DATA, python=python, mlflow=version("mlflow"), uuid=NO_RUN))
    libraries = json.loads((folder / DATA / native.RECORD).read_text())["libraries"]
    pins = [f"{name}=={number}" for name, number in sorted({**libraries, "mlflow": version("mlflow")}.items())]
    (folder / "requirements.txt").write_text("\n".join([*pins, "headgate"]) + "\n")
    (folder / "python_env.yaml").write_text(f"python: {python}\ndependencies:\n- -r requirements.txt\n")


class Loaded:
    """What `mlflow.pyfunc.load_model` wraps.

    Args:
        model: The native model.
        about: Its task and classes.
    """

    def __init__(self, model: object, about: Mapping[str, Any]) -> None:
        self._model = model
        self._task = str(about["task"])
        self._classes = np.array(about["classes"], dtype=object)

    def predict(self, model_input: "pd.DataFrame", params: Mapping[str, Any] | None = None) -> "pd.DataFrame":
        """Return the outputs of a bundle as columns; `probabilities` holds a list a row.

        Args:
            model_input: The signature's features.
            params: MLflow's; there are none.
        """
        import pandas as pd

        del params
        values = self._values(model_input)
        if self._task == "binary":
            return pd.DataFrame({"probability": values})
        if self._task == "regression":
            return pd.DataFrame({"prediction": values})
        labels = self._classes[values.argmax(axis=1)]
        return pd.DataFrame({"probabilities": list(values), "label": labels})

    def _values(self, rows: "pd.DataFrame") -> Any:
        if len(rows):
            return native.predict(self._model, self._task, rows).astype(np.float32)
        width = (len(self._classes),) if self._task == "multiclass" else ()
        return np.empty((0, *width), np.float32)  # most libraries refuse to predict no rows


def _load_pyfunc(path: str) -> Loaded:
    """Read the data folder; MLflow calls this by name."""
    folder = Path(path)
    return Loaded(native.load(folder), json.loads((folder / ABOUT).read_text()))
