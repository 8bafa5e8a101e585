"""Read single rows of bytes the short way: what was checked of one request holds for all that say the same.

A request of binary tensors, over REST or gRPC, says names, types and shapes beside the values. Clients repeat
themselves: once that part was read and found good, a plan is kept under its bytes; a further row is its values alone.
A row that a plan cannot read goes the long way, which says what is wrong with it.
"""

import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite, isinf
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from headgate.gateway.protocols.asked import Asked, Write
from headgate.gateway.protocols.row import Row
from headgate.registry.cast import NUMPY
from headgate.registry.field import DType, Field

Array: TypeAlias = npt.NDArray[Any]
ReadPart: TypeAlias = Callable[[bytes], Any]
Check: TypeAlias = Callable[[Any], Any]
MOST, LONGEST = 256, 32 * 1024  # plans of a version, and bytes that one is kept under
CODES: dict[DType, str] = {"float32": "f", "float64": "d", "int32": "i", "int64": "q", "bool": "B"}


@dataclass(frozen=True, slots=True)
class Plan:
    """How to read the values of one row.

    Attributes:
        fields: The signature's inputs.
        id: The client's name for the request, where it is part of what repeats.
        places: Of each of the inputs, where it stands among the bytes of all.
        reads: Reads the bytes of each, as they stand; raises ValueError or struct.error for what does not fit.
        form: Of the bytes of all, where they lie behind each other; None: they do not.
        checks: Makes a value of what `form` took out, where that is not the value yet: at which place, and how.
        outputs: As in Asked.
        write: As in Asked.
    """

    fields: Sequence[Field]
    id: str | None
    places: Sequence[int]
    reads: Sequence[ReadPart]
    form: struct.Struct | None
    checks: Sequence[tuple[int, Check]]
    outputs: tuple[str, ...] | None
    write: Write | None

    def row(self, parts: Sequence[bytes]) -> Row | None:
        """Return the row of these bytes, an input's each; None when the long way has to look at it."""
        if len(parts) != len(self.reads):
            return None
        try:
            cells = [read(part) for read, part in zip(self.reads, parts, strict=True)]
        except (ValueError, struct.error):
            return None
        return Row(self.fields, [cells[at] for at in self.places])

    def whole(self, data: bytes) -> Row | None:
        """Return the row whose inputs' bytes lie behind each other; None when the long way has to look at it."""
        if self.form is None or len(data) != self.form.size:
            return None
        cells = list(self.form.unpack(data))
        try:
            for at, check in self.checks:
                cells[at] = check(cells[at])
        except ValueError:
            return None
        return Row(self.fields, [cells[at] for at in self.places])


class Plans:
    """The plans of one version.

    Args:
        fields: The signature's inputs.
    """

    def __init__(self, fields: Sequence[Field]) -> None:
        self._fields = tuple(fields)
        reads = {field.name: _read(field) for field in fields}
        self._reads = {name: read for name, read in reads.items() if read is not None}
        self._named = {field.name: field for field in fields}
        self._able = len(self._reads) == len(reads)
        self._kept: dict[bytes, Plan] = {}

    def get(self, said: bytes) -> Plan | None:
        """Return the plan for requests that say this of their bytes."""
        return self._kept.get(said)

    def wants(self, said: bytes, asked: Asked) -> bool:
        """Say whether a plan can be kept for requests like this one."""
        return self._able and asked.rows == 1 and len(said) <= LONGEST

    def learn(
        self, said: bytes, asked: Asked, names: Sequence[str], sizes: Sequence[int] = (), name: str | None = None
    ) -> None:
        """Keep a plan for requests like one that was read the long way and found good.

        Args:
            said: What it said of its bytes, beside the values.
            asked: What it asked.
            names: Of its inputs, in the order of their bytes.
            sizes: Bytes of each, where they lie behind each other.
            name: Its id, where that is part of `said`.
        """
        if len(self._kept) >= MOST:
            self._kept.clear()
        places, reads = [names.index(field.name) for field in self._fields], [self._reads[one] for one in names]
        fields, form = [self._named[one] for one in names], None
        if sizes:
            form = struct.Struct("<" + "".join(map(_code, fields, sizes)))
        checks = [(at, check) for at, field in enumerate(fields) if (check := _check(field)) is not None]
        self._kept[said] = Plan(self._fields, name, places, reads, form, checks, asked.outputs, asked.write)


def _code(field: Field, size: int) -> str:
    """Return what takes a field's bytes out of a row's."""
    return f"{size}s" if field.dtype == "string" or field.width is not None else CODES[field.dtype]


def _check(field: Field) -> Check | None:
    """Return what makes a value of what `_code` takes out, or raises ValueError; None: it is the value already."""
    if field.dtype == "string":
        return _text
    if field.width is not None:
        return partial(_vector, NUMPY[field.dtype], field.width, field.missing)
    if field.dtype == "bool":
        return _flag
    return None if field.dtype in ("int32", "int64") else _or_missing if field.missing else _finite


def _read(field: Field) -> ReadPart | None:
    """Return what reads a row's bytes of a field as `unpack` would; None where there is no short way."""
    if field.dtype == "timestamp" or sys.byteorder != "little":
        return None
    if field.width is not None and field.dtype in ("bool", "string"):
        return None
    check = _check(field)
    if field.dtype == "string" or field.width is not None:
        return check
    unpack = struct.Struct("<" + CODES[field.dtype]).unpack
    if check is None:
        return lambda part: unpack(part)[0]
    return lambda part: check(unpack(part)[0])


def _finite(value: float) -> float:
    if not isfinite(value):
        raise ValueError
    return value


def _or_missing(value: float) -> float:
    if isinf(value):
        raise ValueError
    return value


def _flag(value: int) -> bool:
    if value > 1:
        raise ValueError
    return bool(value)


def _text(part: bytes) -> str:
    if int.from_bytes(part[:4], "little") != len(part) - 4:
        raise ValueError
    return part[4:].decode()


def _vector(kind: np.dtype[Any], width: int, missing: bool, part: bytes) -> Array:  # noqa: FBT001
    values = np.frombuffer(part, kind)  # raises ValueError for a part of a value
    if len(values) != width:
        raise ValueError
    if kind.kind == "f" and not np.isfinite(values).all() and (np.isinf(values).any() or not missing):
        raise ValueError
    return values
