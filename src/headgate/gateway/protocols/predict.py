"""The plain protocol, for people with curl: POST /predict with rows or columns by name."""

from functools import partial
from typing import Any

import msgspec

from headgate.gateway.http.exchange import Exchange
from headgate.gateway.http.head import Handler
from headgate.gateway.protocols.asked import Asked, Told, by_column, by_row
from headgate.gateway.protocols.named import decode, from_columns, from_rows
from headgate.gateway.protocols.speech import WRITE, Gateway, Headers, allow, as_json, check_body, put
from headgate.gateway.refusal import bad
from headgate.gateway.version import Loaded


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """What /predict takes: rows or columns."""

    model: str | None = None
    version: str | None = None
    id: str | None = None
    rows: list[dict[str, Any]] | None = None
    columns: dict[str, list[Any]] | None = None
    outputs: list[str] | None = None


_body = msgspec.json.Decoder(Body)


class Predict:
    """The plain protocol.

    Args:
        gateway: Holds the table.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def find(self, method: str, parts: tuple[str, ...], headers: Headers) -> Handler | None:
        """Return what answers this head; None when the path is not of this protocol."""
        if parts != ("predict",):
            return None
        allow(method, WRITE)
        check_body(headers)
        return self._answer

    def _answer(self, exchange: Exchange, body: bytes) -> None:
        asked: Body = decode(_body, body)
        if (asked.rows is None) == (asked.columns is None):
            raise bad("bad_body", 'expected "rows": [{"column": value, ...}] or "columns": {"column": [values]}')
        put(self._gateway, exchange, asked.model, asked.version, partial(read, asked))


def read(asked: Body, loaded: Loaded, most: int) -> Asked:
    """Return the request in the gateway's form."""
    if asked.rows is not None:
        columns = from_rows(asked.rows, loaded.signature, most)
    else:
        columns = from_columns(asked.columns or {}, loaded.signature, most)
    rows, names = len(next(iter(columns.values()))), _wanted(asked.outputs, loaded)
    return Asked(asked.id, columns, rows, names, as_json(tell_columns if asked.rows is None else tell_rows))


def _wanted(outputs: list[str] | None, loaded: Loaded) -> tuple[str, ...] | None:
    if not outputs:
        return None
    known = [field.name for field in loaded.signature.outputs]
    if strange := [name for name in outputs if name not in known]:
        raise bad("unknown_output", f"output {strange[0][:100]!r} is not known; expected: {', '.join(known)}")
    if len(set(outputs)) < len(outputs):
        raise bad("repeated_output", "an output is asked for twice; ask for each output once")
    return tuple(outputs)


def tell_rows(told: Told) -> object:
    """Return the answer to rows: one object a row."""
    return {**_start(told), "predictions": by_row(told)}


def tell_columns(told: Told) -> object:
    """Return the answer to columns: a list an output."""
    return {**_start(told), "columns": by_column(told)}


def _start(told: Told) -> dict[str, Any]:
    start: dict[str, Any] = {"model": told.model, "version": told.version}
    return start if told.id is None else {**start, "id": told.id}
