"""Make the sealed bundle of a fitted model: ONNX where that answers the same, else MLflow pyfunc with a why.

It refuses a model whose packaged form does not answer what the native model answers.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from headgate.base.errors import BadInput
from headgate.base.files import make_folder
from headgate.training import native, parity, pyfunc
from headgate.training.convert import NoConversionError, Wanted, convert
from headgate.training.draft import MODEL, Answers, Draft
from headgate.training.material import Material, OpenModel, as_frame
from headgate.training.thresholds import thresholds

__all__ = ["Material", "package"]


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
    names = tuple(field.name for field in material.features)
    cases = parity.make_cases(material.heldout_features(), material.features, thresholds(fitted, names))
    expected = _expected(fitted, material, cases)
    make_folder(target, lambda folder: _fill(Draft(folder, material, classes, cases, open_model), fitted, expected))
    return target


def _fill(draft: Draft, fitted: object, expected: npt.NDArray[Any]) -> None:
    policy = draft.material.policy.package
    draft.write_features()
    onnx, answers, why = _try_onnx(draft, fitted, expected)
    if onnx is not None and answers is not None and onnx.share >= policy.agree_share:
        draft.finish("onnx", why, onnx.to_json(), answers)
        return
    if policy.runtime == "onnx":
        raise BadInput(
            f"package.runtime is onnx, but {why}",
            where=draft.material.model,
            way_out="set package.runtime: auto (pyfunc takes over), or fit a model that ONNX can carry",
        )
    (draft.folder / MODEL).unlink(missing_ok=True)
    same, answers = _make_pyfunc(draft, fitted, expected)
    refused = None if onnx is None else onnx.to_json()
    draft.finish("pyfunc", why, {**same.to_json(), "onnx": refused, "onnx_why": why}, answers)


def _try_onnx(
    draft: Draft, fitted: object, expected: npt.NDArray[Any]
) -> tuple[parity.Parity | None, Answers | None, str]:
    """Return how the ONNX form agrees, what it answers, and a why for when it is not taken."""
    policy = draft.material.policy
    if policy.package.runtime == "pyfunc":
        return None, None, "package.runtime asks for pyfunc"
    try:
        model = convert(fitted, Wanted(policy.task, draft.material.features, draft.classes))
    except NoConversionError as error:
        return None, None, f"there is no ONNX form: {error}"
    (draft.folder / MODEL).write_bytes(model.SerializeToString(deterministic=True))
    try:
        answers = draft.ask("onnx")
    except BadInput as error:
        return None, None, f"ONNX Runtime refuses the converted model: {error.what}"
    result = parity.compare("onnx", expected, answers.cases, draft.cases, policy.package.tolerance)
    return result, answers, result.why()


def _make_pyfunc(draft: Draft, fitted: object, expected: npt.NDArray[Any]) -> tuple[parity.Parity, Answers]:
    policy = draft.material.policy
    pyfunc.write(fitted, draft.folder / pyfunc.FOLDER, policy.task, draft.classes, policy.package)
    answers = draft.ask("pyfunc")
    same = parity.compare("pyfunc", expected.astype(np.float32), answers.cases, draft.cases, 0.0)
    if same.share < 1:
        raise BadInput(
            f"the model read back from disk answers differently: {same.why()}",
            where=draft.material.model,
            way_out="make predict() depend on nothing but its rows and the fitted state",
        )
    return same, answers


def _expected(fitted: object, material: Material, cases: parity.Cases) -> npt.NDArray[Any]:
    """Return the native answers to the cases; a model that raises on rows that callers may send is refused."""
    try:
        return native.predict(fitted, material.policy.task, as_frame(cases.columns))
    except native.ModelRaisesError as error:  # find the first kind of row that it cannot take
        for name in dict.fromkeys(cases.groups):
            part = cases.only(name)
            if why := _raises(fitted, material.policy.task, part):
                raise _cannot_take(material, name, part.origin[-1], why) from error
        raise _cannot_take(material, "any", "all rows together", error.what) from error


def _raises(fitted: object, task: str, cases: parity.Cases) -> str:
    try:
        native.predict(fitted, task, as_frame(cases.columns))
    except native.ModelRaisesError as error:
        return error.what
    return ""


def _cannot_take(material: Material, group: str, example: str, why: str) -> BadInput:
    return BadInput(
        f"the model raises on rows that its signature allows ({group}, such as {example}): {why}",
        where=material.model,
        way_out='let it take such rows (an encoder: handle_unknown="ignore"), or forbid missing values in the policy',
    )


def class_names(fitted: object, material: Material) -> tuple[str, ...]:
    """Return the classes in the order of the probabilities; a model without names for them gets numbers.

    Raises:
        BadInput: The model's classes do not fit the task.
    """
    task = material.policy.task
    if task == "regression":
        return ()
    known = native.classes_of(fitted)
    if not known and task == "binary":
        known = ("0", "1")
    elif not known:
        few = as_frame({name: column[:2] for name, column in material.heldout_features().items()})
        known = tuple(map(str, range(native.predict(fitted, task, few).shape[1])))
    if (len(known) == 2) != (task == "binary"):  # noqa: PLR2004 - binary means two classes
        raise BadInput(
            f"the model knows {len(known)} classes ({', '.join(known[:5])}), the task is {task}",
            where=material.model,
            way_out="check `task` and the label column in headgate.yaml",
        )
    return known
