"""The binary tensor extension's answers: a JSON head with sizes, then the bytes of the outputs that are wanted so."""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from headgate.gateway.http.exchange import Exchange
from headgate.gateway.http.head import answer
from headgate.gateway.protocols.asked import Told, plain
from headgate.gateway.protocols.v2_json.datatypes import datatype
from headgate.gateway.protocols.v2_json.tensors import pack
from headgate.registry.field import Field

HEADER_LENGTH = b"inference-header-content-length"
OCTETS = "application/octet-stream"


class BinaryWriter:
    """Writes some outputs as bytes and the others as JSON.

    Attributes:
        names: Of those that are written as bytes.
    """

    def __init__(self, names: Collection[str]) -> None:
        self.names = frozenset(names)
        self._head = b""  # of an answer of one row without an id, all of it numbers as bytes
        self._of: tuple[str, str, tuple[Field, ...]] | None = None  # whose: it says the same for every row

    def __call__(self, exchange: Exchange, told: Told) -> None:
        """Answer a request."""
        of = (told.model, told.version, told.fields)
        if of == self._of and told.rows == 1 and told.id is None:
            head, tail = self._head, b"".join([pack(field, told.values[field.name]) for field in told.fields])
        else:
            head, tail = compose(self.names, told)
            if told.rows == 1 and told.id is None and self._repeats(told.fields):
                self._head, self._of = head, of
        headers = ((b"content-type", OCTETS.encode()), (HEADER_LENGTH, b"%d" % len(head)), *told.headers)
        exchange.reply(answer(exchange.head, 200, head + tail, headers))

    def _repeats(self, fields: Sequence[Field]) -> bool:
        return all(field.name in self.names and datatype(field) != "BYTES" for field in fields)


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
