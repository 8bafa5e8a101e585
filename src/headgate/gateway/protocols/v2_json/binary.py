"""The binary tensor extension's answers: a JSON head with sizes, then the bytes of the outputs that are wanted so."""

from collections.abc import Collection
from functools import partial
from typing import Any

import msgspec

from headgate.gateway.http.exchange import Exchange
from headgate.gateway.http.head import answer
from headgate.gateway.protocols.asked import Told, Write, plain
from headgate.gateway.protocols.v2_json.datatypes import datatype
from headgate.gateway.protocols.v2_json.tensors import pack

HEADER_LENGTH = b"inference-header-content-length"
OCTETS = "application/octet-stream"


def writes_binary(names: Collection[str]) -> Write:
    """Return what writes these outputs as bytes and the others as JSON."""
    return partial(_write, frozenset(names))


def _write(names: Collection[str], exchange: Exchange, told: Told) -> None:
    head, tail = compose(names, told)
    headers = ((b"content-type", OCTETS.encode()), (HEADER_LENGTH, b"%d" % len(head)), *told.headers)
    exchange.reply(answer(exchange.head, 200, head + tail, headers))


def compose(names: Collection[str], told: Told) -> tuple[bytes, bytes]:
    """Return the JSON head and the bytes behind it."""
    outputs, tails = [], []
    for field in told.fields:
        values = told.values[field.name]
        shape = [told.rows] if field.width is None else [told.rows, field.width]
        output: dict[str, Any] = {"name": field.name, "datatype": datatype(field), "shape": shape}
        if field.name in names:
            tails.append(pack(field, values))
            output["parameters"] = {"binary_data_size": len(tails[-1])}
        else:
            output["data"] = plain(field, values.reshape(-1))
        outputs.append(output)
    head: dict[str, Any] = {"model_name": told.model, "model_version": told.version}
    if told.id is not None:
        head["id"] = told.id
    return msgspec.json.encode({**head, "outputs": outputs}), b"".join(tails)
