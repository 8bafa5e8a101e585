"""Decide what waits for the disk and what is dropped, and when a file is full. Pure: writes nothing, reads no clock."""

from collections.abc import Mapping
from dataclasses import dataclass

from headgate.predictions.block import Block, Rows, alone
from headgate.predictions.row import Answered, Layout

SPARE = 16  # blocks of a layout that are kept for later


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
    """What waits for the writer. Whoever puts and whoever takes must not do so at the same moment.

    Attributes:
        rows: That wait.
        dropped: Rows that found no room.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._blocks: dict[str, Block] = {}
        self._full: list[Block] = []
        self._loose: list[Rows] = []
        self._spare: dict[str, list[Block]] = {}
        self._bytes = 0
        self.rows = self.dropped = 0

    def put(self, batch: Answered) -> bool:
        """Take answers in; False, and count them as dropped, when there is no room."""
        rows, layout = batch.count, batch.source.layout
        size = rows * layout.row_bytes + (_characters(layout, batch) if layout.has_texts else 0)
        if self.rows + rows > self._bounds.rows or (self._bytes and self._bytes + size > self._bounds.bytes):
            self.dropped += rows
            return False
        block = self._blocks.get(layout.name) or self._begin(layout)
        if batch.inputs is None or batch.outputs is None or rows > block.room:
            self._loose.append(alone(batch))
        elif not block.put(batch, rows):
            self._full.append(block)
            self._begin(layout).put(batch, rows)
        self.rows += rows
        self._bytes += size
        return True

    def take(self) -> tuple[list[Rows], list[Block]]:
        """Return what waits, and the blocks that it lies in."""
        blocks = [*self._full, *[block for block in self._blocks.values() if block.size]]
        taken = [*[block.show() for block in blocks], *self._loose]
        self._full, self._loose, self._blocks = [], [], {}
        self.rows = self._bytes = 0
        return taken, blocks

    def give_back(self, blocks: list[Block]) -> None:
        """Use blocks again; what was taken of them is gone. Those of columns that had no rows are let go."""
        self._spare = {}
        for block in blocks:
            spare = self._spare.setdefault(block.layout.name, [])
            if len(spare) < SPARE:
                block.use_again()
                spare.append(block)

    def _begin(self, layout: Layout) -> Block:
        spare = self._spare.get(layout.name)
        block = self._blocks[layout.name] = spare.pop() if spare else Block(layout)
        return block


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


def _characters(layout: Layout, batch: Answered) -> int:
    """Return how many characters the strings of a batch have."""
    inputs, outputs = layout.texts
    size = 0
    for names, columns in ((inputs, batch.inputs), (outputs, batch.outputs)):
        if names and columns is not None:
            for name in names:
                size += sum([len(text) for text in columns[name].flat if text])
    return size
