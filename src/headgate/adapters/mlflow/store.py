"""Make MLflow's SQLite store whole or not at all, by one process at a time.

MLflow builds its tables by migrations that SQLite cannot take back: two processes that make one file crash it, and one
that is killed in the middle leaves a file that no later start can use.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

SQLITE = "sqlite:///"


@contextmanager
def alone(tracking: str) -> Iterator[Path | None]:
    """Hold a lock beside a SQLite store; give its path, None for a store that is no SQLite file."""
    if not tracking.startswith(SQLITE):
        yield None
        return
    path = Path(tracking.removeprefix(SQLITE))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield path


def create_whole(path: Path) -> None:
    """Make the store's file under another name and move it into place; one that is there stays. Call it `alone`."""
    if path.exists() and path.stat().st_size > 0:
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    for left in path.parent.glob(f"{path.name}.new-*"):
        left.unlink()  # of a process that was killed: nobody else holds the lock
    fresh = path.with_name(f"{path.name}.new-{os.getpid()}")
    store = SqlAlchemyStore(f"{SQLITE}{fresh}", str(path.parent / "mlruns"))  # type: ignore[no-untyped-call]
    store.engine.dispose()
    with fresh.open("rb") as file:
        os.fsync(file.fileno())
    fresh.replace(path)


def without_password(tracking: str) -> str:
    """Return a tracking URI without user and password."""
    if "@" not in tracking:
        return tracking  # urlsplit would drop two of the four slashes of an SQLite path
    parts = urlsplit(tracking)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
