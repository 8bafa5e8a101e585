"""Bring a model that was trained elsewhere: a file or an MLflow folder becomes a sealed bundle.

model.onnx                      its own native form: checked, brought into a bundle's form, never converted
model.txt                       LightGBM's text
model.json, model.ubj           XGBoost's
model.skops                     scikit-learn's, with the trusted types alone
remote.json                     the URL of a server that runs it (training.remote)
a folder with MLmodel           its onnx, lightgbm, xgboost or sklearn flavour; else pyfunc, which runs code when it is
                                loaded and so needs package.allow_pickle
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from headgate.base.errors import BadInput
from headgate.base.files import make_folder
from headgate.policy.model import PackagePolicy
from headgate.training import graph, native, parity, remote
from headgate.training.draft import MODEL, Draft
from headgate.training.kinds import lightgbm, sklearn, xgboost
from headgate.training.material import Material, OpenModel
from headgate.training.package import package

TAKEN = "a .onnx, .txt (LightGBM), .json or .ubj (XGBoost) or .skops file, or an MLflow model folder"
FLAVOURS: Mapping[str, str] = {"onnx": "data", "lightgbm": "data", "xgboost": "data", "sklearn": "pickled_model"}


@dataclass(frozen=True, slots=True)
class GivenGraph:
    """An ONNX model as it was handed in.

    Attributes:
        model: The onnx.ModelProto.
        where: Its file.
    """

    model: Any
    where: str


def package_foreign(
    path: Path,
    material: Material,
    target: Path,
    open_model: OpenModel,
    classes: tuple[str, ...] = (),
) -> Path:
    """Write the sealed bundle of a model from a path to a new folder; return the folder.

    Args:
        path: The file or folder (TAKEN).
        material: Name, policy, signature and rows; without training rows, the held-out rows stand for them.
        target: The folder; it appears whole or not at all.
        open_model: Opens a sealed bundle (headgate.wiring.open_model).
        classes: Labels of an ONNX model's probabilities, where the graph does not name them.

    Raises:
        BadInput: The path holds no such model, it does not take the features or does not answer the task, or it needs
            a pickle that the policy does not allow.
    """
    if path.name == remote.FILE:
        names = remote.classes_of(material.policy.task, classes)
        cases = parity.make_cases(material.heldout_features(), material.features, thresholds={})
        text = path.read_text()
        make_folder(target, lambda folder: remote.fill(Draft(folder, material, names, cases, open_model), text))
        return target
    model = read(path, material.policy.package)
    if not isinstance(model, GivenGraph):
        return package(model, material, target, open_model)
    names = _classes(model, material.policy.task, classes)
    cases = parity.make_cases(material.heldout_features(), material.features, thresholds={})
    make_folder(target, lambda folder: _fill(Draft(folder, material, names, cases, open_model), model))
    return target


def read(path: Path, policy: PackagePolicy) -> object:
    """Return the model that lies at a path, in its own library, or a GivenGraph.

    Raises:
        BadInput: There is none, or it needs a pickle that the policy does not allow.
    """
    if (path / "MLmodel").is_file():
        return _read_mlflow(path, policy)
    if not path.is_file():
        raise BadInput("there is no model here", where=str(path), way_out=f"name {TAKEN}")
    reader = READERS.get(path.suffix)
    if reader is None:
        raise BadInput(f"a {path.suffix or 'nameless'} file is no model that is taken", where=str(path), way_out=TAKEN)
    return reader(path, policy)


def _read_mlflow(folder: Path, policy: PackagePolicy) -> object:
    import yaml

    try:
        flavours = yaml.safe_load((folder / "MLmodel").read_text())["flavors"]
        found = next((name for name in FLAVOURS if name in flavours), None)
        place = folder / str(flavours[found][FLAVOURS[found]]) if found else folder
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise BadInput(
            f"the MLmodel file cannot be read: {error}", where=str(folder), way_out="log it again"
        ) from error
    if found and (place.suffix in READERS or place.suffix == ".lgb"):
        return READERS[".txt" if place.suffix == ".lgb" else place.suffix](place, policy)
    _need_pickle(folder, policy, "it is loaded by MLflow, with the code and pickles that it holds")
    return native.library_of("mlflow").load(folder, {"file": "."})


def _read_onnx(path: Path, policy: PackagePolicy) -> GivenGraph:
    import onnx

    del policy
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf's and the checker's errors share no base
        text = " ".join(str(error).split())[:200]
        raise BadInput(f"it is no valid ONNX model: {text}", where=str(path), way_out="export it again") from error
    return GivenGraph(model, str(path))


def _read_skops(path: Path, policy: PackagePolicy) -> object:
    return sklearn.load(path.parent, {"file": path.name, "trusted": policy.trusted_types})


def _read_pickle(path: Path, policy: PackagePolicy) -> object:
    _need_pickle(path, policy, "it is a pickle")
    return sklearn.unpickle(path)


def _need_pickle(path: Path, policy: PackagePolicy, what: str) -> None:
    if not policy.allow_pickle:
        raise BadInput(
            f"{what}, which runs code when it is loaded",
            where=str(path),
            way_out="log it with skops or in its library's own form, or set package.allow_pickle: true",
        )


READERS: Mapping[str, Callable[[Path, PackagePolicy], object]] = {
    ".onnx": _read_onnx,
    ".txt": lambda path, _: lightgbm.read(path),
    ".json": lambda path, _: xgboost.read(path),
    ".ubj": lambda path, _: xgboost.read(path),
    ".xgb": lambda path, _: xgboost.read(path),
    ".skops": _read_skops,
    ".pkl": _read_pickle,
}


def _fill(draft: Draft, given: GivenGraph) -> None:
    policy = draft.material.policy
    draft.write_features()
    try:
        finished = graph.finish(given.model, policy.task, draft.material.features, draft.classes)
    except BadInput as error:
        raise BadInput(error.what, where=given.where, way_out=error.way_out) from error
    (draft.folder / MODEL).write_bytes(finished.SerializeToString(deterministic=True))
    answers = draft.ask("onnx")
    native.SHAPES[policy.task](answers.cases.astype(np.float64), len(draft.cases.groups), given.where)
    same = parity.compare("onnx", answers.cases, answers.cases, draft.cases, policy.package.tolerance)
    why = "the model came as ONNX, its own native form: there is no other to compare it with"
    draft.finish("onnx", why, {**same.to_json(), "why": why}, answers)


def _classes(given: GivenGraph, task: str, classes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the labels: as handed in, else as a node of the graph names them, else "0" and "1"."""
    if task == "regression":
        return ()
    found = classes or _named(given.model)
    if found and (len(found) == 2) == (task == "binary"):  # noqa: PLR2004 - binary means two classes
        return found
    if found or task == "multiclass":
        raise BadInput(
            f"the graph names {len(found)} classes ({', '.join(found[:5])}), the task is {task}",
            where=given.where,
            way_out="check `task`, or hand in the classes in the order of the probabilities",
        )
    return ("0", "1")


def _named(model: Any) -> tuple[str, ...]:
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name in {"classlabels_strings", "classlabels_int64s", "classlabels_ints"}:
                labels = [text.decode() for text in attribute.strings] or [str(number) for number in attribute.ints]
                if labels:
                    return tuple(labels)
    return ()
