"""Append answers to Arrow streams in a spool folder, from a thread of its own: the answers never wait for the disk.

A file is `<spool>/<model>/<start>-<pid>-<number>-<columns>.arrows`; its writer holds an exclusive lock on it (flock)
for as long as it may grow, so that a compactor knows a finished file by its lock being free, also after a kill -9.
Every batch is one write; what a full disk cut off is cut back to the last whole batch, dropped and counted.
"""

import fcntl
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from headgate.predictions.block import Rows
from headgate.predictions.columns import Piece
from headgate.predictions.encode import encode
from headgate.predictions.log import Bounds, Buffer, Counts
from headgate.predictions.redact import Hash
from headgate.predictions.row import Answered, Layout
from headgate.predictions.stream import END, schema

LOG = logging.getLogger("headgate.predictions")
SUFFIX = ".arrows"
MOST_ROWS = 1024  # in one batch: it is written while it lies in the cache, from memory that is not mapped anew
MOST_PIECES = 1024  # that Linux takes in one call
COMPLAIN_SECONDS = 10.0


@dataclass(slots=True)
class _File:
    path: Path
    handle: int
    size: int
    opened: float


class SpoolLog:
    """A prediction log on this machine's disk.

    Args:
        folder: The spool folder.
        samples: Share of the requests that is kept, by model; 1 where nothing is said.
        hashed: Hashes what the policy wants hashed.
        bounds: How much may wait, and how large a file becomes.
    """

    def __init__(self, folder: Path, samples: dict[str, float], hashed: Hash, bounds: Bounds | None = None) -> None:
        self._folder = folder
        self._samples = samples
        self._hashed = hashed
        self._bounds = bounds or Bounds()
        self._buffer = Buffer(self._bounds)
        self._counts = Counts()
        self._files: dict[tuple[str, str], _File] = {}
        self._number = 0
        self._complained = -COMPLAIN_SECONDS
        self._taking = threading.Lock()
        self._wake = threading.Event()
        self._ends = False
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    def add(self, batch: Answered) -> None:
        """Take the answers of one tick in; called from one thread."""
        try:
            with self._taking:
                self._buffer.put(batch)
        except Exception as error:  # noqa: BLE001 - outputs that are not what the signature says: the answer stands
            self._fail(batch.source.layout, batch.count, error)
        if self._buffer.rows > self._bounds.rows // 8:
            self._wake.set()

    @property
    def counts(self) -> Counts:
        """What became of the rows until now."""
        self._counts.dropped = self._buffer.dropped
        return self._counts

    def close(self) -> None:
        """Write what waits, and finish every file."""
        self._ends = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ends:
            self._wake.wait(self._bounds.flush_seconds)
            self._wake.clear()
            self._flush()
        self._flush()
        for key in tuple(self._files):
            self._finish(key)

    def _flush(self) -> None:
        with self._taking:
            taken, blocks = self._buffer.take()
        for layout, parts in _by_layout(taken):
            self._keep(layout, parts)
        with self._taking:
            self._buffer.give_back(blocks)
        now = time.monotonic()
        for key, file in tuple(self._files.items()):
            if self._bounds.is_full(file.size, now - file.opened):
                self._finish(key)

    def _keep(self, layout: Layout, parts: list[Rows]) -> None:
        rows = sum(part.count for part in parts)
        try:
            rows, pieces = encode(layout, parts, self._hashed, self._samples.get(layout.model, 1.0))
            if rows:
                self._append(layout, pieces)
        except Exception as error:  # noqa: BLE001 - a full disk, a column of a surprising type: the log loses rows, the worker nothing
            self._fail(layout, rows, error)
        else:
            self._counts.written += rows

    def _append(self, layout: Layout, pieces: Sequence[Piece]) -> None:
        key = (layout.model, layout.key)
        file = self._files.get(key) or self._open(layout)
        try:
            size = _write(file.handle, pieces)
        except OSError:
            self._cut(key, file)
            raise
        file.size += size

    def _open(self, layout: Layout) -> _File:
        folder = self._folder / layout.model
        folder.mkdir(parents=True, exist_ok=True)
        self._number += 1
        path = folder / f"{time.time_ns() // 1000:016d}-{os.getpid()}-{self._number}-{layout.key}{SUFFIX}"
        beside = path.with_suffix(".new")
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            start = schema(layout.columns)
            _write(handle, [start])
            beside.rename(path)  # seen by others only once it is locked
        except OSError:
            os.close(handle)
            beside.unlink(missing_ok=True)
            raise
        file = self._files[layout.model, layout.key] = _File(path, handle, len(start), time.monotonic())
        return file

    def _cut(self, key: tuple[str, str], file: _File) -> None:
        """Cut a file back to its last whole batch and leave it; a reader would do the same where this fails."""
        del self._files[key]
        try:
            os.ftruncate(file.handle, file.size)
        finally:
            os.close(file.handle)

    def _finish(self, key: tuple[str, str]) -> None:
        file = self._files.pop(key)
        try:
            _write(file.handle, [END])
        except OSError as error:
            LOG.warning("%s ends without its end mark: %s", file.path.name, error)
        os.close(file.handle)

    def _fail(self, layout: Layout, rows: int, error: Exception) -> None:
        self._counts.lost += rows
        self._counts.failures += 1
        now = time.monotonic()
        if now - self._complained >= COMPLAIN_SECONDS:
            self._complained = now
            LOG.error(
                "prediction log of %s: %d rows were lost, %d in all: %s", layout.model, rows, self._counts.lost, error
            )


def _by_layout(taken: list[Rows]) -> Iterator[tuple[Layout, list[Rows]]]:
    """Yield rows of one layout together, as many as go into one batch."""
    grouped: dict[Layout, list[Rows]] = {}
    for part in taken:
        grouped.setdefault(part.layout, []).append(part)
    for layout, parts in grouped.items():
        start = count = 0
        for at, part in enumerate(parts, start=1):
            count += part.count
            if count >= MOST_ROWS or at == len(parts):
                yield layout, parts[start:at]
                start, count = at, 0


def _write(handle: int, pieces: Sequence[Piece]) -> int:
    """Write all of it, in as few calls as the kernel takes; return how many bytes that were."""
    size, left = sum(map(len, pieces)), deque(pieces)
    while left:
        done = os.writev(handle, list(islice(left, MOST_PIECES)))
        while left and done >= len(left[0]):
            done -= len(left.popleft())
        if done:
            left[0] = memoryview(left[0])[done:]
    return size
