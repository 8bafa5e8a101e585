"""Answers under idempotency keys outlive the process, are bounded, and a dead process's request may come again."""

from pathlib import Path

import pytest

from headgate.adapters.answers import store
from headgate.adapters.answers.store import KEEP_SECONDS, SqliteAnswers
from headgate.base.errors import Unavailable


def test_an_answer_is_there_for_the_next_process_for_a_day(tmp_path: Path) -> None:
    one, two = SqliteAnswers(tmp_path / "a.db", "one"), SqliteAnswers(tmp_path / "a.db", "two")
    assert one.begin("k", "asked", 0.0) is None
    one.keep("k", 200, {"x": 1})
    assert two.begin("k", "another", KEEP_SECONDS) == ("asked", 200, {"x": 1})
    assert two.begin("k", "another", KEEP_SECONDS + 1) is None


def test_a_key_is_held_while_its_request_is_under_way_and_no_longer(tmp_path: Path) -> None:
    one, two = SqliteAnswers(tmp_path / "a.db", "one"), SqliteAnswers(tmp_path / "a.db", "two")
    assert one.begin("k", "asked", 0.0) is None
    assert one.begin("k", "asked", 0.0) == ("asked", None, {})
    assert two.begin("k", "asked", 0.0) is None  # there is one API at a time: the other is gone
    two.drop("k")
    assert one.begin("k", "asked", 0.0) is None
    one.keep("k", 409, {})
    one.drop("k")
    assert one.begin("k", "asked", 0.0) == ("asked", 409, {})


def test_there_are_so_many_at_most_and_the_oldest_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST", 3)
    answers = SqliteAnswers(tmp_path / "a.db", "one")
    for number in range(5):
        assert answers.begin(f"k{number}", "asked", float(number)) is None
        answers.keep(f"k{number}", 200, {})
    assert answers.begin("k4", "asked", 9.0) is not None
    assert answers.begin("k0", "asked", 9.0) is None


def test_a_file_that_cannot_be_used_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(Unavailable, match="answers cannot be kept"):
        SqliteAnswers(tmp_path / "a.db", "one").begin("k", "asked", 0.0)
