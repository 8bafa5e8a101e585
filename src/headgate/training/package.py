"""Make the sealed bundle of a fitted model: ONNX where that answers the same, else MLflow pyfunc with a why.

Every candidate is sealed and opened like any bundle before it is compared, so what is compared is what will serve.
It refuses a model whose packaged form does not answer what the native model answers.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headgate.base.digest import Json
from headgate.base.errors import BadInput
from headgate.base.files import make_folder
from headgate.features.predictor import FEATURES, Predictor
from headgate.policy.model import ModelPolicy
from headgate.registry.bundle import Manifest, list_files, seal
from headgate.registry.signature import Columns, Field, Signature
from headgate.training import baseline, native, parity, pyfunc
from headgate.training.convert import NoConversionError, Wanted, convert
from headgate.training.thresholds import thresholds

MODEL, PARITY, BASELINE = "model.onnx", "parity.json", "baseline.json"
OpenModel: TypeAlias = Callable[[Path, str | None], Predictor]
Runtime: TypeAlias = Literal["onnx", "pyfunc"]


class Rows(Protocol):
    """Rows with their features, in the same order (headgate.training.assemble.Frame)."""

    @property
    def rows(self) -> pa.Table:
        """Every input, and more."""
        ...

    @property
    def features(self) -> pa.Table:
        """The model's features."""
        ...


@dataclass(frozen=True, slots=True)
class Material:
    """What a model is packaged from, besides itself.

    Attributes:
        model: The model's name.
        policy: Its policy; task, package and api_version are read.
        inputs: What a caller sends.
        features: What the model takes; equal to inputs without a features.py.
        train: Rows that it was fitted on: the baseline of the inputs.
        heldout: Rows that it was not fitted on: parity, and the baseline of the outputs.
        source: The text of features.py; None when there is none.
    """

    model: str
    policy: ModelPolicy
    inputs: tuple[Field, ...]
    features: tuple[Field, ...]
    train: Rows
    heldout: Rows
    source: str | None


def package(fitted: object, material: Material, target: Path, open_model: OpenModel) -> Path:
    """Write the sealed bundle of a fitted model to a new folder; return the folder.

    Args:
        fitted: What train() returned, or headgate.training.native.load read back.
        material: Name, policy, signature and rows.
        target: The folder; it appears whole or not at all, and one that is already there stays.
        open_model: Opens a sealed bundle (headgate.wiring.open_model).

    Raises:
        BadInput: The model does not fit the task, cannot be kept, or `package.runtime: onnx` asks for an ONNX form
            that does not exist or does not agree.
    """
    classes = class_names(fitted, material)
    cases = parity.make_cases(
        as_columns(material.heldout.features, material.features),
        material.features,
        thresholds(fitted, tuple(field.name for field in material.features)),
    )
    make_folder(target, lambda folder: _fill(folder, fitted, material, classes, cases, open_model))
    return target


def _fill(
    folder: Path,
    fitted: object,
    material: Material,
    classes: tuple[str, ...],
    cases: parity.Cases,
    open_model: OpenModel,
) -> None:
    expected = native.predict(fitted, material.policy.task, as_frame(cases.columns))
    draft = Draft(folder, material, classes, cases, expected, open_model)
    draft.write_features()
    onnx, why = _try_onnx(draft, fitted)
    if onnx is not None and onnx.share >= material.policy.package.agree_share:
        finish(draft, "onnx", why, onnx.to_json())
        return
    if material.policy.package.runtime == "onnx":
        raise BadInput(
            f"package.runtime is onnx, but {why}",
            where=material.model,
            way_out="set package.runtime: auto (pyfunc takes over), or fit a model that ONNX can carry",
        )
    (folder / MODEL).unlink(missing_ok=True)
    same = _make_pyfunc(draft, fitted)
    refused = None if onnx is None else onnx.to_json()
    finish(draft, "pyfunc", why, {**same.to_json(), "onnx": refused, "onnx_why": why})


@dataclass(frozen=True, slots=True)
class Draft:
    """A bundle being made: its folder, and what its model must answer on the cases."""

    folder: Path
    material: Material
    classes: tuple[str, ...]
    cases: parity.Cases
    expected: npt.NDArray[Any]
    open_model: OpenModel

    def sealed(self, runtime: Runtime, why: str) -> Predictor:
        """Seal the folder as it is, and open it."""
        policy, material = self.material.policy, self.material
        manifest = Manifest(
            model=material.model,
            task=policy.task,
            runtime=runtime,
            why=why,
            signature=Signature(material.inputs, material.features, outputs_of(policy.task, len(self.classes))),
            classes=self.classes,
            api_version=policy.api_version,
            files=list_files(self.folder),
        )
        return self.open_model(self.folder, seal(self.folder, manifest))

    def write_features(self) -> None:
        """Copy features.py, where the model has one."""
        if self.material.source is not None:
            (self.folder / FEATURES).write_text(self.material.source, encoding="utf-8")

    def answers(self, runtime: Runtime) -> npt.NDArray[Any]:
        """Seal and open the draft; return its first output on the cases."""
        predictor = self.sealed(runtime, "draft")
        try:
            return predictor.answer(self.cases.columns)[predictor.manifest.signature.outputs[0].name]
        finally:
            predictor.close()

    def compared(self, runtime: Runtime, expected: npt.NDArray[Any], tolerance: float) -> parity.Parity:
        """Open the draft and compare what it answers with what is expected."""
        return parity.compare(runtime, expected, self.answers(runtime), self.cases, tolerance)


