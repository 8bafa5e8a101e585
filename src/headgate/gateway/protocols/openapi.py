"""The REST part of the gateway as an OpenAPI 3.1 document, written for the models that are served now. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from headgate.gateway.protocols.v2_json.datatypes import DATATYPES
from headgate.gateway.table import Table
from headgate.registry.field import DType, Field

Json: TypeAlias = dict[str, Any]
SCALARS: Mapping[DType, Json] = {
    "float32": {"type": "number", "minimum": -3.4e38, "maximum": 3.4e38},
    "float64": {"type": "number"},
    "int32": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    "int64": {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
    "bool": {"type": "boolean"},
    "string": {"type": "string"},
    "timestamp": {"type": "string", "format": "date-time"},
}
TEXT: Json = {"type": "string"}
ANY: Json = {}
LIST: Json = {"type": "array", "items": ANY, "minItems": 1}
OBJECT: Json = {"type": "object"}
LIST_OR_NONE: Json = {"type": "array", "items": OBJECT}
DATATYPE: Json = {"type": "string", "enum": sorted(set(DATATYPES.values()))}
REFUSED = (400, 401, 403, 404, 405, 408, 413, 415, 417, 429, 431, 503, 504)


def ref(name: str) -> Json:
    """Return a reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def record(required: Mapping[str, Json], optional: Mapping[str, Json] | None = None) -> Json:
    """Return the schema of an object that has no other keys."""
    properties = {**required, **(optional or {})}
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def value(field: Field) -> Json:
    """Return the schema of one row's value of an input."""
    one = SCALARS[field.dtype]
    if field.missing:
        one = {"anyOf": [one, {"type": "null"}]}
    if field.width is None:
        return one
    return {"type": "array", "items": one, "minItems": field.width, "maxItems": field.width}


