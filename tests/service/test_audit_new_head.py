"""A journal whose head and key are gone does not pass an audit until somebody renews them, knowingly and on record."""

import json
import sqlite3
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from headgate.cli import audit, backup
from headgate.cli.output import open_project
from headgate.journal.event import NewEvent


@pytest.fixture
def state(small_project: Path) -> Path:
    """Return a state folder whose journal lost its end, its head and the head's key."""
    store = open_project(small_project).journal()
    store.append("model/other", 0, [NewEvent("a.b", "person:ada", "", {}) for _ in range(4)])
    state = small_project / ".headgate"
    with sqlite3.connect(state / "headgate.db") as connection:
        connection.execute("DELETE FROM events WHERE position > 2")
    connection.close()
    for path in (state / "head.json", state / "keys" / "head.pem"):
        path.unlink()
    return state


def run(state: Path, *words: str) -> Result:
    app = typer.Typer()
    for noun in (audit, backup):
        noun.attach(app)
    return CliRunner().invoke(app, [*words, "-C", str(state.parent)])


def test_neither_audit_nor_doctor_makes_a_head_and_both_say_the_way_out(state: Path) -> None:
    for _ in range(2):
        done = run(state, "audit")
        assert (done.exit_code, "there is no signed head" in done.stdout) == (1, True), done.output
        assert "headgate audit --new-head --because" in done.stdout
        looked = run(state, "doctor")
        assert (looked.exit_code, "there is no signed head" in " ".join(looked.stdout.split())) == (1, True)
    assert not (state / "head.json").exists()
    assert not (state / "keys" / "head.pem").exists()


def test_a_new_head_needs_a_reason_and_every_audit_shows_it(state: Path) -> None:
    refused = run(state, "audit", "--new-head", "--because", " ")
    assert (refused.exit_code, "a new head needs a reason" in refused.stderr) == (4, True)
    assert not (state / "head.json").exists()
    renewed = run(state, "audit", "--new-head", "--because", "the disk died", "--as", "ada", "--json")
    assert renewed.exit_code == 0, renewed.output
    for _ in range(2):
        notes = json.loads(run(state, "audit", "--json").stdout)["notes"]
        assert "event 3: person:ada started a new signed head after event 2: the disk died" in notes
