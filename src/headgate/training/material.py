"""What a model is packaged from, besides itself, and the tables of it as columns and as the frame that train() got."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headgate.features.predictor import Predictor
from headgate.policy.model import ModelPolicy
from headgate.registry.signature import Columns, Field

OpenModel: TypeAlias = Callable[[Path, str | None], Predictor]


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

    def heldout_features(self) -> dict[str, npt.NDArray[Any]]:
        """Return the features of the held-out rows as the model takes them."""
        return as_columns(self.heldout.features, self.features)


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
