"""PyTorch modules: kept as an exported program, which needs none of the user's classes to be read back."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headgate.base.errors import BadInput
from headgate.policy.model import PackagePolicy

if TYPE_CHECKING:
    import pandas as pd

LIBRARIES: tuple[str, ...] = ("torch",)
FILE = "model.pt2"
EXAMPLE_ROWS = 3  # neither 0 nor 1: torch.export would take those for constants


def save(model: Any, folder: Path, policy: PackagePolicy) -> dict[str, Any]:
    """Export the module with a free number of rows, and write the program."""
    import torch

    del policy
    torch.export.save(export(model), str(folder / FILE))
    return {"file": FILE, "classes": [str(name) for name in getattr(model, "classes_", ())]}


def export(model: Any) -> Any:
    """Return the module as an exported program over float32 [n, features].

    Raises:
        BadInput: Its number of features is unknown, or torch.export cannot follow its code.
    """
    import torch

    if isinstance(model, torch.export.ExportedProgram):
        return model
    width = _width(model)
    example = torch.zeros((EXAMPLE_ROWS, width), dtype=torch.float32)
    try:
        with torch.no_grad():
            return torch.export.export(model.eval(), (example,), dynamic_shapes=({0: torch.export.Dim("rows")},))
    except Exception as error:  # torch.export raises whatever the module's code raises, and many classes of its own
        raise BadInput(
            f"torch.export cannot follow the module: {str(error).splitlines()[0][:200]}",
            where="train()",
            way_out="forward() must take one float32 tensor [n, features] and branch on shapes only",
        ) from error


def _width(model: Any) -> int:
    width = getattr(model, "features", None)
    if isinstance(width, int):
        return width
    for part in model.modules():
        if isinstance(getattr(part, "in_features", None), int):
            return int(part.in_features)
    raise BadInput(
        "the module does not say how many features it takes",
        where="train()",
        way_out="set `module.features = frame.shape[1]` before you return it",
    )


def load(folder: Path, record: Mapping[str, Any]) -> Any:
    """Read the exported program."""
    import torch

    program = torch.export.load(str(folder / FILE))
    setattr(program, "classes_", tuple(record["classes"]))  # noqa: B010 - an attribute of ours on the program
    return program


def predict(model: Any, task: str, frame: "pd.DataFrame") -> Any:
    """Return the module's output for the features side by side, in the frame's order."""
    import torch

    del task
    if any(dtype.kind == "O" for dtype in frame.dtypes):
        raise BadInput(
            "a PyTorch module takes numbers, but there are string features",
            where="train()",
            way_out="encode strings as numbers in features.py",
        )
    call = model.module() if isinstance(model, torch.export.ExportedProgram) else model.eval()
    with torch.no_grad():
        return call(torch.from_numpy(np.ascontiguousarray(frame.to_numpy(np.float32)))).numpy()


def classes_of(model: Any) -> tuple[str, ...]:
    """Return str() of the module's own `classes_`, where it has them."""
    return tuple(str(name) for name in getattr(model, "classes_", ()))
