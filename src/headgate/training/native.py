"""Keep, read back and ask a fitted model in its own library: scikit-learn, LightGBM, XGBoost or PyTorch.

    native/native.json   the kind, the file, the libraries' versions, further trusted types
    native/model.*       the model in the library's own safest form

No pickle is written or read unless the policy allowed it. Nothing here knows ONNX.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from headgate.base.errors import BadInput, HeadgateError
from headgate.policy.model import PackagePolicy

if TYPE_CHECKING:
    import pandas as pd

Floats: TypeAlias = npt.NDArray[Any]
KindName: TypeAlias = Literal["sklearn", "lightgbm", "xgboost", "torch", "mlflow"]
# Found by name, when it is needed: MLflow's lives with its adapter, and no library is imported before its models come.
MODULES: Mapping[KindName, str] = {
    "sklearn": "headgate.training.kinds.sklearn",
    "lightgbm": "headgate.training.kinds.lightgbm",
    "xgboost": "headgate.training.kinds.xgboost",
    "torch": "headgate.training.kinds.torch",
    "mlflow": "headgate.adapters.mlflow.models",
}
RECORD = "native.json"
ALLOWED = (
    "return a fitted scikit-learn estimator or pipeline, a LightGBM or XGBoost model (Booster or scikit-learn API), "
    "or a PyTorch module"
)


class ModelRaisesError(BadInput):
    """A fitted model raised something of its own when it was asked for predictions."""


class Kind(Protocol):
    """What a library's module in headgate.training.kinds gives; `load` gets what `save` returned."""

    LIBRARIES: tuple[str, ...]

    def save(self, model: Any, folder: Path, policy: PackagePolicy) -> dict[str, Any]:
        """Write the model into the folder; return what `load` needs to know."""
        ...

    def load(self, folder: Path, record: Mapping[str, Any]) -> Any:
        """Return the model that `save` wrote."""
        ...

    def predict(self, model: Any, task: str, frame: "pd.DataFrame") -> Floats:
        """Return raw predictions: [n], [n, 1] or [n, k]."""
        ...

    def classes_of(self, model: Any) -> tuple[str, ...]:
        """Return the labels in the order of the prediction's columns; none for regression."""
        ...


@dataclass(frozen=True, slots=True)
class Native:
    """A fitted model with its kind.

    Attributes:
        kind: The library that answers for it.
        model: What train() returned, or what was read back.
    """

    kind: KindName
    model: Any

    @property
    def library(self) -> Kind:
        """The module that knows this kind."""
        return library_of(self.kind)


def library_of(kind: KindName) -> Kind:
    """Return the module that knows a kind."""
    return cast("Kind", import_module(MODULES[kind]))


def recognise(model: object) -> Native:
    """Say which library a fitted model belongs to.

    Raises:
        BadInput: It is nothing that predicts, or a class that is not fitted.
    """
    if model is None or isinstance(model, type):
        got = "nothing" if model is None else f"the class {model.__name__}, not a fitted object"
        raise BadInput(f"train() returned {got}", where="train()", way_out=ALLOWED)
    names = {f"{base.__module__.partition('.')[0]}.{base.__name__}" for base in type(model).__mro__}
    if names & {"torch.Module", "torch.ExportedProgram"}:
        return Native("torch", model)
    if "headgate.MlflowModel" in names:
        return Native("mlflow", model)
    boosters: tuple[KindName, ...] = ("lightgbm", "xgboost")
    for kind in boosters:
        if f"{kind}.Booster" in names:
            return Native(kind, model)
    if callable(getattr(model, "predict", None)) and hasattr(model, "get_params"):
        return Native("sklearn", model)
    what = "has no predict()" if not hasattr(model, "predict") else "is of no library that Headgate can keep"
    raise BadInput(f"train() returned a {type(model).__qualname__}, which {what}", where="train()", way_out=ALLOWED)


