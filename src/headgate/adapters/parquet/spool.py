"""Read the files that workers append to: finished ones, growing ones, and those that a kill -9 cut short."""

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

LOG = logging.getLogger("headgate.predictions")
SUFFIX = ".arrows"
DAMAGED = ".damaged"
BEGUN_SECONDS = 60.0
MARK, LONGEST_HEAD = 0xFFFFFFFF, 1 << 20


def files(folder: Path) -> list[Path]:
    """Return a model's spool files, the oldest first."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def key_of(path: Path) -> str:
    """Return the key of a file's columns."""
    return path.stem.rsplit("-", 1)[1]


def is_finished(path: Path) -> bool:
    """Say whether no writer holds the file any more: it was closed, or its process is gone."""
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True


def tidy(folder: Path) -> None:
    """Delete files that a killed worker had begun and not yet shown; there is no row in them.

    One that was made a moment ago is left: its writer may be about to lock it.
    """
    for path in folder.glob("*.new"):
        with suppress(FileNotFoundError):  # shown or deleted meanwhile
            if time.time() - path.stat().st_mtime > BEGUN_SECONDS and is_finished(path):
                path.unlink()


def batches(path: Path, damaged: Callable[[Path], None] | None = None) -> Iterator[Any]:
    """Yield the whole record batches of a file; where it was cut off or is damaged, it ends.

    Args:
        path: The file.
        damaged: Told when more was written after what can be read.

    Raises:
        FileNotFoundError: It was compacted meanwhile.
    """
    import pyarrow as pa

    with pa.OSFile(str(path)) as source:
        try:
            reader = pa.ipc.open_stream(source)
        except (pa.ArrowInvalid, OSError) as error:
            LOG.warning("%s has no readable start: %s", path, error)
            return
        end = source.tell()
        while (batch := _next(reader)) is not None:
            end = source.tell()
            yield batch
    if damaged is not None and _goes_on(path, end):
        damaged(path)


def _next(reader: Any) -> Any | None:
    """Return the next whole batch; None at the end, or where nothing whole can be read."""
    import pyarrow as pa

    try:
        batch = reader.read_next_batch()
        batch.validate()
    except (StopIteration, pa.ArrowInvalid, OSError):
        return None
    return batch


def _goes_on(path: Path, end: int) -> bool:
    """Say whether another message begins after the first one that cannot be read; after a kill or power cut none does.

    A message begins with four bytes of ones, at a multiple of eight, and the length of its head (0: the end of all).
    """
    with path.open("rb") as file:
        file.seek(end)
        rest = file.read()
    words = np.frombuffer(rest[: len(rest) // 8 * 8], "<u4").reshape(-1, 2)[1:]
    return bool(((words[:, 0] == MARK) & (words[:, 1] % 8 == 0) & (words[:, 1] < LONGEST_HEAD)).any())


def schema_of(path: Path) -> Any | None:
    """Return a file's schema; None when even that was cut off."""
    import pyarrow as pa

    with pa.OSFile(str(path)) as source:
        try:
            return pa.ipc.open_stream(source).schema
        except (pa.ArrowInvalid, OSError):
            return None
