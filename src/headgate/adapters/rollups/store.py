"""Keeps rollups as plain rows in SQLite for seven days; who reads never stops who writes (WAL)."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from headgate.base.errors import Unavailable
from headgate.predictions.rollup import NONE, Key, Row, merge
from headgate.predictions.spent import NOTHING, Spent

KEEP_SECONDS = 7 * 86_400
SWEEP_SECONDS = 3_600
COLUMNS = "second, model, version, arm, role, count, errors, latency, units, unit_errors, unit_slow, slow_above, spent"
LATER = {"spent": "TEXT"}  # columns that a file of an earlier release has not
TABLE = """
CREATE TABLE IF NOT EXISTS rollup (
    model TEXT NOT NULL, second INTEGER NOT NULL, version TEXT NOT NULL, arm TEXT NOT NULL, role TEXT NOT NULL,
    count INTEGER NOT NULL, errors INTEGER NOT NULL, latency TEXT NOT NULL,
    units TEXT NOT NULL, unit_errors TEXT, unit_slow TEXT, slow_above INTEGER, spent TEXT,
    PRIMARY KEY (model, second, version, arm, role)
) WITHOUT ROWID
"""
NAMES = tuple(COLUMNS.split(", "))
WHOSE = "second = ? AND model = ? AND version = ? AND arm = ? AND role = ?"


class SqliteRollups:
    """Rollups in a file.

    Args:
        path: The file; made when it is first written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._swept = 0

    def add(self, rows: Sequence[Row]) -> None:
        """Keep rows, all or none; one that is there already is added to. Rows older than seven days go.

        Raises:
            Unavailable: The file cannot be written.
        """
        if not rows:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._open()) as database, database:
                database.execute(TABLE)
                database.execute("BEGIN IMMEDIATE")
                for name in _missing(database):
                    database.execute(f"ALTER TABLE rollup ADD COLUMN {name} {LATER[name]}")
                database.executemany(
                    f"INSERT OR REPLACE INTO rollup ({COLUMNS}) VALUES ({', '.join('?' * 13)})",  # noqa: S608 - constants
                    [_to_plain(_with_old(database, row)) for row in rows],
                )
                self._sweep(database, rows[-1].key.second)
        except (sqlite3.Error, OSError) as error:
            raise Unavailable(f"rollups cannot be written: {error}", where=str(self._path)) from error

    def read(self, model: str, since: int, until: int) -> Iterator[Row]:
        """Yield a model's rows of the seconds from since up to, without, until; in order.

        Raises:
            Unavailable: The file cannot be read.
        """
        if not self._path.exists():
            return
        try:
            with closing(self._open()) as database:
                columns = ", ".join(f"NULL AS {name}" if name in _missing(database) else name for name in NAMES)
                query = f"SELECT {columns} FROM rollup WHERE model = ? AND second >= ? AND second < ? ORDER BY second, version, arm, role"  # noqa: S608, E501 - constants
                yield from map(_from_plain, database.execute(query, (model, since, until)))
        except (sqlite3.Error, ValueError) as error:
            raise Unavailable(f"rollups cannot be read: {error}", where=str(self._path)) from error

    def totals(self, model: str, since: int, until: int) -> dict[tuple[str, str, str], tuple[int, int]]:
        """Return requests and errors of the seconds from since up to, without, until; by arm, version and role.

        Raises:
            Unavailable: The file cannot be read.
        """
        if not self._path.exists():
            return {}
        query = (
            "SELECT arm, version, role, sum(count), sum(errors) FROM rollup "
            "WHERE model = ? AND second >= ? AND second < ? GROUP BY arm, version, role"
        )
        try:
            with closing(self._open()) as database:
                rows = database.execute(query, (model, since, until)).fetchall()
        except sqlite3.Error as error:
            raise Unavailable(f"rollups cannot be read: {error}", where=str(self._path)) from error
        return {(arm, version, role): (int(count), int(errors)) for arm, version, role, count, errors in rows}

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=10)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        return database

    def _sweep(self, database: sqlite3.Connection, second: int) -> None:
        if second - self._swept > SWEEP_SECONDS:
            database.execute("DELETE FROM rollup WHERE second < ?", (second - KEEP_SECONDS,))
            self._swept = second


def _missing(database: sqlite3.Connection) -> set[str]:
    """Return the columns that a file of an earlier release has not; whoever only reads adds none."""
    return set(LATER) - {str(row[1]) for row in database.execute("PRAGMA table_info(rollup)")}


def _with_old(database: sqlite3.Connection, row: Row) -> Row:
    key = row.key
    query = f"SELECT {COLUMNS} FROM rollup WHERE {WHOSE}"  # noqa: S608 - constants
    found = database.execute(query, (key.second, key.model, key.version, key.arm, key.role)).fetchone()
    return merge(_from_plain(found), row) if found else row


def _to_plain(row: Row) -> tuple[object, ...]:
    key = row.key
    bins = json.dumps([list(pair) for pair in sorted(row.latency.items())], separators=(",", ":"))
    parts = [_text(row.units) or "[]", _text(row.unit_errors), _text(row.unit_slow)]
    whose = (key.second, key.model, key.version, key.arm, key.role)
    return (*whose, row.count, row.errors, bins, *parts, row.slow_above, _text(row.spent.sums))


def _text(counts: Sequence[int]) -> str | None:
    """Return counts as text; None where all are zero."""
    return json.dumps(list(counts), separators=(",", ":")) if any(counts) else None


def _from_plain(plain: Sequence[object]) -> Row:
    second, model, version, arm, role, count, errors, latency, units, unit_errors, unit_slow, slow_above, spent = plain
    parts = [tuple(json.loads(str(part))) if part else NONE for part in (units, unit_errors, unit_slow)]
    return Row(
        Key(int(str(second)), str(model), str(version), str(arm), str(role)),
        int(str(count)), int(str(errors)), dict(json.loads(str(latency))),
        parts[0] or NONE, parts[1], parts[2], None if slow_above is None else int(str(slow_above)),
        Spent(*json.loads(str(spent))) if spent else NOTHING,
    )  # fmt: skip
