"""Turn outputs into answer bodies: for single rows from one template, so that a batch costs a few passes in C."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy.typing as npt

from headgate.gateway.protocols.asked import plain
from headgate.gateway.protocols.v2_json.datatypes import datatype
from headgate.registry.field import Field

Array = npt.NDArray[Any]
_encode = msgspec.json.encode


class Script:
    """How one version writes its answers.

    Args:
        model: The model's name.
        version: The version's number.
        outputs: The signature's outputs.

    Attributes:
        frame: What stands before and after the text of the value in the body of one row, if its request has no id and
            the version gives one number a row; else both are empty.
    """

    def __init__(self, model: str, version: str, outputs: Sequence[Field]) -> None:
        self._start = b'{"model_name":%b,"model_version":%b,' % (_encode(model), _encode(version))
        self._outputs = {field.name: field for field in outputs}
        self._template = escape(self._start) + b"%b" + b'"outputs":[' + b",".join(map(_row, outputs)) + b"]}"
        self.frame = b"", b""
        if len(outputs) == 1 and outputs[0].width is None and outputs[0].dtype != "string":
            before, after = (self._template % (b"", b"\0")).split(b"\0")  # no name holds that byte in JSON
            self.frame = before, after

    def numbers(self, outputs: Mapping[str, Array]) -> list[bytes]:
        """Return the text of each row's value, for what `frame` holds."""
        ((name, field),) = self._outputs.items()
        return _texts(field, outputs[name])

    def rows(self, outputs: Mapping[str, Array], ids: Sequence[str | None]) -> list[bytes]:
        """Return one body per row.

        Args:
            outputs: Every output of the signature, n rows.
            ids: The client's id of each row's request.
        """
        template = self._template
        texts = [_texts(field, outputs[name]) for name, field in self._outputs.items()]
        names = [b""] * len(ids)
        if ids.count(None) < len(ids):
            names = [b"" if name is None else b'"id":%b,' % _encode(name) for name in ids]
        return [template % values for values in zip(names, *texts, strict=True)]

    def table(
        self, outputs: Mapping[str, Array], start: int, rows: int, name: str | None, wanted: Sequence[str] | None
    ) -> bytes:
        """Return the body of one request: its rows of the wanted outputs.

        Args:
            outputs: Outputs of the whole batch.
            start: The request's first row in them.
            rows: How many rows are the request's.
            name: The client's id.
            wanted: Names of outputs; None: all.
        """
        parts = []
        for key in self._outputs if wanted is None else wanted:
            field, values = self._outputs[key], outputs[key][start : start + rows]
            shape = [rows] if field.width is None else [rows, field.width]
            head = {"name": key, "datatype": datatype(field), "shape": shape}
            parts.append(_encode({**head, "data": msgspec.Raw(_encode(plain(field, values.reshape(-1))))}))
        own = b"" if name is None else b'"id":%b,' % _encode(name)
        return b'%b%b"outputs":[%b]}' % (self._start, own, b",".join(parts))


def _row(field: Field) -> bytes:
    shape = [1] if field.width is None else [1, field.width]
    head = _encode({"name": field.name, "datatype": datatype(field), "shape": shape})
    return escape(head[:-1]) + b',"data":[%b]}'


def escape(text: bytes) -> bytes:
    """Return a text as it stands in a template."""
    return text.replace(b"%", b"%%")


def _texts(field: Field, values: Array) -> list[bytes]:
    """Return the JSON of each row's values, without brackets; NaN and infinity, which JSON cannot carry, as null."""
    made = plain(field, values)
    if not made:
        return []
    if field.dtype == "string":
        return [_encode(value) if field.width is None else _encode(value)[1:-1] for value in made]
    if field.width is None:
        return _encode(made)[1:-1].split(b",")
    return _encode(made)[2:-2].split(b"],[")