def _try_onnx(draft: Draft, fitted: object) -> tuple[parity.Parity | None, str]:
    """Return how the ONNX form agrees, and a why for when it is not taken."""
    policy = draft.material.policy
    if policy.package.runtime == "pyfunc":
        return None, "package.runtime asks for pyfunc"
    try:
        model = convert(fitted, Wanted(policy.task, draft.material.features, draft.classes))
    except NoConversionError as error:
        return None, f"there is no ONNX form: {error}"
    (draft.folder / MODEL).write_bytes(model.SerializeToString(deterministic=True))
    try:
        result = draft.compared("onnx", draft.expected, policy.package.tolerance)
    except BadInput as error:
        return None, f"ONNX Runtime refuses the converted model: {error.what}"
    return result, result.why()


def _make_pyfunc(draft: Draft, fitted: object) -> parity.Parity:
    policy = draft.material.policy
    pyfunc.write(fitted, draft.folder / pyfunc.FOLDER, policy.task, draft.classes, policy.package)
    same = draft.compared("pyfunc", draft.expected.astype(np.float32), 0.0)
    if same.share < 1:
        raise BadInput(
            f"the model read back from disk answers differently: {same.why()}",
            where=draft.material.model,
            way_out="make predict() depend on nothing but its rows and the fitted state",
        )
    return same


def finish(draft: Draft, runtime: Runtime, why: str, record: Json) -> None:
    """Write parity and baseline beside the model, and seal the bundle for good."""
    material = draft.material
    (draft.folder / PARITY).write_text(_text(record))
    predictor = draft.sealed(runtime, why)
    try:
        answers = predictor.answer(as_columns(material.heldout.features, material.features))
    finally:
        predictor.close()
    inputs = as_columns(material.train.rows, material.inputs)
    parts = {"inputs": baseline.summarise(inputs), "outputs": baseline.summarise(answers)}
    features = {} if material.source is None else as_columns(material.train.features, material.features)
    parts["features"] = baseline.summarise(features)
    (draft.folder / BASELINE).write_text(_text({name: baseline.to_json(part) for name, part in parts.items()}))
    draft.sealed(runtime, why).close()


def _text(body: Json) -> str:
    return json.dumps(body, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"


def class_names(fitted: object, material: Material) -> tuple[str, ...]:
    """Return the classes in the order of the probabilities; a network without names gets numbers.

    Raises:
        BadInput: The model's classes do not fit the task.
    """
    task = material.policy.task
    if task == "regression":
        return ()
    known = native.classes_of(fitted)
    if not known:
        few = as_frame({name: column[:2] for name, column in _heldout(material).items()})
        known = ("0", "1") if task == "binary" else _numbered(native.predict(fitted, task, few))
    if (len(known) == 2) != (task == "binary"):  # noqa: PLR2004 - binary means two classes
        raise BadInput(
            f"the model knows {len(known)} classes ({', '.join(known[:5])}), the task is {task}",
            where=material.model,
            way_out="check `task` and the label column in headgate.yaml",
        )
    return known


def _heldout(material: Material) -> Columns:
    return as_columns(material.heldout.features, material.features)


def _numbered(predictions: npt.NDArray[Any]) -> tuple[str, ...]:
    return tuple(map(str, range(predictions.shape[1])))


def outputs_of(task: str, classes: int) -> tuple[Field, ...]:
    """Return the outputs that every bundle of this task gives."""
    if task == "binary":
        return (Field("probability", "float32"),)
    if task == "multiclass":
        return (Field("probabilities", "float32", width=classes), Field("label", "string"))
    return (Field("prediction", "float32"),)


def as_columns(table: pa.Table, fields: Sequence[Field]) -> dict[str, npt.NDArray[Any]]:
    """Return the fields' columns of a table as arrays: numbers with NaN for null, strings with None."""
    columns = {}
    for field in fields:
        column = table.column(field.name).to_numpy(zero_copy_only=False)
        columns[field.name] = column.astype(np.float32) if field.dtype == "float32" else column
    return columns


def as_frame(columns: Columns) -> Any:
    """Return the columns as the DataFrame that train() got: float32 and object columns."""
    import pandas as pd

    return pd.DataFrame(dict(columns))
