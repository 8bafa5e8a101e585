"""A version under judgement: its bundle opened, and what it answers on the held-out rows.

What cannot be opened or cannot answer is no error here: it is judged, and fails, with its reason. A local copy that is
not the registered artefact is an error: a verdict about it would be one about something else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from headgate.base.errors import HeadgateError, Tampered
from headgate.gate.numbers import rows as show_rows
from headgate.gate.ports import Answering
from headgate.gate.rows import Answers, HeldOut, Silent
from headgate.registry.signature import cast
from headgate.registry.version import Version
from headgate.training.resampled import Array

OUTPUTS: Mapping[str, str] = {"binary": "probability", "multiclass": "probabilities", "regression": "prediction"}


@dataclass(frozen=True, slots=True)
class Subject:
    """A version that is judged, or judged against.

    Attributes:
        version: As registered.
        bundle: Its folder.
        model: The opened bundle; None when it could not be opened.
        why: Why it could not be opened.
    """

    version: Version
    bundle: Path
    model: Answering | None
    why: str = ""


def open_subject(version: Version, bundle: Path, open_model: Callable[[Path, str], Answering]) -> Subject:
    """Open a version's bundle under its digest; one that cannot be opened is judged, and fails, as it is.

    Raises:
        Tampered: What lies there is not the version's bundle.
    """
    try:
        return Subject(version, bundle, open_model(bundle, version.digest))
    except Tampered:
        raise
    except HeadgateError as error:
        return Subject(version, bundle, None, f"the bundle cannot be opened: {error.what}")


def answers(subject: Subject, task: str, rows: HeldOut) -> Answers | Silent:
    """Return what a version answers on the rows; Silent where it cannot, or where an answer is not a finite number."""
    number = subject.version.number
    if subject.model is None:
        return Silent(number, subject.why)
    why = unfit(subject.model, rows)
    if why:
        return Silent(number, why)
    manifest = subject.model.manifest
    try:
        inputs = {field.name: cast(field, rows.inputs[field.name]) for field in manifest.signature.inputs}
        outputs = subject.model.predict(inputs)
    except HeadgateError as error:
        return Silent(number, error.what)
    found = outputs.get(OUTPUTS[task])
    why = _flaw(found, len(rows)) if found is not None else f"it gives no {OUTPUTS[task]}, which {task} needs"
    if found is None or why:
        return Silent(number, why)
    return Answers(number, subject.version.trained_until, manifest.classes, found)


def unfit(model: Answering, rows: HeldOut) -> str:
    """Say why a model cannot answer these rows, "" when it can."""
    if not len(rows):
        return "there are no held-out rows that are later than its training data"
    missing = [field.name for field in model.manifest.signature.inputs if field.name not in rows.inputs]
    return f"it needs inputs that the held-out rows do not have: {', '.join(missing)}" if missing else ""


def _flaw(found: Array, rows: int) -> str:
    if len(found) != rows:
        return f"it gave {len(found):,} answers to {show_rows(rows)}"
    broken = ~np.isfinite(found.reshape(rows, -1)).all(axis=1)
    if not broken.any():
        return ""
    return (
        f"{int(broken.sum()):,} of {rows:,} answers are not finite numbers "
        f"(the first on held-out row {int(broken.argmax()) + 1:,})"
    )
