"""A database by URL: opened within bounded time, migrated once, its failures told without a traceback or a password.

It knows no event. Writing transactions are serial: SQLite by BEGIN IMMEDIATE, PostgreSQL by an advisory lock.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from headgate.adapters.head.keeper import locked
from headgate.adapters.sql.schema import REVISION, VERSION_TABLE
from headgate.base.errors import BadInput, Unavailable

WAIT_SECONDS = 30
CONNECT_SECONDS = 5
STALL_SECONDS = 20  # of a writer that stopped in the middle (paused, or its machine gone): others still wait then
WRITERS, MIGRATORS = 0x48454144, 0x47415445  # "HEAD" and "GATE": the keys of the advisory locks


class Database:
    """Connections to one database; safe to share between threads, not between forked processes.

    Args:
        url: ``sqlite:////path/journal.db`` or ``postgresql+psycopg://user@host/name``.
    """

    _drivers: ClassVar[dict[str, str]] = {
        "sqlite": "sqlite",
        "postgres": "postgresql+psycopg",
        "postgresql": "postgresql+psycopg",
        "postgresql+psycopg": "postgresql+psycopg",
    }

    def __init__(self, url: str) -> None:
        self._url = _parse(url, self._drivers)
        self.where = self._url.render_as_string(hide_password=True)
        self._engine = _engine(self._url)
        self._migrated = False
        self._lock = Lock()

    @property
    def file(self) -> Path | None:
        """The database's file, for SQLite."""
        return Path(str(self._url.database)) if self._url.drivername == "sqlite" else None

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Give a connection for reading."""
        self._migrate()
        with self._plainly("read"), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Give the one transaction that may write now; it is durable when this ends, and undone when it raises."""
        self._migrate()
        with self._plainly("write"), self._engine.connect().execution_options(writes=True) as connection:
            self._alone(connection, WRITERS)
            yield connection
            with self._plainly("commit"):
                connection.commit()

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def revision(self) -> str | None:
        """Return the schema's revision; None: an empty database."""
        with self._plainly("read"), self._engine.connect() as connection:
            return _revision(connection)

    def _alone(self, connection: sa.Connection, key: int) -> None:
        if self.file is None:
            # Durable on return and bounded in waiting and holding, whatever the server's defaults are.
            bounds = f"lock_timeout = '{WAIT_SECONDS}s'", f"idle_in_transaction_session_timeout = '{STALL_SECONDS}s'"
            for setting in ("synchronous_commit = on", *bounds):
                connection.exec_driver_sql(f"SET LOCAL {setting}")
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})

    def _migrate(self) -> None:
        if self._migrated:
            return
        with self._lock:
            if self.file is not None:
                self._prepare(self.file)
            if self.revision() != REVISION:
                self._upgrade()
            self._migrated = True

    def _prepare(self, file: Path) -> None:
        """Make the folder, and the file in WAL mode; two processes changing the mode at once would fail."""
        with self._plainly("open"):
            if file.exists() and _is_wal(file):
                return
            with locked(file.with_name(file.name + ".lock")), closing(sqlite3.connect(file)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")

    def _upgrade(self) -> None:
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
        with self._plainly("migrate"), self._engine.connect().execution_options(writes=True) as connection:
            self._alone(connection, MIGRATORS)
            found = _revision(connection)
            if found is not None and found > REVISION:
                raise BadInput(
                    f"the database has revision {found}, this Headgate knows {REVISION}",
                    where=self.where,
                    way_out="install the newer Headgate that wrote it",
                )
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()

    @contextmanager
    def _plainly(self, doing: str) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise self._unavailable(doing, str(error.orig)) from error
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise self._unavailable(doing, str(error)) from error

    def _unavailable(self, doing: str, said: str) -> Unavailable:
        password = str(self._url.password or "")
        said = (said.strip().splitlines() or ["no reason given"])[0]
        said = said.replace(password, "***") if password else said
        what, way_out = f"the journal's database cannot {doing}: {said}", "start it or correct settings.database"
        if doing == "commit":
            what = f"the journal's database was lost while it committed: {said}"
            way_out = "look with `headgate journal` whether the event was recorded before you repeat the command"
        elif "locked" in said or "lock timeout" in said:
            way_out = (
                f"another process held the journal for over {WAIT_SECONDS} s: find it (headgate doctor), then retry"
            )
        elif "readonly" in said or "disk" in said:
            way_out = "free disk space or fix the permissions, then retry; nothing was recorded"
        return Unavailable(what, where=self.where, way_out=way_out)


def _parse(url: str, drivers: dict[str, str]) -> sa.URL:
    way_out = "write sqlite:////absolute/path.db or postgresql+psycopg://user@host/name"
    try:
        parsed = sa.make_url(url)
    except (ArgumentError, ValueError):
        # Not chained: the cause repeats the text, and that may hold a password.
        raise BadInput("this is not the URL of a database", where="settings.database", way_out=way_out) from None
    driver = drivers.get(parsed.drivername)
    if driver is None:
        what = f"a journal lives in SQLite or PostgreSQL, not in {parsed.drivername}"
        raise BadInput(what, where="settings.database", way_out=way_out)
    if driver == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise BadInput("a journal in memory would be lost", where="settings.database", way_out=way_out)
    return parsed.set(drivername=driver)


def _engine(url: sa.URL) -> sa.Engine:
    if url.drivername == "sqlite":
        engine = sa.create_engine(url, connect_args={"timeout": WAIT_SECONDS})
        sa.event.listen(engine, "connect", _on_connect)
        sa.event.listen(engine, "begin", _on_begin)
        return engine
    bounded = {"connect_timeout": CONNECT_SECONDS, "tcp_user_timeout": WAIT_SECONDS * 1000, "keepalives_idle": 10}
    arguments: dict[str, Any] = {name: value for name, value in bounded.items() if name not in url.query}
    arguments["prepare_threshold"] = None  # a pooler in between (PgBouncer) may give every transaction another session
    try:
        return sa.create_engine(url, connect_args=arguments, isolation_level="READ COMMITTED", pool_pre_ping=True)
    except ModuleNotFoundError as error:
        raise BadInput(
            "the driver of PostgreSQL is not installed",
            where="settings.database",
            way_out='pip install "headgate[postgres]"',
        ) from error


def _on_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself; _on_begin does
    for pragma in (f"busy_timeout={WAIT_SECONDS * 1000}", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _on_begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.scalar(sa.select(sa.column("version_num", sa.Text)).select_from(sa.table(VERSION_TABLE)))
    return None if found is None else str(found)


def _is_wal(file: Path) -> bool:
    """Ask SQLite itself: closing the file by hand would drop the locks of every connection of this process."""
    with closing(sqlite3.connect(file, timeout=WAIT_SECONDS)) as connection:
        return bool(connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal")
