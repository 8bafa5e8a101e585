"""Answer from a bundle: request-time features, then the model; the same object in training, gate and gateway.

Nothing here casts outside values (registry.signature does) or knows how a model is run (a ModelRuntime does).
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from headgate.base.errors import BadInput
from headgate.registry.bundle import Manifest, open_bundle
from headgate.registry.ports import ModelRuntime
from headgate.registry.signature import Columns, Field, Signature

FEATURES = "features.py"
PLAIN = {"float32", "string"}
FLOAT32 = np.dtype(np.float32)
RequestCall: TypeAlias = Callable[[Columns], Mapping[str, npt.NDArray[Any]]]
MakeRuntime: TypeAlias = Callable[[Path, Manifest], ModelRuntime]


class Predictor:
    """A bundle that answers.

    Args:
        manifest: What the bundle holds.
        runtime: Runs its model.
        features: Its features.py; None: the features are the inputs as they are.
    """

    def __init__(self, manifest: Manifest, runtime: ModelRuntime, features: RequestCall | None = None) -> None:
        self.manifest = manifest
        self._fields = manifest.signature.features
        self._runtime = runtime
        self._features = features
        self._straight = features is None and _as_they_are(manifest.signature)

    @property
    def apart(self) -> bool:
        """Whether a call may block on something else than the model, and so must not run on a loop."""
        return bool(getattr(self._runtime, "apart", self.manifest.runtime not in ("onnx", "ensemble")))

    def predict(self, inputs: Columns) -> dict[str, npt.NDArray[Any]]:
        """Return every output of the signature for these rows.

        Args:
            inputs: Every input of the signature, cast by it: arrays of the same n rows.

        Raises:
            BadInput: features.py failed on these rows, or made something else than the signature's features.
        """
        return self._runtime.run(inputs if self._straight else self.featurise(inputs))

    def answer(self, features: Columns) -> dict[str, npt.NDArray[Any]]:
        """Return every output for rows whose features are made already, as the signature says them."""
        return self._runtime.run(features)

    def featurise(self, inputs: Columns) -> dict[str, npt.NDArray[Any]]:
        """Return the model's features of these rows: float32, or strings, as the signature says."""
        made = inputs if self._features is None else self._call(self._features, inputs)
        rows = len(next(iter(inputs.values()), ()))
        with np.errstate(over="raise", under="ignore"):
            return {field.name: as_feature(field, made, rows) for field in self._fields}

    def close(self) -> None:
        """Let go of the runtime."""
        self._runtime.close()

    def _call(self, features: RequestCall, inputs: Columns) -> Mapping[str, npt.NDArray[Any]]:
        try:
            return features({name: _unchanging(column) for name, column in inputs.items()})
        except BadInput:
            raise
        except Exception as error:  # features.py is the user's code: whatever it raises concerns these rows
            raise BadInput(
                f"features() raised {type(error).__name__}: {error}",
                where=f"{FEATURES} of {self.manifest.model}",
                way_out="features() must take every row that the signature allows, missing values included",
            ) from error


def _unchanging(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a column that features() cannot change: the prediction log and shadows get the same one."""
    shown = column.view()
    shown.setflags(write=False)
    return shown


def _as_they_are(signature: Signature) -> bool:
    """Say whether the features are the inputs, and their cast makes them what the model takes."""
    given = [(field.name, field.dtype, field.width) for field in signature.inputs]
    wanted = [(field.name, field.dtype, field.width) for field in signature.features]
    return given == wanted and all(field.dtype in PLAIN for field in signature.features)


def as_feature(field: Field, made: Mapping[str, npt.NDArray[Any]], rows: int) -> npt.NDArray[Any]:
    """Return one feature column as the signature says it: numbers and booleans as float32, strings as they are.

    A number beyond float32 is found where numpy raises on overflow, as `Predictor.featurise` makes it.

    Raises:
        BadInput: The column is not there, has another shape, or holds something that does not fit.
    """
    column = made.get(field.name)
    if column is None:
        raise _refuse(field, "is not among the columns that features() returned")
    shape = (rows,) if field.width is None else (rows, field.width)
    if column.shape != shape:
        raise _refuse(field, f"has shape {list(column.shape)}, expected {list(shape)}")
    if field.dtype != "float32" or column.dtype == FLOAT32:
        return column
    try:
        return column.astype(FLOAT32)
    except (TypeError, ValueError) as error:
        raise _refuse(field, f"is {column.dtype}, which is no number") from error
    except FloatingPointError as error:
        raise _refuse(field, "holds a number beyond float32") from error


def _refuse(field: Field, what: str) -> BadInput:
    return BadInput(f"feature {field.name} {what}", where=FEATURES, way_out="features() must return what it trained on")


def open_predictor(folder: Path, expected: str | None, make: MakeRuntime) -> Predictor:
    """Build a predictor from a bundle folder, its digest checked before any of its code runs.

    Args:
        folder: The bundle.
        expected: The approved digest; None only where there is none yet (packaging, the gate).
        make: Builds the runtime that the manifest names; handed in, since stages know no adapter.

    Raises:
        Tampered: The bundle is not what was approved.
    """
    from headgate.features.request import load

    manifest = open_bundle(folder, expected)
    features: RequestCall | None = None
    if FEATURES in manifest.files:
        source = (folder / FEATURES).read_text(encoding="utf-8")
        features = load(source, manifest.digest.removeprefix("sha256:")[:16], str(folder / FEATURES))
        if manifest.runtime == "ensemble":
            features = _with_inputs(features)
    return Predictor(manifest, make(folder, manifest), features)


def _with_inputs(features: RequestCall) -> RequestCall:
    """An ensemble's members read inputs as well as what features() makes, which comes first where names meet."""
    return lambda columns: {**columns, **features(columns)}
