"""Turn what a pyfunc model returns into the outputs of a signature. Runs in the model's own process."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from headgate.base.errors import BadInput
from headgate.registry.cast import NUMPY
from headgate.registry.field import Field

Array = npt.NDArray[Any]


def as_outputs(result: Any, fields: Sequence[Field], classes: Sequence[str], rows: int) -> dict[str, Array]:
    """Return every output of the signature.

    Args:
        result: A DataFrame or mapping with a column per output; or an array: [n] or [n, 1] for the only numeric output,
            [n, 2] for the probabilities of a binary model, [n, k] for the probabilities of k classes.
        fields: The signature's outputs.
        classes: Labels in the order of the probabilities.
        rows: How many rows went in.

    Raises:
        BadInput: An output is not there, or has another shape.
    """
    named = _named(result, fields, classes)
    return {field.name: _shaped(field, named, rows) for field in fields}


def _named(result: Any, fields: Sequence[Field], classes: Sequence[str]) -> Mapping[str, Any]:
    if hasattr(result, "columns") or isinstance(result, Mapping):
        return {str(name): result[name] for name in (result.columns if hasattr(result, "columns") else result)}
    values = np.asarray(result)
    names = [field.name for field in fields]
    if values.ndim > 1 and values.shape[1] == 1:
        values = values[:, 0]
    if names == ["probability"] and values.ndim > 1:
        values = values[:, -1]
    if "probabilities" in names and "label" in names and values.ndim > 1:
        return {"probabilities": values, "label": np.array(classes, object)[values.argmax(axis=1)]}
    return {names[0]: values}


def _shaped(field: Field, named: Mapping[str, Any], rows: int) -> Array:
    if field.name not in named:
        raise BadInput(f"the model gave no output {field.name}, but {', '.join(named)}", where="pyfunc")
    values = named[field.name]
    plain: Array
    if field.width is not None:
        plain = np.array(list(map(np.asarray, values)), NUMPY[field.dtype])
    else:
        plain = np.asarray(values).astype(NUMPY[field.dtype])
    expected = (rows,) if field.width is None else (rows, field.width)
    if plain.shape != expected:
        what = f"output {field.name} has shape {list(plain.shape)}, expected {list(expected)}"
        raise BadInput(what, where="pyfunc")
    return plain
