"""Run a packaged model with ONNX Runtime: one thread, everything prepared when it is loaded.

A graph of a bundle gives the signature's outputs by name (packaging saw to it), so nothing here knows a kind of model.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from headgate.base.errors import BadInput
from headgate.registry.bundle import MISSING_TEXT, NUMBERS, STRINGS, Manifest
from headgate.registry.signature import Columns, Field

Array: TypeAlias = npt.NDArray[Any]
Feed: TypeAlias = Callable[[Columns], dict[str, Array]]

MODEL = "model.onnx"
PACKED = {NUMBERS, STRINGS}
ERRORS_ONLY = 3
TENSORS: Mapping[str, type] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
    "tensor(string)": np.object_,
}


class OnnxRuntime:
    """A ModelRuntime over one inference session.

    Args:
        path: The bundle's folder, or the ONNX file itself.
        manifest: Names features and outputs.
        threads: Threads within one operator; 1 in the gateway, which has a core per worker.

    Raises:
        BadInput: The file is no model, or its graph does not fit the signature.
    """

    def __init__(self, path: Path, manifest: Manifest, threads: int = 1) -> None:
        file = path / MODEL if path.is_dir() else path
        self._where = str(file)
        self._session: Any = _load(file, threads)
        self._names = [field.name for field in manifest.signature.outputs]
        self._flat = [field.width is None for field in manifest.signature.outputs]
        given = {output.name for output in self._session.get_outputs()}
        if missing := [name for name in self._names if name not in given]:
            raise BadInput(
                f"the graph gives {', '.join(sorted(given))}, but not {', '.join(missing)}",
                where=self._where,
                way_out="package the model again",
            )
        self._feed = _plan(self._session.get_inputs(), manifest.signature.features, self._where)
        self._warm(manifest.signature.features)

    def run(self, features: Columns) -> dict[str, Array]:
        """Return the outputs of these rows, as the contract of ModelRuntime says."""
        try:
            # `session.run` looks up every input in a list first: twenty times the model's own work at 1,000 inputs.
            values = self._session._sess.run(self._names, self._feed(features), None)  # noqa: SLF001 - it has no other
        except AttributeError:
            if self._session is None:
                raise BadInput("this model was closed", where=self._where, way_out="open the bundle again") from None
            raise
        except Exception as error:  # onnxruntime raises classes of its own that share no base
            raise BadInput(
                f"the model refused these rows: {str(error)[:300]}",
                where=self._where,
                way_out="compare the rows with the signature; package the model again if they fit",
            ) from error
        return {
            name: value.reshape(-1) if flat and value.ndim != 1 else value
            for name, flat, value in zip(self._names, self._flat, values, strict=True)
        }

    def close(self) -> None:
        """Let go of the session's memory."""
        self._session = None

    def _warm(self, features: tuple[Field, ...]) -> None:
        """Run one row, so that a graph that cannot run fails here and not under a request."""
        row = {
            field.name: np.full((1,) if field.width is None else (1, field.width), "", object)
            if field.dtype == "string"
            else np.zeros((1,) if field.width is None else (1, field.width), np.float32)
            for field in features
        }
        self.run(row)


def _load(file: Path, threads: int) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(str(file), sess_options=options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises classes of its own that share no base
        raise BadInput(
            f"ONNX Runtime cannot load it: {str(error)[:300]}", where=str(file), way_out="package the model again"
        ) from error


def _plan(inputs: list[Any], features: tuple[Field, ...], where: str) -> Feed:
    """Choose how feature columns become the graph's input tensors."""
    named = {field.name: field for field in features}
    if {tensor.name for tensor in inputs} <= PACKED:
        strings = tuple(field for field in features if field.dtype == "string")
        numbers = tuple(field for field in features if field.dtype != "string")
        groups = {NUMBERS: (np.float32, numbers), STRINGS: (np.object_, strings)}
        return _join([_matrix(tensor.name, *groups[tensor.name]) for tensor in inputs])
    if len(inputs) == 1 and inputs[0].name not in named:
        if any(field.dtype == "string" for field in features) != (inputs[0].type == "tensor(string)"):
            raise BadInput(
                f"the graph takes one {inputs[0].type} matrix, but the features are of other types",
                where=where,
                way_out="give the model one input per column",
            )
        return _matrix(inputs[0].name, TENSORS[inputs[0].type], features)
    if strange := [tensor.name for tensor in inputs if tensor.name not in named]:
        raise BadInput(
            f"the graph asks for {', '.join(strange)}, which are no features",
            where=where,
            way_out=f"the features are {', '.join(named)}",
        )
    return _columns([(tensor.name, TENSORS[tensor.type], len(tensor.shape)) for tensor in inputs])


def _join(feeds: list[Feed]) -> Feed:
    if len(feeds) == 1:
        return feeds[0]
    first, second = feeds
    return lambda columns: {**first(columns), **second(columns)}


def _matrix(name: str, dtype: type, features: tuple[Field, ...]) -> Feed:
    """Feed one [n, F] tensor, the features side by side in the signature's order."""
    names = [field.name for field in features]
    ends = np.cumsum([field.width or 1 for field in features]).tolist()
    total = ends[-1]
    places = [
        (field.name, end - 1 if field.width is None else slice(end - field.width, end))
        for field, end in zip(features, ends, strict=True)
    ]
    text = dtype is np.object_

    def feed(columns: Columns) -> dict[str, Array]:
        rows = len(columns[names[0]])
        if rows == 1:  # the gateway's most common batch: one call instead of F
            one: Array = np.concatenate([columns[name] for name in names], axis=None, dtype=dtype, casting="unsafe")
            matrix = one.reshape(1, total)
        else:
            matrix = np.empty((rows, total), dtype)
            for column, place in places:
                matrix[:, place] = columns[column]
        return {name: _text(matrix) if text else matrix}

    return feed


def _columns(tensors: list[tuple[str, type, int]]) -> Feed:
    """Feed one tensor a column, [n] or [n, 1] as the graph declares it."""
    if len(tensors) == 1 and tensors[0][1] is np.float32:
        return _one_column(tensors[0][0], tensors[0][2])

    def feed(columns: Columns) -> dict[str, Array]:
        fed = {}
        for name, dtype, rank in tensors:
            column = _text(columns[name]) if dtype is np.object_ else columns[name].astype(dtype, copy=False)
            fed[name] = column.reshape(len(column), 1) if column.ndim < rank else column
        return fed

    return feed


def _one_column(name: str, rank: int) -> Feed:
    """Feed one tensor of numbers, which mostly is what it has to be already."""

    def feed(columns: Columns) -> dict[str, Array]:
        column = columns[name]
        if column.dtype != np.float32:
            column = column.astype(np.float32)
        return {name: column.reshape(len(column), 1) if column.ndim < rank else column}

    return feed


def _text(column: Array) -> Array:
    """Return strings as ONNX can carry them: it knows no missing string, so MISSING_TEXT stands for it."""
    values = column.reshape(-1).tolist()
    if None not in values:
        return column
    return np.array([MISSING_TEXT if value is None else value for value in values], object).reshape(column.shape)
