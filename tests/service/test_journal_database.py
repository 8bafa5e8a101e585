"""A database that is away, wrong, or too new says so in one sentence, and never says its password."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from headgate.adapters.head.keeper import HeadKeeper
from headgate.adapters.sql import database
from headgate.adapters.sql.database import Database
from headgate.adapters.sql.schema import METADATA, REVISION
from headgate.adapters.sql.store import SqlEventStore
from headgate.base.clock import SystemClock
from headgate.base.errors import BadInput, HeadgateError, Unavailable
from headgate.journal.event import NewEvent
from headgate.testing.postgres import fresh_database

EVENT = NewEvent("a.b", "person:ada", "", {})


def store(url: str, folder: Path) -> SqlEventStore:
    return SqlEventStore(url, SystemClock(), HeadKeeper(folder / "head", folder / "key"))


def test_a_server_that_is_away_is_named_without_the_password(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        opened = store(f"postgresql://ada:s3cr3t@127.0.0.1:{port}/journal", tmp_path)
        with pytest.raises(Unavailable) as caught:
            opened.last()
    assert "the journal's database cannot" in caught.value.what
    assert f"ada:***@127.0.0.1:{port}" in caught.value.where
    assert "s3cr3t" not in str(caught.value)
    assert "\n" not in caught.value.what


def test_a_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    """Without a bound this test would never end."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        opened = store(f"postgresql://127.0.0.1:{deaf.getsockname()[1]}/journal?connect_timeout=2", tmp_path)
        with pytest.raises(Unavailable, match="timeout"):
            opened.append("project", 0, [EVENT])


def test_a_connection_that_is_cut_is_told_and_the_next_call_connects_again(tmp_path: Path) -> None:
    with fresh_database() as url:
        opened, other = store(url, tmp_path), Database(url)
        opened.append("project", 0, [EVENT])
        with other.reading() as connection:
            cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            connection.exec_driver_sql(f"{cut} AND datname = current_database()")
        opened.append("project", 1, [EVENT])
        with pytest.raises(Unavailable, match="cannot write"), opened.database.writing() as connection:  # noqa: PT012
            with other.reading() as killer:
                killer.exec_driver_sql(f"{cut} AND datname = current_database()")
            connection.exec_driver_sql("SELECT 1")
        assert opened.append("project", 2, [EVENT])[0].position == 3
        opened.close()
        other.close()


def test_a_writer_that_stopped_in_the_middle_holds_nobody_up_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one does whose process is paused, or whose machine is gone: the server hears nothing more of it."""
    monkeypatch.setattr(database, "STALL_SECONDS", 1)
    monkeypatch.setattr(database, "WAIT_SECONDS", 5)
    with fresh_database() as url:
        opened, stopped = store(url, tmp_path), Database(url)
        opened.append("project", 0, [EVENT])
        with pytest.raises(Unavailable), stopped.writing():
            opened.append("project", 1, [EVENT])
        assert [event.sequence for event in opened.read()] == [1, 2]
        opened.close()
        stopped.close()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mysql://ada:s3cr3t@host/db", "a journal lives in SQLite or PostgreSQL, not in mysql"),
        ("ada:s3cr3t@host", "this is not the URL of a database"),
        ("sqlite://", "a journal in memory would be lost"),
        ("", "this is not the URL of a database"),
    ],
)
def test_a_url_of_something_else_is_refused_without_repeating_it(url: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=why) as caught:
        store(url, tmp_path)
    assert "s3cr3t" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("bad", ["folder", "text"])
def test_a_file_that_is_no_database_is_named(bad: str, tmp_path: Path) -> None:
    if bad == "folder":
        (tmp_path / "journal.db").mkdir()
    else:
        (tmp_path / "journal.db").write_text("this is a text and no database at all" * 50)
    with pytest.raises(Unavailable, match=r"journal\.db: the journal's database cannot"):
        store(f"sqlite:///{tmp_path}/journal.db", tmp_path).last()


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    with pytest.raises(HeadgateError, match=f"{tmp_path}/state"):
        store(f"sqlite:///{tmp_path}/state/journal.db", tmp_path).append("project", 0, [EVENT])


def test_a_database_of_a_newer_headgate_is_refused(tmp_path: Path) -> None:
    opened = store(f"sqlite:///{tmp_path}/journal.db", tmp_path)
    opened.append("project", 0, [EVENT])
    with opened.database.writing() as connection:
        connection.exec_driver_sql("UPDATE headgate_version SET version_num = '9999'")
    opened.close()
    with pytest.raises(BadInput, match=f"the database has revision 9999, this Headgate knows {REVISION}"):
        store(f"sqlite:///{tmp_path}/journal.db", tmp_path).last()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_migrations_make_the_tables_that_the_code_uses(kind: str, tmp_path: Path) -> None:
    """What Alembic would still change is nothing; the newest revision is the one the code asks for."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    def check(url: str) -> None:
        database = Database(url)
        with database.reading() as connection:
            context = MigrationContext.configure(connection, opts={"version_table": "headgate_version"})
            assert compare_metadata(context, METADATA) == []
            assert context.get_current_revision() == REVISION
        database.close()

    if kind == "sqlite":
        check(f"sqlite:///{tmp_path}/journal.db")
    else:
        with fresh_database() as url:
            check(url)


def test_a_journal_that_is_being_written_can_be_read_and_a_second_writer_waits(tmp_path: Path) -> None:
    opened = store(f"sqlite:///{tmp_path}/journal.db", tmp_path)
    opened.append("project", 0, [EVENT])
    with opened.database.writing():
        assert opened.last() is not None
    with Database(f"sqlite:///{tmp_path}/journal.db").reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
    opened.close()


OTHER = """
import sys
from pathlib import Path
from headgate.adapters.head.keeper import HeadKeeper
from headgate.adapters.sql.store import SqlEventStore
from headgate.base.clock import SystemClock
from headgate.journal.event import NewEvent
folder = Path(sys.argv[1])
store = SqlEventStore(f"sqlite:///{folder / 'j.db'}", SystemClock(), HeadKeeper(folder / "head", folder / "head.pem"))
store.append("model/m", len(list(store.read("model/m"))), [NewEvent("kind.b", "person:ada", "r", {})])
store.close()
"""


def test_a_second_store_in_one_process_costs_the_first_neither_its_locks_nor_its_sight(tmp_path: Path) -> None:
    keeper = HeadKeeper(tmp_path / "head", tmp_path / "head.pem")
    first, second = (SqlEventStore(f"sqlite:///{tmp_path / 'j.db'}", SystemClock(), keeper) for _ in range(2))
    first.append("model/m", 0, [NewEvent("kind.a", "person:ada", "r", {})])
    assert len(list(second.read("model/m"))) == 1
    for written in (2, 3):
        subprocess.run([sys.executable, "-c", OTHER, str(tmp_path)], check=True)
        assert len(list(first.read("model/m"))) == written
    first.close()
    second.close()