def document(table: Table, version: str) -> Json:
    """Return the document.

    Args:
        table: What is served.
        version: This package's.
    """
    served = {name: entry.serving.loaded.signature for name, entry in table.entries.items() if entry.serving}
    rows = {f"Row.{name}": record({field.name: value(field) for field in one.inputs}) for name, one in served.items()}
    versions = sorted({entry.serving.arm.version for entry in table.entries.values() if entry.serving})
    return {
        "openapi": "3.1.0",
        "info": {"title": "Headgate gateway", "version": version, "description": __doc__.split("\n", maxsplit=1)[0]},
        "paths": _paths(_named("model", sorted(served)), _named("version", versions)),
        "components": {
            "schemas": {**_schemas(list(rows)), **rows},
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "headgate-key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
        "security": [{}, {"key": []}, {"bearer": []}],
    }


def _named(name: str, known: list[str]) -> Json:
    schema: Json = {"type": "string", "minLength": 1, **({"enum": known} if known else {})}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _paths(model: Json, version: Json) -> Json:
    one = "/v2/models/{model}"
    exact = f"{one}/versions/{{version}}"
    header = {**model, "in": "header", "name": "headgate-model", "required": False}
    infer = _post("Infer with tensors", ref("InferRequest"), ref("InferResponse"))
    frame = _post("Score a data frame or tensors", ref("Invocation"), ref("Predictions"), csv=True)
    tensorflow = _post("Predict in row or column format", ref("TensorFlowRequest"), ref("TensorFlowResponse"))
    paths = {
        "/predict": _post("Predict from rows or columns by name", ref("PredictRequest"), ref("PredictResponse")),
        f"{one}/infer": _with(infer, model),
        f"{exact}/infer": _with(infer, model, version),
        "/invocations": _with(frame, header),
        "/models/{model}/invocations": _with(frame, model),
        "/v1/models/{model}:predict": _with(tensorflow, model),
        "/v1/models/{model}/versions/{version}:predict": _with(tensorflow, model, version),
        "/v2": _get("Name and version of this server"),
        "/v2/health/live": _get("Whether the worker runs"),
        "/v2/health/ready": _get("Whether every model of the routes serves", 503),
        "/v2/repository/index": {"post": {"summary": "Every model and its state", "responses": _answers(LIST_OR_NONE)}},
        one: _with(_get("Inputs and outputs of a model"), model),
        exact: _with(_get("Inputs and outputs of a version"), model, version),
        f"{one}/ready": _with(_get("Whether a model serves", 503), model),
        f"{exact}/ready": _with(_get("Whether a version serves", 503), model, version),
        "/v1/models/{model}": _with(_get("Status, as TensorFlow Serving tells it"), model),
        "/v1/models/{model}/versions/{version}": _with(_get("Status of a version"), model, version),
        "/v1/models/{model}/metadata": _with(_get("Signature, as TensorFlow Serving tells it"), model),
        "/v1/models/{model}/versions/{version}/metadata": _with(_get("Signature of a version"), model, version),
        "/ping": _get("Whether every model serves", 503),
        "/health": _get("Whether every model serves", 503),
        "/version": {"get": {"summary": "Version of this server", "responses": _answers(TEXT, kind="text/plain")}},
        "/openapi.json": _get("This document"),
    }
    return dict(paths)


def _with(path: Json, *parameters: Json) -> Json:
    return {**path, "parameters": list(parameters)}


def _get(summary: str, *others: int) -> Json:
    answers = _answers(OBJECT)
    for status in others:
        answers[str(status)] = {"description": "not now", **_content(OBJECT)}
    return {"get": {"summary": summary, "responses": answers}}


def _post(summary: str, asked: Json, answered: Json, *, csv: bool = False) -> Json:
    body: Json = {"required": True, **_content(asked)}
    if csv:
        body["content"]["text/csv"] = {"schema": TEXT}
    return {"post": {"summary": summary, "requestBody": body, "responses": _answers(answered)}}


def _content(schema: Json, kind: str = "application/json") -> Json:
    return {"content": {kind: {"schema": schema}}}


def _answers(schema: Json, kind: str = "application/json") -> Json:
    refused = {"description": "refused: why, in a sentence and a code", **_content(ref("Error"))}
    return {"200": {"description": "answered", **_content(schema, kind)}, **{str(one): refused for one in REFUSED}}


def _schemas(rows: Iterable[str]) -> Json:
    row = {"anyOf": [ref(name) for name in rows]} if rows else OBJECT
    tensor = {"name": TEXT, "shape": {"type": "array", "items": {"type": "integer"}}, "datatype": DATATYPE}
    answered = record({**tensor, "data": LIST})
    columns = {"type": "object", "additionalProperties": LIST}
    split = record(
        {"columns": {"type": "array", "items": TEXT}, "data": {"type": "array", "items": LIST}}, {"index": LIST}
    )
    extra = {"id": TEXT, "version": TEXT, "outputs": {"type": "array", "items": TEXT}, "model": TEXT}
    return {
        "Error": record({"error": TEXT, "code": TEXT}),
        "PredictRequest": {
            "oneOf": [
                record({"rows": {"type": "array", "items": row, "minItems": 1}}, extra),
                record({"columns": columns}, extra),
            ]
        },
        "PredictResponse": record(
            {"model": TEXT, "version": TEXT}, {"id": TEXT, "predictions": LIST_OR_NONE, "columns": columns}
        ),
        "InferRequest": record(
            {"inputs": {"type": "array", "items": record(tensor, {"data": LIST, "parameters": OBJECT})}},
            {"id": TEXT, "parameters": OBJECT, "outputs": {"type": "array", "items": ref("WantedOutput")}},
        ),
        "WantedOutput": record({"name": TEXT}, {"parameters": record({}, {"binary_data": {"type": "boolean"}})}),
        "InferResponse": record(
            {"model_name": TEXT, "model_version": TEXT, "outputs": {"type": "array", "items": answered}}, {"id": TEXT}
        ),
        "Invocation": {
            "oneOf": [
                record({"dataframe_split": split}),
                record({"dataframe_records": {"type": "array", "items": row, "minItems": 1}}),
                record({"instances": LIST}),
                record({"inputs": {"anyOf": [columns, LIST]}}),
            ]
        },
        "Predictions": record({"predictions": LIST}),
        "TensorFlowRequest": {
            "oneOf": [
                record({"instances": LIST}, {"signature_name": {"const": "serving_default"}}),
                record({"inputs": {"anyOf": [columns, LIST]}}, {"signature_name": {"const": "serving_default"}}),
            ]
        },
        "TensorFlowResponse": {"oneOf": [record({"predictions": LIST}), record({"outputs": ANY})]},
    }
