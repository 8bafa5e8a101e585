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
from math import isfinite, isnan
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from headgate.gateway.protocols.asked import Asked, Write
from headgate.gateway.protocols.row import Row
from headgate.registry.cast import NUMPY
from headgate.registry.field import DType, Field

Array: TypeAlias = npt.NDArray[Any]
Unpack: TypeAlias = Callable[[bytes], tuple[Any, ...]]
ReadPart: TypeAlias = Callable[[bytes], Any]
MOST, LONGEST = 256, 32 * 1024  # plans of a version, and bytes that one is kept under
CODES: dict[DType, str] = {"float32": "<f", "float64": "<d", "int32": "<i", "int64": "<q", "bool": "<B"}


@dataclass(frozen=True, slots=True)
class Plan:
    """How to read the values of one row.

    Attributes:
        fields: The signature's inputs.
        id: The client's name for the request, where it is part of what repeats.
        places: Of each of the inputs, where it stands among the bytes of all.
        reads: Reads the bytes of each, as they stand; raises ValueError or struct.error for what does not fit.
        sizes: Bytes of each, where they lie behind each other.
        outputs: As in Asked.
        write: As in Asked.
    """

    fields: Sequence[Field]
    id: str | None
    places: Sequence[int]
    reads: Sequence[ReadPart]
    sizes: Sequence[int]
    outputs: tuple[str, ...] | None
    write: Write | None

    def cut(self, data: bytes) -> list[bytes]:
        """Return the bytes of each input, which lie behind each other."""
        at, parts = 0, []
        for size in self.sizes:
            parts.append(data[at : at + size])
            at += size
        return parts if at == len(data) else []

    def row(self, parts: Sequence[bytes]) -> Row | None:
        """Return the row; None when the long way has to look at it."""
        if len(parts) != len(self.reads):
            return None
        try:
            cells = [read(part) for read, part in zip(self.reads, parts, strict=True)]
        except (ValueError, struct.error):
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
        self._kept[said] = Plan(self._fields, name, places, reads, sizes, asked.outputs, asked.write)


def _read(field: Field) -> ReadPart | None:
    """Return what reads a row's bytes of a field as `unpack` would; None where there is no short way."""
    if field.dtype == "string":
        return _text if field.width is None else None
    if field.dtype == "timestamp" or sys.byteorder != "little":
        return None
    if field.width is not None:
        return None if field.dtype == "bool" else partial(_vector, NUMPY[field.dtype], field.width, field.missing)
    unpack = struct.Struct(CODES[field.dtype]).unpack
    if field.dtype == "bool":
        return partial(_flag, unpack)
    if field.dtype in ("int32", "int64"):
        return lambda part: unpack(part)[0]
    return partial(_float, unpack, field.missing)


def _float(unpack: Unpack, missing: bool, part: bytes) -> float:  # noqa: FBT001
    value: float = unpack(part)[0]
    if not isfinite(value) and not (missing and isnan(value)):
        raise ValueError
    return value


def _flag(unpack: Unpack, part: bytes) -> bool:
    (value,) = unpack(part)
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
