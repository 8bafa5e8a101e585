"""Columns to a request and an answer back to columns, for V2 in JSON and for TF Serving's column format. Pure.

An answer that is not what the signature says is no answer: Unavailable, with what was wrong.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from headgate.base.errors import BadInput, Unavailable
from headgate.registry.cast import NUMPY
from headgate.registry.field import Columns, Field

Array = npt.NDArray[Any]
TYPES = {"float32": "FP32", "string": "BYTES"}
MATRIX_RANK = 2


def matrix_of(inputs: Sequence[Mapping[str, Any]], features: Sequence[Field]) -> tuple[str, str] | None:
    """Return name and datatype of the one tensor into which all features go side by side; None: a tensor each.

    Servers that do not say what they take (MLServer's and KServe's scikit-learn, LightGBM, XGBoost) take one matrix.

    Args:
        inputs: As the server's metadata lists them; may be empty.
        features: The signature's.
    """
    if not inputs:
        return None if any(field.dtype == "string" for field in features) else ("input-0", "FP32")
    named = {field.name for field in features}
    if len(inputs) != 1 or inputs[0].get("name") in named or len(inputs[0].get("shape", ())) != MATRIX_RANK:
        return None
    return str(inputs[0]["name"]), str(inputs[0]["datatype"])


def v2_request(features: Sequence[Field], columns: Columns, matrix: tuple[str, str] | None) -> dict[str, Any]:
    """Return the body of an inference request; a missing value is null."""
    if matrix is None:
        return {"inputs": [_tensor(field.name, TYPES[field.dtype], columns[field.name]) for field in features]}
    name, datatype = matrix
    rows = len(columns[features[0].name])
    whole = np.concatenate([columns[field.name].reshape(rows, -1) for field in features], axis=1)
    return {"inputs": [_tensor(name, datatype, whole)]}


def _tensor(name: str, datatype: str, values: Array) -> dict[str, Any]:
    return {"name": name, "shape": list(values.shape), "datatype": datatype, "data": _listed(values.reshape(-1))}


def _listed(values: Array) -> list[Any]:
    if values.dtype.kind == "f" and np.isnan(values).any():
        whole = values.astype(object)
        whole[np.isnan(values)] = None
        return list(whole.tolist())
    return list(values.tolist())


def v2_answer(body: Any, outputs: Sequence[Field], rows: int, where: str) -> dict[str, Array]:
    """Return the outputs of an inference answer."""
    try:
        given = {one["name"]: (one["data"], one["shape"]) for one in body["outputs"]}
    except (KeyError, TypeError) as error:
        raise strange("it is no V2 answer", where) from error
    found = _choose(given, outputs, where)
    return {field.name: _column(field, *found[field.name], rows, where) for field in outputs}


def tf_request(features: Sequence[Field], columns: Columns) -> dict[str, Any]:
    """Return the body of a predict request in the column format.

    Raises:
        BadInput: A value is missing, which this protocol cannot say.
    """
    listed = {field.name: columns[field.name].tolist() for field in features}
    for field in features:
        column = columns[field.name]
        missing = column == None if column.dtype == object else np.isnan(column)  # noqa: E711 - of each value
        if np.any(missing):
            raise BadInput(
                f"{field.name} is missing, which TF Serving's JSON cannot say",
                where=field.name,
                way_out="fill missing values in features.py, or serve the model by V2",
            )
    return {"inputs": listed}


def tf_answer(body: Any, outputs: Sequence[Field], rows: int, where: str) -> dict[str, Array]:
    """Return the outputs of a predict answer: one unnamed, or several by name."""
    found = body.get("outputs") if isinstance(body, Mapping) else None
    if found is None:
        raise strange("it is no predict answer in columns", where)
    named = found if isinstance(found, Mapping) else {outputs[0].name: found}
    given = _choose({name: (values, None) for name, values in named.items()}, outputs, where)
    return {field.name: _column(field, *given[field.name], rows, where) for field in outputs}


def _choose(
    given: Mapping[str, tuple[Any, Any]], outputs: Sequence[Field], where: str
) -> Mapping[str, tuple[Any, Any]]:
    """Return what was given by the signature's names; a single one may be called anything."""
    if len(outputs) == 1 and len(given) == 1:
        return {outputs[0].name: next(iter(given.values()))}
    lacking = [field.name for field in outputs if field.name not in given]
    if lacking:
        raise strange(f"it lacks {', '.join(lacking)} among {', '.join(given) or 'nothing'}", where)
    return given


def _column(field: Field, data: Any, shape: Any, rows: int, where: str) -> Array:
    wanted = (rows,) if field.width is None else (rows, field.width)
    try:
        if field.dtype == "string":
            column = _texts(data)
        else:
            made = [np.nan if value is None else value for value in data] if None in data else data
            column = np.array(made, NUMPY[field.dtype])
        if shape is None or (int(np.prod(shape)) == column.size and [*shape][:1] == [rows]):
            return column.reshape(wanted)
        error: Exception = ValueError(f"shape {shape} of {column.size} values for {rows} rows")
    except (TypeError, ValueError, OverflowError) as odd:
        error = odd
    raise strange(f"output {field.name} is not {field.dtype} {list(wanted)}: {error}", where) from error


def _texts(data: Any) -> Array:
    """Return strings, None for missing ones, in whatever nesting they came; raises TypeError for anything else."""
    column = np.array(data, object)
    odd = [value for value in column.flat if value is not None and type(value) is not str]
    if odd or not isinstance(data, list):
        raise TypeError(f"{type(odd[0] if odd else data).__name__} where a text is expected")
    return column


def nothing(field: Field) -> Array:
    """Return an output of no rows."""
    return np.empty((0,) if field.width is None else (0, field.width), NUMPY[field.dtype])


def strange(what: str, where: str) -> Unavailable:
    """Return the error for an answer that cannot be used."""
    return Unavailable(
        f"the remote server answered something that cannot be used: {what}",
        where=where,
        way_out="compare the model there with the one that was registered; register it again if it changed",
    )
