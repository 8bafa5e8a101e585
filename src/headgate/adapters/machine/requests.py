"""Write rows as one-row requests of the Open Inference Protocol, ready to be sent."""

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from headgate.gateway.protocols.v2_json.datatypes import datatype
from headgate.registry.field import Columns, Field
from headgate.registry.signature import Signature


def requests(signature: Signature, columns: Columns, model: str, host: str) -> list[bytes]:
    """Return one HTTP request for each row of the inputs, cast by the signature."""
    listed = {field.name: _values(columns[field.name]) for field in signature.inputs}
    rows = len(next(iter(listed.values()), []))
    return [_request(signature, listed, at, model, host) for at in range(rows)]


def _request(signature: Signature, listed: dict[str, list[Any]], at: int, model: str, host: str) -> bytes:
    inputs = [_tensor(field, listed[field.name][at]) for field in signature.inputs]
    body = msgspec.json.encode({"inputs": inputs})
    head = f"POST /v2/models/{model}/infer HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def _tensor(field: Field, value: Any) -> dict[str, Any]:
    shape = [1] if field.width is None else [1, field.width]
    return {
        "name": field.name,
        "shape": shape,
        "datatype": datatype(field),
        "data": [value] if field.width is None else value,
    }


def _values(column: npt.NDArray[Any]) -> list[Any]:
    """Return what JSON can hold: a missing value is null, a time ISO 8601 in UTC."""
    if column.dtype.kind == "M":
        texts = np.datetime_as_string(column, "us").tolist()
        return [None if text == "NaT" else f"{text}Z" for text in texts]
    if column.dtype.kind == "f" and np.isnan(column).any():
        whole = column.astype(object)
        whole[np.isnan(column)] = None
        return list(whole.tolist())
    return list(column.tolist())
