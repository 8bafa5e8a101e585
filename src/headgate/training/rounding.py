"""Make a converted tree ensemble split exactly where the native one does.

LightGBM and scikit-learn's histogram boosting compare float32 values with float64 thresholds; a graph holds thresholds
as float32, and the converters round to the nearest. A value between the two then goes the other way. For every float32
value x, ``x <= t`` means the same as ``x <= t rounded down to float32``: so rounding down is exact, not a compromise.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from headgate.training.thresholds import Splits

ENSEMBLES = ("TreeEnsembleClassifier", "TreeEnsembleRegressor")


def round_down(model: Any, splits: Splits) -> None:
    """Change, in place, the thresholds of every tree ensemble of an onnx.ModelProto.

    Args:
        model: The converted model; its ensembles see the columns that `splits` numbers.
        splits: By column, the float64 thresholds of the native trees.
    """
    exact = {column: _rounded(np.unique(np.asarray(values, np.float64))) for column, values in splits.items()}
    for node in model.graph.node:
        if node.op_type in ENSEMBLES:
            _correct({attribute.name: attribute for attribute in node.attribute}, exact)


def floor32(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return the largest float32 that is not above each value."""
    near = nearest32(values)
    return np.where(near > values, np.nextafter(near, np.float32(-np.inf)), near)


def nearest32(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return the nearest float32 of each value; what lies beyond float32 becomes an infinity."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _rounded(values: npt.NDArray[np.float64]) -> dict[float, float]:
    """Map thresholds as the converter rounded them to thresholds rounded down; one that is ambiguous is left out."""
    found: dict[float, set[float]] = {}
    for near, down in zip(nearest32(values).tolist(), floor32(values).tolist(), strict=True):
        found.setdefault(near, set()).add(down)
    return {near: next(iter(downs)) for near, downs in found.items() if len(downs) == 1}


def _correct(attributes: Mapping[str, Any], exact: Mapping[int, Mapping[float, float]]) -> None:
    modes, columns = attributes["nodes_modes"].strings, attributes["nodes_featureids"].ints
    values = attributes["nodes_values"].floats
    new = [
        exact.get(column, {}).get(value, value) if mode == b"BRANCH_LEQ" else value
        for mode, column, value in zip(modes, columns, values, strict=True)
    ]
    del values[:]
    values.extend(new)
