"""Remember the last documents that were read, on disk, for a worker that starts while the database is away."""

import json
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from headgate.base.errors import Unavailable
from headgate.base.files import write_atomically
from headgate.journal.ports import Document

LOG = logging.getLogger("headgate.gateway")
CONFIRM_SECONDS = 30.0
Read = Callable[[], Sequence[Document]]


class Remembered:
    """Reads documents, and keeps what it read in a file that only this user may read.

    Args:
        read: Returns the documents; may raise when the database is away.
        path: The file; it may be one for several workers.
        now: Seconds since 1970.
        fresh: Seconds after which what the file holds is no longer used; None: it always is.
    """

    def __init__(self, read: Read, path: Path, now: Callable[[], float], fresh: float | None = None) -> None:
        self._read = read
        self._path = path
        self._now = now
        self._fresh = fresh
        self._kept: Sequence[Document] | None = None
        self._confirmed = 0.0

    def __call__(self) -> Sequence[Document]:
        """Return the documents as they are, and keep them; raises what the database raises."""
        documents = self._read()
        now = self._now()
        if documents != self._kept or now - self._confirmed >= CONFIRM_SECONDS:
            self._keep(documents, now)
            self._kept, self._confirmed = documents, now
        return documents

    def last(self) -> Sequence[Document] | None:
        """Return what was read last, by whichever worker; None when that is not known, or too old."""
        try:
            age = self._now() - self._path.stat().st_mtime
            if self._fresh is not None and age > self._fresh:
                return None
            return tuple(Document(**one) for one in json.loads(self._path.read_bytes()))
        except (OSError, ValueError, TypeError):  # never kept, or not by this release
            return None

    def or_last(self) -> Sequence[Document]:
        """Return the documents as they are, or, when none were read yet and the database is away, the last ones."""
        try:
            return self()
        except Exception as error:
            found = self.last() if self._kept is None else None
            if found is None:
                raise
            LOG.warning("%s: cannot be read, the last ones are used: %s", self._path.stem, error)
            return found

    def _keep(self, documents: Sequence[Document], now: float) -> None:
        try:
            if documents != self._kept:
                plain = [
                    {"collection": one.collection, "key": one.key, "revision": one.revision, "body": one.body}
                    for one in documents
                ]
                write_atomically(self._path, json.dumps(plain).encode())
            os.utime(self._path, (now, now))
        except (Unavailable, OSError, ValueError, TypeError) as error:
            LOG.warning("%s: the last ones cannot be kept on disk: %s", self._path.stem, error)
