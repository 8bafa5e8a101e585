"""One `headgate up` in a project at a time: a lock that the kernel frees when its holder dies, whatever kills it.

The file's number is for people: it counts only while the lock is held, so a number that is left behind means nothing.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from headgate.base.errors import Refused

TRIES, PAUSE = 10, 0.05  # whoever only asks holds it for an instant


def path_of(state: Path) -> Path:
    """Return the lock of a state folder."""
    return state / "run" / "up.lock"


@contextmanager
def alone(state: Path, tries: int = TRIES) -> Iterator[None]:
    """Hold the lock.

    Raises:
        Refused: Somebody holds it; names the process.
    """
    path = path_of(state)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        if not any(_take(handle, fcntl.LOCK_EX, PAUSE * (left > 1)) for left in reversed(range(1, tries + 1))):
            pid = os.pread(handle, 32, 0).decode().strip()
            raise Refused(
                f"`headgate up` runs in this project already, as process {pid}",
                where=str(path),
                way_out=f"`headgate status` shows it; `kill {pid}` ends it in order",
            )
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def holder(state: Path) -> int | None:
    """Return the process that holds the lock; None: nobody does."""
    try:
        handle = os.open(path_of(state), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        if _take(handle, fcntl.LOCK_SH):
            return None
        text = os.pread(handle, 32, 0).decode().strip()
        return int(text) if text.isdigit() else 0
    finally:
        os.close(handle)


def _take(handle: int, how: int, pause: float = 0) -> bool:
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        Event().wait(pause)
        return False
    return True
