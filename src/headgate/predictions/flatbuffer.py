"""Write FlatBuffers, as far as Arrow's messages need them: tables, strings, vectors. Reads nothing.

A gateway worker writes Arrow streams and must stay light, so it does not import pyarrow for it. Layout after the
FlatBuffers internals document (https://flatbuffers.dev/internals): every offset points forward, from its own place.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

WORD = 8  # everything starts at a multiple of it; no scalar needs more


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number in a table: its struct code (b B h i q ?) and value."""

    code: str
    value: int


@dataclass(frozen=True, slots=True)
class Structs:
    """A vector of structs of int64: how many, and their bytes."""

    count: int
    data: bytes


Table: TypeAlias = Mapping[int, "Part"]  # slot -> what stands there
Part: TypeAlias = "Scalar | Structs | str | Table | Sequence[Table]"


def write(root: Table) -> bytes:
    """Return the buffer of a root table, its length a multiple of 8."""
    buffer = bytearray(WORD)
    _point(buffer, 0, _table(buffer, root))
    _pad(buffer)
    return bytes(buffer)


def _table(buffer: bytearray, table: Table) -> int:
    """Append a table and what it points to; return its place."""
    places, size = _places(table)
    slots = max(table, default=-1) + 1
    vtable = struct.pack(f"<HH{slots}H", 4 + 2 * slots, size, *(places.get(slot, 0) for slot in range(slots)))
    _pad(buffer)
    buffer.extend(bytes(-len(vtable) % WORD) + vtable)
    start = len(buffer)
    buffer.extend(bytes(size))
    struct.pack_into("<i", buffer, start, len(vtable))
    for slot, part in table.items():
        place = start + places[slot]
        if isinstance(part, Scalar):
            struct.pack_into(f"<{part.code}", buffer, place, part.value)
        else:
            _point(buffer, place, _append(buffer, part))
    return start


def _places(table: Table) -> tuple[dict[int, int], int]:
    """Return slot -> place within the table, the widest first so that each is aligned; and the table's size."""
    sizes = {slot: struct.calcsize(part.code) if isinstance(part, Scalar) else 4 for slot, part in table.items()}
    places, narrow = {}, 4  # four bytes lead back to the vtable
    wide = [slot for slot, size in sizes.items() if size == WORD]
    for slot in sorted(sizes.keys() - wide, key=lambda slot: -sizes[slot]):
        places[slot] = narrow
        narrow += sizes[slot]
    end = narrow + -narrow % WORD if wide else narrow
    for slot in wide:
        places[slot] = end
        end += WORD
    return places, end


def _append(buffer: bytearray, part: "Structs | str | Table | Sequence[Table]") -> int:
    if isinstance(part, str):
        return _counted(buffer, part.encode() + b"\0", len(part.encode()), 4)
    if isinstance(part, Structs):
        return _counted(buffer, part.data, part.count, WORD)
    if isinstance(part, Mapping):
        return _table(buffer, part)
    start = _counted(buffer, bytes(4 * len(part)), len(part), 4)
    for at, table in enumerate(part, start=1):
        _point(buffer, start + 4 * at, _table(buffer, table))
    return start


def _counted(buffer: bytearray, data: bytes, count: int, align: int) -> int:
    """Append a count and then data at a multiple of align; return the count's place."""
    _pad(buffer)
    if align == WORD:
        buffer.extend(bytes(4))
    start = len(buffer)
    buffer.extend(struct.pack("<I", count) + data)
    return start


def _point(buffer: bytearray, place: int, target: int) -> None:
    struct.pack_into("<I", buffer, place, target - place)


def _pad(buffer: bytearray) -> None:
    buffer.extend(bytes(-len(buffer) % WORD))
