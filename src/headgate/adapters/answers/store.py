"""Keeps the control API's first answer to each idempotency key, in SQLite: a day long, and so many at most.

A request that is still under way holds its key. What a process that is gone had under way may be asked again: the steps
behind it decide on the journal, so that nothing is done twice that must not be.
"""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

from headgate.base.errors import Unavailable

Kept: TypeAlias = tuple[str, int | None, dict[str, Any]]
KEEP_SECONDS = 86_400.0
MOST = 10_000
TABLE = """
CREATE TABLE IF NOT EXISTS answer (
    key TEXT PRIMARY KEY, asked TEXT NOT NULL, owner TEXT NOT NULL, at REAL NOT NULL, status INTEGER, body TEXT
) WITHOUT ROWID
"""


class SqliteAnswers:
    """Answers in a file.

    Args:
        path: The file; made when it is first written.
        owner: Names this process: nobody else has the same.
    """

    def __init__(self, path: Path, owner: str) -> None:
        self._path = path
        self._owner = owner

    def begin(self, key: str, asked: str, now: float) -> Kept | None:
        """Take a key for a request; None: go on and `keep` or `drop`; else request, status and answer kept under it."""
        with self._writing() as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute("DELETE FROM answer WHERE at < ?", (now - KEEP_SECONDS,))
            query = "SELECT asked, owner, status, body FROM answer WHERE key = ?"
            found = database.execute(query, (key,)).fetchone()
            if found and (found[2] is not None or found[1] == self._owner):
                return found[0], found[2], json.loads(found[3]) if found[3] else {}
            values = (key, asked, self._owner, now)
            database.execute("INSERT OR REPLACE INTO answer (key, asked, owner, at) VALUES (?, ?, ?, ?)", values)
            excess = "DELETE FROM answer WHERE key IN (SELECT key FROM answer ORDER BY at DESC LIMIT -1 OFFSET ?)"
            database.execute(excess, (MOST,))
        return None

    def keep(self, key: str, status: int, body: dict[str, Any]) -> None:
        """Keep the answer to a request that has the key."""
        with self._writing() as database:
            database.execute("UPDATE answer SET status = ?, body = ? WHERE key = ?", (status, json.dumps(body), key))

    def drop(self, key: str) -> None:
        """Let go of a key without an answer: the request may be sent again."""
        with self._writing() as database:
            database.execute("DELETE FROM answer WHERE key = ? AND status IS NULL", (key,))

    def _writing(self) -> "_Open":
        return _Open(self._path)


class _Open:
    """One transaction on the file; what SQLite raises becomes Unavailable."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> sqlite3.Connection:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(self._path, timeout=10)
            self._database.execute(TABLE)
        except (sqlite3.Error, OSError) as error:
            raise self._away(error) from error
        return self._database

    def __exit__(self, kind: object, error: BaseException | None, _trace: object) -> None:
        with closing(self._database):
            if error is None:
                self._database.commit()
        if isinstance(error, sqlite3.Error):
            raise self._away(error) from error

    def _away(self, error: Exception) -> Unavailable:
        return Unavailable(
            f"answers cannot be kept: {error}", where=str(self._path), way_out="free disk space or fix permissions"
        )
