"""The process that calls the user's train(): apart, so that it can be stopped, and seeded from the start.

Called as ``python -m headgate.training.child SPEC.json``; what went wrong is left beside it as error.json.
"""

import importlib.util
import json
import os
import random
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

from headgate.base.errors import BadInput, HeadgateError


def main(spec_path: Path) -> int:
    """Fit as the spec says; return the process's exit code."""
    spec = json.loads(spec_path.read_text())
    try:
        _fit(spec)
    except HeadgateError as error:
        _leave(spec, what=error.what, where=error.where, way_out=error.way_out)
        return 1
    except Exception as error:  # noqa: BLE001 - the user's code may raise anything: it is told, not thrown
        _print_theirs(error, Path(__file__))
        _leave(spec, what=f"train() raised {type(error).__name__}: {error}", where=_place(error, spec), way_out="")
        return 1
    return 0


def _fit(spec: dict[str, Any]) -> None:
    import pandas as pd

    from headgate.policy.model import PackagePolicy
    from headgate.training.native import save

    seed(spec["seed"])
    train = load_train(Path(spec["code"]), spec["file"])
    seed(spec["seed"])  # what importing drew does not move what fitting draws
    frame = pd.read_parquet(spec["features"])
    labels = pd.read_parquet(spec["rows"], columns=[spec["label"]])[spec["label"]]
    fitted = train(frame, labels, dict(spec["params"]))
    if fitted is None:
        raise BadInput(
            "train() returned nothing", where=spec["file"], way_out="end it with `return` and the fitted model"
        )
    save(fitted, Path(spec["target"]), PackagePolicy.model_validate(spec["package"]))


def seed(value: int) -> None:
    """Seed the standard library's generator, numpy's, and PyTorch's where it is imported."""
    import numpy as np

    random.seed(value)
    np.random.seed(value % 2**32)  # noqa: NPY002 - the user's libraries draw from the global generator
    if torch := sys.modules.get("torch"):
        torch.manual_seed(value)


def load_train(code: Path, file: str) -> Any:
    """Return the function `train` of the user's file; files beside it can be imported by it."""
    path = code / file
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location("headgate_user_train", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise BadInput("there is no such file", where=file, way_out="name it under training.file in headgate.yaml")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    train = getattr(module, "train", None)
    if not callable(train):
        raise BadInput("it defines no function train", where=file, way_out="add `def train(frame, labels, params)`")
    return train


def _place(error: Exception, spec: dict[str, Any]) -> str:
    code = str(Path(spec["code"]).resolve())
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(code)]
    return f"{spec['file']}:{frames[-1].lineno}" if frames else str(spec["file"])


def _print_theirs(error: Exception, ours: Path) -> None:
    """Print the traceback from the user's file on; how Headgate came there is of use with --debug only."""
    trace = error.__traceback__
    while trace is not None and not os.environ.get("HEADGATE_DEBUG") and _within(trace, ours):
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace)


def _within(trace: TracebackType, ours: Path) -> bool:
    file = trace.tb_frame.f_code.co_filename
    return file.startswith("<frozen importlib") or Path(file).is_relative_to(ours.parents[1])


def _leave(spec: dict[str, Any], **parts: str) -> None:
    Path(spec["error"]).write_text(json.dumps(parts))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
