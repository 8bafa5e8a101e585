"""TensorFlow Serving's REST protocol: predict in row and column format, status, metadata."""

from functools import partial
from typing import Any

import msgspec

from headgate.gateway.http.head import Handler, Head
from headgate.gateway.protocols.asked import Asked, Told, Write, by_column
from headgate.gateway.protocols.invocations import rows_of
from headgate.gateway.protocols.named import decode, from_columns, from_one, from_rows
from headgate.gateway.protocols.speech import (
    READ,
    WRITE,
    Ask,
    Gateway,
    Headers,
    allow,
    as_json,
    check_body,
    model_path,
    page,
)
from headgate.gateway.refusal import Refusal, bad
from headgate.gateway.version import Loaded
from headgate.registry.field import DType, Field
from headgate.registry.signature import Columns

SIGNATURE = "serving_default"
TYPES: dict[DType, str] = {
    "float32": "DT_FLOAT",
    "float64": "DT_DOUBLE",
    "int32": "DT_INT32",
    "int64": "DT_INT64",
    "bool": "DT_BOOL",
    "string": "DT_STRING",
    "timestamp": "DT_STRING",
}


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """What :predict takes: instances (rows) or inputs (columns)."""

    instances: list[Any] | None = None
    inputs: dict[str, Any] | list[Any] | None = None
    signature_name: str | None = None


_body = msgspec.json.Decoder(Body)


class TensorFlow:
    """TensorFlow Serving's REST protocol.

    Args:
        gateway: Holds the table.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def find(self, method: str, parts: tuple[str, ...], headers: Headers) -> Handler | None:
        """Return what answers this head; None when the path is not of this protocol."""
        if parts[0] != "v1":
            return None
        if parts[-1] == "metadata" and (found := model_path(parts[:-1], "v1")):
            allow(method, READ)
            return page(partial(self._metadata, *found))
        last, colon, verb = parts[-1].rpartition(":")
        if colon and (found := model_path((*parts[:-1], last), "v1")):
            allow(method, WRITE)
            if verb != "predict":
                raise Refusal(404, "unsupported_verb", f":{verb[:40]} is not supported; expected :predict")
            check_body(headers)
            return Ask(self._gateway, *found, read)
        if found := model_path(parts, "v1"):
            allow(method, READ)
            return page(partial(self._status, *found))
        return None

    def _status(self, model: str, version: str | None) -> tuple[int, object]:
        entry = self._gateway.table.entry(model)
        if entry.serving is None:
            shown = "" if entry.wanted is None else entry.wanted.version
            return 200, _state(shown, "START", "UNAVAILABLE", entry.why)
        serving = self._gateway.table.find(model, version)
        return 200, _state(serving.arm.version, "AVAILABLE", "OK", "")

    def _metadata(self, model: str, version: str | None) -> tuple[int, object]:
        serving = self._gateway.table.find(model, version)
        signature = serving.loaded.signature
        described = {
            "inputs": {field.name: describe(field) for field in signature.inputs},
            "outputs": {field.name: describe(field) for field in signature.outputs},
            "method_name": "tensorflow/serving/predict",
        }
        return 200, {
            "model_spec": {"name": model, "signature_name": "", "version": serving.arm.version},
            "metadata": {"signature_def": {"signature_def": {SIGNATURE: described}}},
        }


def _state(version: str, state: str, code: str, why: str) -> object:
    status = {"error_code": code, "error_message": why}
    return {"model_version_status": [{"version": version, "state": state, "status": status}]}


def describe(field: Field) -> object:
    """Return a tensor as the metadata names it."""
    sizes = [-1] if field.width is None else [-1, field.width]
    dim = [{"size": str(size), "name": ""} for size in sizes]
    return {"name": field.name, "dtype": TYPES[field.dtype], "tensor_shape": {"dim": dim, "unknown_rank": False}}


def read(_head: Head, body: bytes, loaded: Loaded, most: int) -> Asked:
    """Read a request in row or column format; it is answered in the same."""
    asked: Body = decode(_body, body)
    if asked.signature_name not in (None, "", SIGNATURE):
        raise bad("unknown_signature", f"signature_name {asked.signature_name!r} is not known; expected {SIGNATURE}")
    if (asked.instances is None) == (asked.inputs is None):
        raise bad("bad_body", "expected instances (one value a row) or inputs (columns), and not both")
    signature = loaded.signature
    if asked.instances is not None:
        unnamed = not asked.instances or not isinstance(asked.instances[0], dict)
        return _asked((from_one if unnamed else from_rows)(asked.instances, signature, most), as_json(tell_rows))
    if isinstance(asked.inputs, dict):
        return _asked(from_columns(asked.inputs, signature, most), as_json(tell_columns))
    return _asked(from_one(asked.inputs or [], signature, most), as_json(tell_columns))


def _asked(columns: Columns, write: Write) -> Asked:
    return Asked(None, columns, len(next(iter(columns.values()))), None, write)


def tell_rows(told: Told) -> object:
    """Return the answer in row format."""
    return {"predictions": rows_of(told)}


def tell_columns(told: Told) -> object:
    """Return the answer in column format: the list alone for one output."""
    columns = by_column(told)
    return {"outputs": next(iter(columns.values())) if len(columns) == 1 else columns}
