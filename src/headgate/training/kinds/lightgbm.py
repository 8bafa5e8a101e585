"""LightGBM's Booster: kept as its own text, which holds the categories of string columns too."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headgate.base.errors import BadInput
from headgate.policy.model import PackagePolicy
from headgate.training.kinds.sklearn import with_categories

if TYPE_CHECKING:
    import pandas as pd

LIBRARIES: tuple[str, ...] = ("lightgbm",)
FILE = "model.txt"
PROBABILITIES = ("binary", "multiclass", "multiclassova", "cross_entropy")


def save(model: Any, folder: Path, policy: PackagePolicy) -> dict[str, Any]:
    """Write the text form."""
    del policy
    model.save_model(str(folder / FILE))
    return {"file": FILE}


def load(folder: Path, record: Mapping[str, Any]) -> Any:
    """Read the text form."""
    return read(folder / str(record["file"]))


def read(path: Path) -> Any:
    """Read a LightGBM text file.

    Raises:
        BadInput: It is none.
    """
    import lightgbm

    try:
        return lightgbm.Booster(model_file=str(path))
    except (lightgbm.basic.LightGBMError, ValueError) as error:
        raise BadInput(
            f"LightGBM cannot read it: {str(error)[:200]}", where=str(path), way_out="write it with save_model()"
        ) from error


def predict(model: Any, task: str, frame: "pd.DataFrame") -> Any:
    """Return the booster's predictions; its objective must give what the task needs."""
    name = objective(model)
    if (task == "regression") == (name in PROBABILITIES[:3]):
        raise BadInput(
            f"the booster's objective is {name or 'unknown'}, the task is {task}",
            where="train()",
            way_out="set `objective` to binary, multiclass or a regression objective, as the task needs",
        )
    names = model.feature_name()
    known = [column for column in names if column in frame.columns]
    rows = frame[names] if len(known) == len(names) else frame
    return model.predict(with_categories(model, rows), num_threads=1)


def objective(model: Any) -> str:
    """Return the name of the booster's objective, such as ``binary``."""
    words = str(model.dump_model(num_iteration=1).get("objective", "")).split()
    return words[0] if words else ""


def classes_of(model: Any) -> tuple[str, ...]:
    """Return class numbers as strings: LightGBM knows no others."""
    name = objective(model)
    if name in {"multiclass", "multiclassova"}:
        return tuple(map(str, range(model.num_model_per_iteration())))
    return ("0", "1") if name in PROBABILITIES else ()
