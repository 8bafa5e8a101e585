"""Decide what waits for the disk and what is dropped, and when a file is full. Pure: writes nothing, reads no clock."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from headgate.predictions.row import Answered
from headgate.registry.field import Columns

ROW_BYTES = 160  # what a row needs beside its inputs and outputs, about
CELL_BYTES = 56  # a Python string beside its characters


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may wait, and how large and old a file becomes.

    Attributes:
        rows: That wait for the writer.
        bytes: That wait for the writer, about.
        flush_seconds: Between two writes; what is not written is lost when the process is killed.
        file_bytes: After which a file is full.
        file_seconds: After which a file is finished, so that it can be compacted.
    """

    rows: int = 500_000
    bytes: int = 64 * 1024 * 1024
    flush_seconds: float = 0.2
    file_bytes: int = 64 * 1024 * 1024
    file_seconds: float = 60.0

    def is_full(self, size: int, age: float) -> bool:
        """Say whether a file of so many bytes and seconds is finished."""
        return size >= self.file_bytes or age >= self.file_seconds


class Buffer:
    """What waits for the writer. One thread puts, another takes: each counts its own side, so neither needs a lock.

    Attributes:
        dropped: Rows that found no room.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._waiting: deque[tuple[Answered, int, int]] = deque()
        self._put_rows = self._put_bytes = self._taken_rows = self._taken_bytes = 0
        self.dropped = 0

    @property
    def rows(self) -> int:
        """How many rows wait."""
        return self._put_rows - self._taken_rows

    def put(self, batch: Answered) -> bool:
        """Take answers in; False, and count them as dropped, when there is no room."""
        rows = batch.count
        size = rows * ROW_BYTES + _size(batch.inputs) + _size(batch.outputs)
        waiting = self._put_bytes - self._taken_bytes
        if self.rows + rows > self._bounds.rows or (waiting and waiting + size > self._bounds.bytes):
            self.dropped += rows
            return False
        self._put_rows += rows
        self._put_bytes += size
        self._waiting.append((batch, rows, size))
        return True

    def take(self, most_rows: int) -> list[Answered]:
        """Return what waits, in order, up to about so many rows."""
        taken: list[Answered] = []
        count = 0
        while self._waiting and count < most_rows:
            batch, rows, size = self._waiting.popleft()
            self._taken_rows += rows
            self._taken_bytes += size
            count += rows
            taken.append(batch)
        return taken


@dataclass(slots=True)
class Counts:
    """What became of the rows, for the metrics.

    Attributes:
        written: Rows in a file.
        dropped: Rows that found no room in the buffer.
        lost: Rows that could not be written (a full disk).
        failures: Writes that failed.
    """

    written: int = 0
    dropped: int = 0
    lost: int = 0
    failures: int = 0

    def to_json(self) -> Mapping[str, int]:
        """Return them by name."""
        return {"written": self.written, "dropped": self.dropped, "lost": self.lost, "failures": self.failures}


def _size(columns: Columns | None) -> int:
    if columns is None:
        return 0
    size = 0
    for values in columns.values():
        if values.dtype.kind == "O":
            size += values.size * CELL_BYTES + sum([len(text) for text in values.flat if text])
        else:
            size += values.nbytes
    return size
