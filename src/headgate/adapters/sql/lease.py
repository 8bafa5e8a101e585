"""Who leads, in a table beside the events, and the fence that an append passes in its own transaction.

Time is the database's. SQLite is read and written on one machine, so its clock is that machine's.
"""

from copy import copy
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from headgate.adapters.sql.database import Database
from headgate.adapters.sql.rows import to_text
from headgate.adapters.sql.schema import LEASES
from headgate.journal.chain import read_time
from headgate.loop.lease import Term, keep, leave, refuse_old, take

if TYPE_CHECKING:
    from headgate.adapters.sql.store import SqlEventStore
    from headgate.journal.ports import EventStore

NOW = {
    "sqlite": sa.text("SELECT (julianday('now') - 2440587.5) * 86400.0"),
    "postgresql": sa.text("SELECT extract(epoch FROM clock_timestamp())"),
}


class SqlLeases:
    """Leases in the journal's database; the contract is Leases'.

    Args:
        store: The journal that leaders write.
    """

    def __init__(self, store: "SqlEventStore") -> None:
        self._store = store
        self._database: Database = store.database

    def acquire(self, name: str, holder: str, span: timedelta) -> Term | None:
        """Begin a reign; None while another holder's lasts."""
        with self._database.writing() as connection:
            term = take(_read(connection, name), name, holder, _now(connection), span)
            if term is not None:
                _write(connection, term)
        return term

    def renew(self, term: Term, span: timedelta) -> Term:
        """Push on the lease of a reign, or raise Deposed."""
        with self._database.writing() as connection:
            kept = keep(_read(connection, term.name), term, _now(connection), span)
            _write(connection, kept)
        return kept

    def resign(self, term: Term) -> None:
        """End a reign at once; nothing happens where it has ended."""
        with self._database.writing() as connection:
            left = leave(_read(connection, term.name), term, _now(connection))
            if left is not None:
                _write(connection, left)

    def read(self, name: str) -> Term | None:
        """Return the newest reign, which may have run out; None: there never was one."""
        with self._database.reading() as connection:
            return _read(connection, name)

    def under(self, term: Term) -> "EventStore":
        """Return the journal as the leader of a term may write it."""
        led = copy(self._store)
        led.fence = lambda connection: refuse_old(_read(connection, term.name), term)
        return led


def _now(connection: sa.Connection) -> datetime:
    return datetime.fromtimestamp(float(connection.scalar(NOW[connection.dialect.name]) or 0), UTC)


def _read(connection: sa.Connection, name: str) -> Term | None:
    row = connection.execute(sa.select(LEASES).where(LEASES.c.name == name)).first()
    return None if row is None else Term(row.name, int(row.number), row.holder, read_time(row.until))


def _write(connection: sa.Connection, term: Term) -> None:
    values = {"number": term.number, "holder": term.holder, "until": to_text(term.until)}
    if connection.execute(sa.update(LEASES).where(LEASES.c.name == term.name).values(**values)).rowcount == 0:
        connection.execute(sa.insert(LEASES).values(name=term.name, **values))
