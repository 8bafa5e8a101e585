"""Try one made-up row on an opened bundle, and hold what it gives to its own signature.

Packaging does so before a version exists, and a worker before a version takes traffic.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from headgate.base.errors import BadInput
from headgate.features.predictor import Predictor
from headgate.registry.cast import NUMPY
from headgate.registry.field import Field

MISSING = {"string": None, "timestamp": np.datetime64("NaT"), "float32": np.nan, "float64": np.nan}


def warm(predictor: Predictor) -> None:
    """Run one made-up row, and hold the outputs to the signature.

    Raises:
        BadInput: The model does not give what its signature says.
    """
    signature = predictor.manifest.signature
    outputs = predictor.predict({field.name: _blank(field) for field in signature.inputs})
    for field in signature.outputs:
        values, expected = outputs.get(field.name), (1,) if field.width is None else (1, field.width)
        if values is None or values.shape != expected:
            got = "nothing" if values is None else f"shape {list(values.shape)}"
            raise BadInput(f"output {field.name} of one row has {got}, expected shape {list(expected)}")


def _blank(field: Field) -> npt.NDArray[Any]:
    """Return one row that the signature allows: missing where it may be, else zero, false, empty or 2000-01-01."""
    shape = (1,) if field.width is None else (1, field.width)
    if field.missing and field.dtype in MISSING:
        return np.full(shape, MISSING[field.dtype], NUMPY[field.dtype])
    match field.dtype:
        case "string":
            return np.full(shape, "", object)
        case "timestamp":
            return np.full(shape, np.datetime64("2000-01-01", "us"))
        case _:
            return np.zeros(shape, NUMPY[field.dtype])
