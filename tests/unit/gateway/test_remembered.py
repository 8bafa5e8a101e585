"""What was read last is kept on disk, for a worker that starts while the database is away."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from headgate.gateway.remembered import Remembered
from headgate.journal.ports import Document

DOCUMENTS = (Document("route", "m", 3, {"model": "m", "arms": [{"weight": 1.0}]}),)
NOW = 1_000_000.0


class Database:
    """May be away."""

    def __init__(self) -> None:
        self.documents: Sequence[Document] = DOCUMENTS
        self.away = False

    def __call__(self) -> Sequence[Document]:
        if self.away:
            raise ConnectionError("the database is gone")
        return self.documents


def test_another_worker_finds_what_one_has_read(tmp_path: Path) -> None:
    path, database = tmp_path / "gateway" / "last.json", Database()
    assert Remembered(database, path, lambda: NOW).last() is None
    assert Remembered(database, path, lambda: NOW)() == DOCUMENTS
    database.away = True
    late = Remembered(database, path, lambda: NOW + 10)
    with pytest.raises(ConnectionError):
        late()
    assert late.last() == late.or_last() == DOCUMENTS
    assert path.stat().st_mode & 0o077 == 0, "only this user may read it"


def test_what_stands_on_disk_never_takes_the_place_of_what_this_worker_has_read(tmp_path: Path) -> None:
    path, database = tmp_path / "last.json", Database()
    one, other = Remembered(database, path, lambda: NOW), Remembered(database, path, lambda: NOW)
    one()
    database.documents = ()
    other()
    database.away = True
    assert one.last() == ()
    with pytest.raises(ConnectionError):
        one.or_last()


def test_what_nobody_confirmed_for_long_is_not_used_where_that_matters(tmp_path: Path) -> None:
    path, database, now = tmp_path / "last.json", Database(), [NOW]
    kept = Remembered(database, path, lambda: now[0], fresh=100.0)
    kept()
    now[0] += 90
    kept()  # nothing has changed, and that is confirmed
    now[0] += 90
    assert kept.last() == DOCUMENTS
    now[0] += 90
    assert kept.last() is None
    assert Remembered(database, path, lambda: now[0]).last() == DOCUMENTS


@pytest.mark.parametrize("text", ["", "[", '[{"key": 1}]', '{"a": 1}', "7"])
def test_a_file_that_cannot_be_read_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "last.json").write_text(text)
    assert Remembered(Database(), tmp_path / "last.json", lambda: NOW).last() is None


def test_a_disk_that_takes_nothing_stops_no_reading(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    assert Remembered(Database(), tmp_path / "file" / "last.json", lambda: NOW)() == DOCUMENTS
    assert "cannot be kept on disk" in caplog.text
