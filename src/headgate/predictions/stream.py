"""Write the messages of an Arrow stream: a schema, then record batches, each readable as soon as it is whole.

After the Arrow columnar format, "Encapsulated message format" and "IPC streaming format"
(https://arrow.apache.org/docs/format/Columnar.html), with the tables of Schema.fbs and Message.fbs. A stream that ends
early reads to its last whole batch. pyarrow reads what is written here; the tests hold that.
"""

import struct
from collections.abc import Sequence

from headgate.predictions.columns import Column, Packed, Piece
from headgate.predictions.flatbuffer import Part, Scalar, Structs, Table, write

END = struct.pack("<II", 0xFFFFFFFF, 0)
VERSION_5 = 4
SCHEMA, RECORD_BATCH = 1, 3  # MessageHeader
INT, FLOATING, UTF8, BOOL, TIMESTAMP, FIXED_LIST = 2, 3, 5, 6, 10, 16  # Type
MICROSECOND = 2
_TYPES: dict[str, tuple[int, Table]] = {
    "utf8": (UTF8, {}),
    "bool": (BOOL, {}),
    "timestamp": (TIMESTAMP, {0: Scalar("h", MICROSECOND), 1: "UTC"}),
    "float32": (FLOATING, {0: Scalar("h", 1)}),
    "float64": (FLOATING, {0: Scalar("h", 2)}),
    "int16": (INT, {0: Scalar("i", 16), 1: Scalar("?", 1)}),
    "int32": (INT, {0: Scalar("i", 32), 1: Scalar("?", 1)}),
    "int64": (INT, {0: Scalar("i", 64), 1: Scalar("?", 1)}),
}


def schema(columns: Sequence[Column]) -> bytes:
    """Return the message that starts a stream."""
    fields: Part = [_field(column) for column in columns]
    return _message(SCHEMA, {0: Scalar("h", 0), 1: fields}, 0)


def batch(rows: int, packed: Sequence[Packed]) -> list[Piece]:
    """Return the message of one record batch, in pieces: its columns in the schema's order."""
    nodes = [number for column in packed for node in column.nodes for number in node]
    parts: list[Piece] = []
    places, end = [], 0
    for buffer in (buffer for column in packed for buffer in column.buffers):
        places += [end, len(buffer)]
        parts.append(buffer)
        if gap := -len(buffer) % 8:
            parts.append(bytes(gap))
        end += len(buffer) + gap
    header: Table = {
        0: Scalar("q", rows),
        1: Structs(len(nodes) // 2, struct.pack(f"<{len(nodes)}q", *nodes)),
        2: Structs(len(places) // 2, struct.pack(f"<{len(places)}q", *places)),
    }
    return [_message(RECORD_BATCH, header, end), *parts]


def _field(column: Column) -> Table:
    number, parameters = _TYPES[column.kind]
    children: Part = []
    if column.width is not None:
        children = [_field(Column("item", column.kind))]
        number, parameters = FIXED_LIST, {0: Scalar("i", column.width)}
    return {0: column.name, 1: Scalar("?", 1), 2: Scalar("B", number), 3: parameters, 5: children}


def _message(kind: int, header: Table, body: int) -> bytes:
    """Return the message's head; its body, of so many bytes, comes after it."""
    root: Table = {0: Scalar("h", VERSION_5), 1: Scalar("B", kind), 2: header, 3: Scalar("q", body)}
    made = write(root)
    return struct.pack("<II", 0xFFFFFFFF, len(made)) + made
