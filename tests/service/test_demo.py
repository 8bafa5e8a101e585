"""The demo runs, its ledger stands an audit, what is changed in it is found, and its champion can be made again."""

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the demo; return the project folder that it made."""
    folder = tmp_path_factory.mktemp("demo") / "flights"
    command = [sys.executable, str(TOP / "examples" / "flights" / "demo.py"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for shown in ("refused: this ballot would not count", "27,902 by version 1", "ROC AUC", "headgate reproduce 1"):
        assert shown in done.stdout
    return folder


@pytest.fixture
def journal(demo: Path, tmp_path: Path) -> Path:
    """Return the database of a copy of the demo's project."""
    shutil.copytree(demo, tmp_path / "copy")
    return tmp_path / "copy" / ".headgate" / "headgate.db"


def headgate(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "headgate.cli.main", *words, "-C", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def change(database: Path, statement: str, *values: object) -> None:
    with sqlite3.connect(database) as connection:
        assert connection.execute(statement, values).rowcount > 0
    connection.close()


def test_its_ledger_stands_an_audit(demo: Path) -> None:
    done = headgate(demo, "audit")
    assert done.returncode == 0, done.stdout
    assert "the journal holds" in done.stdout


def test_one_byte_of_one_row_is_found(journal: Path) -> None:
    change(journal, "UPDATE events SET reason = 'First version' WHERE kind = 'pointer.moved'")
    done = headgate(journal.parents[1], "audit")
    assert done.returncode == 1
    assert "event 8 (chain): edited" in done.stdout


def test_rows_cut_off_at_the_end_are_found(journal: Path) -> None:
    change(journal, "DELETE FROM events WHERE position > 7")
    done = headgate(journal.parents[1], "audit")
    assert done.returncode == 1
    assert "truncated: the signed head says that 9 events were recorded; 8 to 9 gone" in done.stdout


def test_its_champion_can_be_made_again(demo: Path) -> None:
    done = headgate(demo, "reproduce", "1", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = {entry["what"]: entry for entry in json.loads(done.stdout)["compared"]}
    assert all(entry["same"] for entry in found.values())
    assert "equal to 1e-09" in found["metrics"]["why"]
    assert "12,488 rows identical" in found["predictions"]["why"]
