"""Append outcomes to a segment, many requests with one sync; done is called only after the sync has returned.

A segment is `<folder>/<start>-<pid>-<number>.log`, locked (flock) by its writer for as long as it may grow. After a
sync that failed nothing about the file is known, so it is cut back and left for ever, and a new one is begun.
"""

import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from headgate.base.errors import Unavailable
from headgate.predictions.outcome import Outcome, to_line

LOG = logging.getLogger("headgate.outcomes")
SUFFIX = ".log"
MOST_WAITING, MOST_BYTES = 200_000, 64 * 1024 * 1024
SEGMENT_BYTES = 16 * 1024 * 1024
SEGMENT_SECONDS = 60.0
Done = Callable[[Exception | None], None]


class Segments:
    """Keeps outcomes on this machine's disk.

    Args:
        folder: Where the segments lie.
        sync: Returns once the bytes of a file handle are durable; raises OSError when they may not be.
    """

    def __init__(self, folder: Path, sync: Callable[[int], None] | None = None) -> None:
        self._folder = folder
        self._sync = sync or os.fsync
        self._lock = threading.Condition()
        self._waiting: list[tuple[bytes, Done]] = []
        self._rows = self._bytes = 0
        self._ends = False
        self._handle: int | None = None
        self._path = Path()
        self._size = self._number = 0
        self._opened = 0.0
        self.kept = 0
        self.syncs = 0
        self._thread = threading.Thread(target=self._run, name="outcomes", daemon=True)
        self._thread.start()

    def record(self, outcomes: Sequence[Outcome], done: Done) -> None:
        """Keep outcomes; call done from another thread: with None once they are durable, else with why they are not.

        Raises:
            Unavailable: More is waiting for the disk than may wait; nothing was taken in.
        """
        lines = b"".join([to_line(outcome) for outcome in outcomes])
        with self._lock:
            full = self._rows + len(outcomes) > MOST_WAITING or self._bytes + len(lines) > MOST_BYTES
            if self._ends or full:
                raise Unavailable(
                    "outcomes come faster than the disk takes them", way_out="send them again in a moment"
                )
            self._waiting.append((lines, done))
            self._rows += len(outcomes)
            self._bytes += len(lines)
            self._lock.notify()

    def close(self) -> None:
        """Keep what waits, and finish the segment."""
        with self._lock:
            self._ends = True
            self._lock.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._waiting or self._ends, SEGMENT_SECONDS)
                waiting, self._waiting = self._waiting, []
                rows, self._rows, self._bytes = self._rows, 0, 0
                ends = self._ends
            if waiting:
                self._commit(b"".join([lines for lines, _ in waiting]), rows, [done for _, done in waiting])
            if self._handle is not None and (ends or self._is_full()):
                self._leave()
            if ends and not waiting:
                return

    def _commit(self, data: bytes, rows: int, told: Sequence[Done]) -> None:
        error: OSError | None = None
        try:
            self._append(data)
        except OSError as failed:
            error = failed
            LOG.error("outcomes are not kept: %s", failed)  # noqa: TRY400 - the message says it all
            self._abandon()
        else:
            self.kept += rows
        for done in told:
            done(error)

    def _append(self, data: bytes) -> None:
        if self._handle is None:
            self._open()
        assert self._handle is not None  # noqa: S101 - opened just now
        view = memoryview(data)
        while view:
            view = view[os.write(self._handle, view) :]
        self._sync(self._handle)
        self.syncs += 1
        self._size += len(data)

    def _open(self) -> None:
        self._make_folder(self._folder)
        self._number += 1
        self._path = self._folder / f"{time.time_ns() // 1000:016d}-{os.getpid()}-{self._number}{SUFFIX}"
        beside = self._path.with_suffix(".new")
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            beside.rename(self._path)
            self._sync_folder(self._folder)  # the name is as durable as the bytes
        except OSError:
            os.close(handle)
            for path in (beside, self._path):  # there is no outcome in it
                path.unlink(missing_ok=True)
            raise
        self._handle, self._size, self._opened = handle, 0, time.monotonic()

    def _make_folder(self, folder: Path) -> None:
        """Make a folder, and those over it, so that they are found again after a power cut."""
        if not folder.exists():
            self._make_folder(folder.parent)
            folder.mkdir(exist_ok=True)
            self._sync_folder(folder.parent)

    def _sync_folder(self, folder: Path) -> None:
        handle = os.open(folder, os.O_RDONLY)
        try:
            self._sync(handle)
        finally:
            os.close(handle)

    def _abandon(self) -> None:
        """Cut the segment back to what was told to be kept, and write to it no more."""
        handle, self._handle = self._handle, None
        if handle is None:
            return
        try:
            os.ftruncate(handle, self._size)
        except OSError as error:
            LOG.warning("%s could not be cut back: what was refused may be found again: %s", self._path.name, error)
        os.close(handle)

    def _is_full(self) -> bool:
        return self._size >= SEGMENT_BYTES or time.monotonic() - self._opened >= SEGMENT_SECONDS

    def _leave(self) -> None:
        assert self._handle is not None  # noqa: S101 - asked just before
        os.close(self._handle)
        self._handle = None
