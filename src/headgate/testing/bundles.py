"""Bundles for tests: small tables with the traps that packaging must meet, and an MLflow pyfunc run in this process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headgate.features.predictor import Predictor, open_predictor
from headgate.policy.model import ModelPolicy
from headgate.registry.bundle import Manifest
from headgate.registry.ports import ModelRuntime
from headgate.registry.signature import Columns, Field
from headgate.training.material import Material


@dataclass(frozen=True, slots=True)
class Frame:
    """Rows with their features, as packaging reads them."""

    rows: pa.Table
    features: pa.Table


class InProcessPyfunc:
    """A ModelRuntime over a bundle's pyfunc folder, in this process; what serves runs it in a process of its own."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        from headgate.training.pyfunc import DATA, FOLDER, _load_pyfunc

        self._model = _load_pyfunc(str(folder / FOLDER / DATA))
        self._outputs = manifest.signature.outputs

    def run(self, features: Columns) -> dict[str, npt.NDArray[Any]]:
        """Return the outputs of these rows."""
        import pandas as pd

        table = self._model.predict(pd.DataFrame(dict(features)))
        return {field.name: _column(field, table[field.name].tolist()) for field in self._outputs}

    def close(self) -> None:
        """Do nothing: nothing is held."""


def _column(field: Field, values: list[Any]) -> npt.NDArray[Any]:
    if field.dtype == "string":
        return np.array(values, object)
    return np.array(values, np.float32).reshape((-1,) if field.width is None else (-1, field.width))


def make_runtime(folder: Path, manifest: Manifest) -> ModelRuntime:
    """Build the runtime that a bundle names."""
    if manifest.runtime == "pyfunc":
        return InProcessPyfunc(folder, manifest)
    from headgate.adapters.onnxruntime.runtime import OnnxRuntime

    return OnnxRuntime(folder, manifest)


def open_here(folder: Path, expected: str | None = None) -> Predictor:
    """Open a bundle in this process."""
    return open_predictor(folder, expected, make_runtime)


def a_policy(task: str, columns: Mapping[str, Field], **package: Any) -> ModelPolicy:
    """Return the smallest policy of a model with these inputs."""
    kinds = {"string": "string", "int64": "int", "bool": "bool"}
    described = {
        name: {"type": kinds.get(field.dtype, "float"), "missing": field.missing} for name, field in columns.items()
    }
    return ModelPolicy.model_validate(
        {
            "task": task,
            "data": {"source": "rows.csv", "id": "id", "time": "at", "label": {"column": "y"}, "columns": described},
            "features": {"file": None, "inputs": list(columns)},
            "split": {"holdout": "14d"},
            "package": package,
            "scorecard": [{"kind": "size", "at_most_mb": 100}],
        }
    )


def some_rows(count: int, seed: int, strings: Sequence[str] = ("kind",), numbers: int = 4) -> dict[str, Any]:
    """Return feature columns: floats `n0`.. (one in ten of `n0` missing) and strings of five values each."""
    random = np.random.default_rng(seed)
    columns: dict[str, Any] = {f"n{at}": random.normal(size=count).astype(np.float32) for at in range(numbers)}
    columns["n0"][random.random(count) < 0.1] = np.nan  # noqa: PLR2004 - one in ten
    for name in strings:
        columns[name] = np.array([f"{name}-{value}" for value in "abcde"], object)[random.integers(0, 5, count)]
    return columns


def some_labels(columns: Mapping[str, Any], seed: int) -> npt.NDArray[np.float64]:
    """Return a noisy score that depends on `n0` (missing counts as 1), `n1` and the first string."""
    random = np.random.default_rng(seed + 1000)
    score = np.where(np.isnan(columns["n0"]), 1, columns["n0"]) + columns["n1"] ** 2
    for column in columns.values():
        if column.dtype == object:
            score = score + np.array([hash_of(value) for value in column.tolist()])
    return np.asarray(score + random.normal(size=len(score)) / 4)


def hash_of(value: str | None) -> float:
    """Return a number that depends on a string the same way in every process."""
    return 0.0 if value is None else (sum(value.encode()) % 7) / 3


def fields_of(columns: Mapping[str, Any], missing: Sequence[str] = ("n0",)) -> tuple[Field, ...]:
    """Return the fields of feature columns: float32 and strings."""
    return tuple(
        Field(name, "string" if column.dtype == object else "float32", missing=name in missing)
        for name, column in columns.items()
    )


def some_material(
    task: str, train: Mapping[str, Any], heldout: Mapping[str, Any], missing: Sequence[str] = ("n0",), **package: Any
) -> Material:
    """Return what packaging needs of a model without features.py."""
    fields = fields_of(train, missing)
    policy = a_policy(task, {field.name: field for field in fields}, **package)
    first, second = (
        pa.table({name: pa.array(column, from_pandas=True) for name, column in part.items()})
        for part in (train, heldout)
    )
    return Material("small", policy, fields, fields, Frame(first, first), Frame(second, second), None)
