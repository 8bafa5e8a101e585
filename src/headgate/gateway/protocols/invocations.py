"""MLflow's scoring protocol: POST /invocations with a data frame as JSON or CSV, or with tensors; /ping, /version."""

import json
from typing import Any

import msgspec

from headgate.gateway.http.head import Handler, Head
from headgate.gateway.protocols.asked import Asked, Told, by_column, by_row
from headgate.gateway.protocols.named import decode, from_columns, from_csv, from_one, from_rows
from headgate.gateway.protocols.speech import (
    JSON_TYPES,
    READ,
    WRITE,
    Ask,
    Gateway,
    Headers,
    allow,
    as_json,
    check_body,
    page,
    text,
)
from headgate.gateway.protocols.v2_json.speech import version_of
from headgate.gateway.refusal import bad
from headgate.gateway.version import Loaded
from headgate.registry.signature import Columns, Signature

CSV = "text/csv"
FORMS = "dataframe_split, dataframe_records, instances, inputs"


class Split(msgspec.Struct, forbid_unknown_fields=True):
    """A data frame as pandas' orient="split" writes it; its index names rows, and answers come in their order."""

    columns: list[str]
    data: list[list[Any]]
    index: list[Any] | None = None


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """What /invocations takes: one of the four."""

    dataframe_split: Split | None = None
    dataframe_records: list[dict[str, Any]] | None = None
    instances: list[Any] | None = None
    inputs: dict[str, Any] | list[Any] | None = None
    params: dict[str, Any] | None = None


_body = msgspec.json.Decoder(Body)


class Invocations:
    """MLflow's scoring protocol.

    Args:
        gateway: Holds the table.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def find(self, method: str, parts: tuple[str, ...], headers: Headers) -> Handler | None:
        """Return what answers this head; None when the path is not of this protocol."""
        match parts:
            case ("invocations",):
                return self._invoke(method, None, headers)
            case ("models", model, "invocations") if model:
                return self._invoke(method, model, headers)
            case ("ping",) | ("health",):
                allow(method, READ)
                return page(self._ping)
            case ("version",):
                allow(method, READ)
                return text("text/plain", lambda: version_of().encode())
        return None

    def _invoke(self, method: str, model: str | None, headers: Headers) -> Handler:
        allow(method, WRITE)
        read = read_csv if check_body(headers, (*JSON_TYPES, CSV)) == CSV else read_json
        return Ask(self._gateway, model, None, read)

    def _ping(self) -> tuple[int, object]:
        ready = self._gateway.table.ready and not self._gateway.draining
        return (200 if ready else 503), {"ready": ready}


def read_csv(_head: Head, body: bytes, loaded: Loaded, most: int) -> Asked:
    """Read a data frame as CSV."""
    return _asked(from_csv(body, loaded.signature, most))


def read_json(_head: Head, body: bytes, loaded: Loaded, most: int) -> Asked:
    """Read a data frame or tensors as JSON."""
    asked: Body = decode(_body, with_null(body))
    if asked.params:
        raise bad(
            "unsupported_parameter", f"params {', '.join(map(repr, asked.params))} are not supported; leave them out"
        )
    given = (asked.dataframe_split, asked.dataframe_records, asked.instances, asked.inputs)
    if sum(form is not None for form in given) != 1:
        raise bad("bad_body", f"expected exactly one of {FORMS}")
    return _asked(_columns(asked, loaded.signature, most))


def with_null(body: bytes) -> bytes:
    """Return a body with null for NaN, which MLflow's own client sends for what is missing.

    Raises:
        Refusal: It holds Infinity, or is no JSON.
    """
    if b"NaN" not in body:
        return body
    try:
        return msgspec.json.encode(json.loads(body, parse_constant=_missing))
    except RecursionError as error:
        raise bad("bad_json", "the body is nested too deeply") from error
    except (ValueError, msgspec.MsgspecError) as error:
        raise bad("bad_json", f"the body is not JSON: {error}") from error


def _missing(constant: str) -> None:
    if constant != "NaN":
        raise ValueError(f"{constant} is no number that a model can use")


def _columns(asked: Body, signature: Signature, most: int) -> Columns:
    if asked.dataframe_split is not None:
        return from_split(asked.dataframe_split, signature, most)
    if asked.dataframe_records is not None:
        return from_rows(asked.dataframe_records, signature, most)
    if isinstance(asked.inputs, dict):
        return from_columns(asked.inputs, signature, most)
    rows = asked.inputs if asked.inputs is not None else asked.instances or []
    if rows and isinstance(rows[0], dict):
        return from_rows(rows, signature, most)
    return from_one(rows, signature, most)


def from_split(split: Split, signature: Signature, most: int) -> Columns:
    """Return the columns of a split data frame.

    Raises:
        Refusal: Its parts do not fit each other, or the signature.
    """
    width = len(split.columns)
    if len(set(split.columns)) != width:
        raise bad("repeated_input", "dataframe_split names a column twice")
    for at, row in enumerate(split.data):
        if len(row) != width:
            raise bad("wrong_shape", f"dataframe_split: row {at} has {len(row)} values for {width} columns")
    if split.index is not None and len(split.index) != len(split.data):
        raise bad("wrong_shape", f"dataframe_split: {len(split.index)} index values for {len(split.data)} rows")
    columns = dict(zip(split.columns, map(list, zip(*split.data, strict=True)), strict=bool(split.data)))
    return from_columns(columns or {key: [] for key in split.columns}, signature, most)


def _asked(columns: Columns) -> Asked:
    return Asked(None, columns, len(next(iter(columns.values()))), None, as_json(tell))


def tell(told: Told) -> object:
    """Return the answer: the values of a model with one output, else one object a row."""
    return {"predictions": rows_of(told)}


def rows_of(told: Told) -> list[Any]:
    """Return one value a row for one output, one object a row for several."""
    return next(iter(by_column(told).values())) if len(told.fields) == 1 else by_row(told)
