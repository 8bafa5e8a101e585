"""The demo runs, two versions share March, its ledger stands an audit, and its champion can be made again."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Run the demo; return the project folder that it made, and what it printed."""
    folder = tmp_path_factory.mktemp("demo") / "flights"
    command = [sys.executable, str(TOP / "examples" / "flights" / "demo.py"), str(folder)]
    wide = {**os.environ, "COLUMNS": "160"}  # a row of a table is one line
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=wide)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


@pytest.fixture(scope="module")
def demo(told: tuple[Path, str]) -> Path:
    return told[0]


def row_of(shown: str, name: str) -> list[str]:
    """Return the cells of a row of a printed table."""
    (found,) = [line for line in shown.splitlines() if line.startswith(f"│ {name} ")]
    return [cell.strip() for cell in found.strip("│").split("│")][1:]


def numbers(cells: list[str]) -> list[int]:
    return [int(cell.split()[0].replace(",", "")) for cell in cells]


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


def test_it_tells_how_the_version_came_to_serve_and_how_good_its_answers_were(told: tuple[Path, str]) -> None:
    for shown in ("refused: this ballot would not count", "27,902 by versions 1 and 2", "headgate reproduce 1"):
        assert shown in told[1]
    assert float(row_of(told[1], "log loss")[0]) < 0.49
    assert all(float(auc.split()[0]) > 0.7 for auc in re.findall(r"ROC AUC\s+│ (.*)", told[1]))


def test_two_arms_got_the_shares_that_were_asked_for_and_the_log_holds_every_request(told: tuple[Path, str]) -> None:
    shown = told[1]
    assert row_of(shown, "version") == ["1", "2"]
    assert row_of(shown, "share asked for") == ["80.00%", "20.00%"]
    assert all("holds it" in cell and "not" not in cell for cell in row_of(shown, "95 % interval of it"))
    sent = numbers(row_of(shown, "requests sent"))
    assert sum(sent) == 27_902 + 2_000
    assert numbers(row_of(shown, "in the prediction log")) == sent
    assert sum(numbers(row_of(shown, "of them with an outcome"))) == 27_902
    assert row_of(shown, "flights that changed arms")[0] == "0 of the 2,000 sent again"
    for cell in row_of(shown, "P50 / P95 / P99, one by one"):
        p50, p95, p99 = (float(part) for part in cell.removesuffix(" ms").split(" / "))
        assert 0 < p50 <= p95 <= p99


def moved(database: Path) -> tuple[int, int]:
    """Return the position of the pointer's move, and that of the journal's end."""
    with sqlite3.connect(database) as connection:
        (first,), (last,) = connection.execute(
            "SELECT min(position) FROM events WHERE kind = 'pointer.moved' UNION ALL SELECT max(position) FROM events"
        )
    connection.close()
    return int(first), int(last)


def test_its_ledger_stands_an_audit(demo: Path) -> None:
    done = headgate(demo, "audit")
    assert done.returncode == 0, done.stdout
    assert "the journal holds" in done.stdout


def test_one_byte_of_one_row_is_found(journal: Path) -> None:
    at, _ = moved(journal)
    change(journal, "UPDATE events SET reason = 'First version' WHERE kind = 'pointer.moved'")
    done = headgate(journal.parents[1], "audit")
    assert done.returncode == 1
    assert f"event {at} (chain): edited" in done.stdout


def test_rows_cut_off_at_the_end_are_found(journal: Path) -> None:
    at, end = moved(journal)
    change(journal, "DELETE FROM events WHERE position >= ?", at)
    done = headgate(journal.parents[1], "audit")
    assert done.returncode == 1
    said = f"truncated: the signed head says that {end} events were recorded; {at} to {end} gone"
    assert said in done.stdout


def test_its_champion_can_be_made_again(demo: Path) -> None:
    done = headgate(demo, "reproduce", "1", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = {entry["what"]: entry for entry in json.loads(done.stdout)["compared"]}
    assert all(entry["same"] for entry in found.values())
    assert "equal to 1e-09" in found["metrics"]["why"]
    assert "12,488 rows identical" in found["predictions"]["why"]
