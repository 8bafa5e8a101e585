"""Read the files that workers append to: finished ones, growing ones, and those that a kill -9 cut short."""

import fcntl
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LOG = logging.getLogger("headgate.predictions")
SUFFIX = ".arrows"
DAMAGED = ".damaged"


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
    """Delete files that a killed worker had begun and not yet shown; there is no row in them."""
    for path in folder.glob("*.new"):
        if is_finished(path):
            path.unlink(missing_ok=True)


def batches(path: Path) -> Iterator[Any]:
    """Yield the whole record batches of a file; where it was cut off, it ends.

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
        while True:
            try:
                batch = reader.read_next_batch()
                batch.validate()
            except StopIteration:
                return
            except (pa.ArrowInvalid, OSError):  # the batch that was being written when its process was killed
                return
            yield batch


def schema_of(path: Path) -> Any | None:
    """Return a file's schema; None when even that was cut off."""
    import pyarrow as pa

    with pa.OSFile(str(path)) as source:
        try:
            return pa.ipc.open_stream(source).schema
        except (pa.ArrowInvalid, OSError):
            return None