def save(model: object, folder: Path, policy: PackagePolicy) -> None:
    """Write a fitted model into a folder, which is made.

    Raises:
        BadInput: It is no model, or holds types that the policy does not trust.
    """
    native = recognise(model)
    folder.mkdir(parents=True, exist_ok=True)
    record = native.library.save(model, folder, policy)
    libraries = {name: version(name) for name in native.library.LIBRARIES}
    body = {"kind": native.kind, "libraries": libraries, **record}
    (folder / RECORD).write_text(json.dumps(body, indent=1, sort_keys=True) + "\n")


def load(folder: Path) -> object:
    """Return the model that `save` wrote.

    Raises:
        BadInput: There is none, or it cannot be read with the libraries installed here.
    """
    try:
        record = json.loads((folder / RECORD).read_text())
        library = Native(record["kind"], None).library
    except (FileNotFoundError, KeyError, ValueError, ModuleNotFoundError) as error:
        raise BadInput(
            f"there is no model that Headgate kept: {error}", where=str(folder), way_out="run the stage fit again"
        ) from error
    return library.load(folder, record)


def predict(model: object, task: str, frame: "pd.DataFrame") -> Floats:
    """Return what a bundle of this model is to answer, as float64.

    Args:
        model: A fitted model.
        task: binary, multiclass or regression.
        frame: The signature's features: float32 and string columns, n rows.

    Returns:
        binary: [n] probability of the positive class; multiclass: [n, k] probabilities; regression: [n].

    Raises:
        BadInput: The model does not answer in the shape that the task needs.
    """
    native = recognise(model)
    name = type(model).__qualname__
    try:
        with np.errstate(all="ignore"):  # a model may overflow on extreme rows: what it answers is what counts
            raw = np.asarray(native.library.predict(model, task, frame), np.float64)
    except HeadgateError:
        raise
    except (
        Exception
    ) as error:  # the model is the user's: whatever it raises is told, and the run goes on after a repair
        text = " ".join(str(error).split())[:300]
        raise ModelRaisesError(
            f"the {name} that train() returned raises {type(error).__name__} when it predicts: {text}",
            where="train()",
            way_out="return a fitted model that answers every row its features allow",
        ) from error
    return SHAPES[task](raw, len(frame), name)


def classes_of(model: object) -> tuple[str, ...]:
    """Return the classes as strings, in the order of the probabilities; empty for a model that predicts numbers."""
    return recognise(model).library.classes_of(model)


def _binary(raw: Floats, rows: int, name: str) -> Floats:
    if raw.ndim == 2 and raw.shape[1] == 2:  # noqa: PLR2004 - one column a class
        raw = raw[:, 1]
    return _probabilities(_column(raw, rows, name, "one probability a row, or two"), name)


def _multiclass(raw: Floats, rows: int, name: str) -> Floats:
    if raw.ndim != 2 or raw.shape[0] != rows or raw.shape[1] < 2:  # noqa: PLR2004 - one column a class
        raise _misshapen(raw, name, "[n, classes]: a probability for every class")
    return _probabilities(raw, name)


def _regression(raw: Floats, rows: int, name: str) -> Floats:
    return _column(raw, rows, name, "one number a row")


def _column(raw: Floats, rows: int, name: str, expected: str) -> Floats:
    if raw.size != rows or raw.shape[:1] != (rows,):
        raise _misshapen(raw, name, expected)
    return raw.reshape(rows)


def _probabilities(values: Floats, name: str) -> Floats:
    if np.nanmin(values, initial=0) < 0 or np.nanmax(values, initial=0) > 1 + 1e-6:
        raise BadInput(
            f"{name} gives {np.nanmin(values):.4g} to {np.nanmax(values):.4g}, which are no probabilities",
            where="train()",
            way_out="return a model that gives probabilities (end a network with sigmoid or softmax)",
        )
    return values


def _misshapen(raw: Floats, name: str, expected: str) -> BadInput:
    return BadInput(
        f"{name} predicts shape {list(raw.shape)}, expected {expected}",
        where="train()",
        way_out="check `task` in headgate.yaml against what train() fits",
    )


SHAPES: Mapping[str, Callable[[Floats, int, str], Floats]] = {
    "binary": _binary,
    "multiclass": _multiclass,
    "regression": _regression,
}
