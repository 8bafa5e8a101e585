"""Somebody changes the database or the head behind Headgate's back; each change is found, with its place."""

# ruff: noqa: S608 - these tests write their own SQL on purpose

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from headgate.adapters.head.keeper import HeadKeeper
from headgate.adapters.sql.store import SqlEventStore
from headgate.base.clock import SystemClock
from headgate.base.digest import Json
from headgate.base.errors import Tampered
from headgate.journal.chain import Break, verify_chain
from headgate.journal.event import NewEvent, event_hash
from headgate.journal.head import EMPTY, Head
from headgate.journal.ports import Document
from headgate.testing.postgres import fresh_database

COUNT = 8


@pytest.fixture(params=["sqlite", "postgresql"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlEventStore]:
    if request.param == "sqlite":
        yield from _filled(f"sqlite:///{tmp_path}/journal.db", tmp_path)
    else:
        with fresh_database() as url:
            yield from _filled(url, tmp_path)


@pytest.fixture
def lite(tmp_path: Path) -> Iterator[SqlEventStore]:
    yield from _filled(f"sqlite:///{tmp_path}/journal.db", tmp_path)


def _filled(url: str, folder: Path) -> Iterator[SqlEventStore]:
    store = SqlEventStore(url, SystemClock(), HeadKeeper(folder / "journal.head", folder / "journal.key"))
    for step in range(COUNT):
        body: dict[str, Json] = {"version": str(step), "metric": 0.5 + step / 7}
        store.append(f"model/{'ab'[step % 2]}", step // 2, [NewEvent("version.registered", "person:ada", "new", body)])
    yield store
    store.close()


def change(store: SqlEventStore, *statements: str) -> None:
    with store.database.writing() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


def found(store: SqlEventStore) -> Break | None:
    head = store.head()
    return verify_chain(store.read(), head)


def test_an_untouched_journal_is_whole(opened: SqlEventStore) -> None:
    assert found(opened) is None


@pytest.mark.parametrize(
    ("statement", "position", "fault"),
    [
        ("UPDATE events SET reason = 'neW' WHERE position = 5", 5, "edited"),
        ("UPDATE events SET actor = 'person:bob' WHERE position = 1", 1, "edited"),
        ("UPDATE events SET body = REPLACE(body, '\"3\"', '\"4\"') WHERE position = 4", 4, "edited"),
        ("UPDATE events SET body = REPLACE(body, ',', ', ') WHERE position = 4", 4, "unreadable"),
        ("UPDATE events SET body = 'x' WHERE position = 6", 6, "unreadable"),
        ("UPDATE events SET at = REPLACE(at, 'T', ' ') WHERE position = 2", 2, "unreadable"),
        ("UPDATE events SET stream = 'model/c' WHERE position = 8", 8, "edited"),
        ("UPDATE events SET sequence = 9 WHERE position = 7", 7, "edited"),
        ("UPDATE events SET hash = previous WHERE position = 3", 3, "edited"),
        ("DELETE FROM events WHERE position = 3", 3, "removed"),
        ("DELETE FROM events WHERE position IN (4, 5)", 4, "removed"),
        ("DELETE FROM events WHERE position = 1", 1, "removed"),
        ("DELETE FROM events WHERE position > 6", 7, "truncated"),
        ("DELETE FROM events WHERE position = 8", 8, "truncated"),
        ("DELETE FROM events", 1, "truncated"),
    ],
)
def test_each_change_is_found_at_its_position(lite: SqlEventStore, statement: str, position: int, fault: str) -> None:
    change(lite, statement)
    broken = found(lite)
    assert broken is not None
    assert (broken.position, broken.fault) == (position, fault), broken


def test_two_rows_that_change_places_are_found(opened: SqlEventStore) -> None:
    moves = [(3, 100), (4, 3), (100, 4)]
    change(opened, *(f"UPDATE events SET position = {to} WHERE position = {at}" for at, to in moves))
    broken = found(opened)
    assert broken is not None
    assert (broken.position, broken.fault) == (3, "reordered")


def test_rows_rewritten_with_fresh_hashes_are_found_by_the_head(opened: SqlEventStore) -> None:
    """Whoever rewrites the whole end of the chain consistently still cannot sign the head."""
    last = opened.last()
    assert last is not None
    forged = NewEvent(last.kind, last.actor, "forged", last.body)
    digest = event_hash(last.position, last.stream, last.sequence, last.at, forged, last.previous)
    change(opened, f"UPDATE events SET reason = 'forged', hash = '{digest}' WHERE position = {last.position}")
    assert verify_chain(opened.read()) is None
    broken = found(opened)
    assert broken is not None
    assert (broken.position, broken.fault) == (COUNT, "edited")


def test_nothing_is_added_to_a_cut_journal_so_that_the_cut_stays_visible(opened: SqlEventStore) -> None:
    change(opened, "DELETE FROM events WHERE position > 6")
    with pytest.raises(Tampered, match="truncated: the signed head says that 8 events were recorded; 7 to 8 gone"):
        opened.append("project", 0, [NewEvent("a.b", "person:ada", "", {})])
    last = opened.last()
    assert last is not None
    assert last.position == 6


def test_every_single_byte_of_a_row_is_guarded(lite: SqlEventStore, tmp_path: Path) -> None:
    """One byte of one row at a time, every byte of every text column."""
    columns = ("stream", "kind", "at", "actor", "reason", "body", "previous", "hash")
    with sqlite3.connect(tmp_path / "journal.db", isolation_level=None) as raw:
        for column in columns:
            (text,) = raw.execute(f"SELECT {column} FROM events WHERE position = 4").fetchone()
            for place, letter in enumerate(text):
                changed = text[:place] + chr(ord(letter) ^ 1) + text[place + 1 :]
                raw.execute(f"UPDATE events SET {column} = ? WHERE position = 4", (changed,))
                broken = found(lite)
                assert broken is not None, (column, place, changed)
                assert broken.position == 4
            raw.execute(f"UPDATE events SET {column} = ? WHERE position = 4", (text,))
    raw.close()
    assert found(lite) is None


def test_a_changed_head_another_key_and_a_lost_file_are_each_told(lite: SqlEventStore, tmp_path: Path) -> None:
    head, key = tmp_path / "journal.head", tmp_path / "journal.key"
    before = head.read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    head.write_bytes(before.replace(b'"position":8', b'"position":6'))
    with pytest.raises(Tampered, match="the head was changed after it was signed"):
        lite.head()
    head.write_bytes(b"{}")
    with pytest.raises(Tampered, match="cannot be read"):
        lite.head()
    head.unlink()
    with pytest.raises(Tampered, match="the signed head is gone"):
        lite.append("project", 0, [NewEvent("a.b", "person:ada", "", {})])
    other = HeadKeeper(tmp_path / "other.head", tmp_path / "other.key")
    other.begin()
    head.write_bytes((tmp_path / "other.head").read_bytes())
    with pytest.raises(Tampered, match="signed with another key"):
        lite.head()
    head.write_bytes(before)
    key.unlink()
    with pytest.raises(Tampered, match="the key of the signed head is gone"):
        SqlEventStore(f"sqlite:///{tmp_path}/journal.db", SystemClock(), HeadKeeper(head, key)).head()


def test_cut_rows_do_not_pass_once_head_and_key_are_deleted_too(opened: SqlEventStore, tmp_path: Path) -> None:
    """Neither reading nor appending makes a new head while anything is recorded."""
    change(opened, "DELETE FROM events WHERE position > 2")
    for name in ("journal.head", "journal.key"):
        (tmp_path / name).unlink()
    for act in (opened.head, lambda: opened.append("project", 0, [NewEvent("a.b", "person:ada", "", {})])):
        with pytest.raises(Tampered, match="there is no signed head, and no key of one") as caught:
            act()
        assert "headgate audit --new-head --because" in caught.value.way_out
    assert not [path for path in tmp_path.glob("journal.*") if path.suffix in {".head", ".key"}]


def test_documents_without_any_event_were_left_by_somebody_who_deleted(opened: SqlEventStore, tmp_path: Path) -> None:
    opened.append("project", 0, [NewEvent("a.b", "person:ada", "", {})], [Document("route", "churn", 1, {})])
    change(opened, "DELETE FROM events")
    for name in ("journal.head", "journal.key"):
        (tmp_path / name).unlink()
    with pytest.raises(Tampered, match="there is no signed head"):
        opened.head()


def test_a_new_head_is_journalled_and_the_former_one_is_kept(opened: SqlEventStore, tmp_path: Path) -> None:
    before, key = (tmp_path / "journal.head").read_bytes(), (tmp_path / "journal.key").read_bytes()
    change(opened, "DELETE FROM events WHERE position > 6")
    event = opened.renew_head("person:ada", "the disk was lost, and the backup is of noon")
    assert (event.position, event.kind, event.actor, event.body["position"]) == (7, "head.renewed", "person:ada", 6)
    assert event.body["key"] != json.loads(before)["key"]
    assert [path.read_bytes() for path in sorted(tmp_path.glob("journal.*.before-*"))] == [before, key]
    assert (opened.head().position, found(opened)) == (7, None)
    assert opened.append("project", 1, [NewEvent("a.b", "person:ada", "", {})])[0].position == 8
    assert (tmp_path / "journal.key").stat().st_mode & 0o777 == 0o600


def test_a_head_of_a_key_that_the_journal_does_not_know_is_told(lite: SqlEventStore, tmp_path: Path) -> None:
    """Whoever swaps head and key for his own cannot sign away what was cut; the first event names the first key."""
    last = lite.last()
    assert last is not None
    forged = HeadKeeper(tmp_path / "forged.head", tmp_path / "forged.key")
    forged.begin()
    forged.advance(Head(last.position, last.hash))
    store = SqlEventStore(f"sqlite:///{tmp_path}/journal.db", SystemClock(), forged)
    for act in (store.head, lambda: store.append("project", 0, [NewEvent("a.b", "person:ada", "", {})])):
        with pytest.raises(Tampered, match="a key that this journal does not know"):
            act()
    store.close()


def test_reading_an_empty_journal_makes_neither_key_nor_head(tmp_path: Path) -> None:
    head, key = tmp_path / "journal.head", tmp_path / "journal.key"
    store = SqlEventStore(f"sqlite:///{tmp_path}/journal.db", SystemClock(), HeadKeeper(head, key))
    assert (store.head(), store.last(), list(store.read())) == (EMPTY, None, [])
    assert not head.exists()
    assert not key.exists()
    store.close()


def test_a_document_that_cannot_be_read_is_named(opened: SqlEventStore) -> None:
    opened.append("project", 0, [NewEvent("a.b", "person:ada", "", {})], [Document("route", "churn", 1, {})])
    change(opened, "UPDATE documents SET body = '{' WHERE key = 'churn'")
    with pytest.raises(Tampered, match="document route churn: the row was changed"):
        opened.documents("route")
