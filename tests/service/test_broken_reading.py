"""Commands that read a journal which was cut or edited say so, loudly; none is calm."""

import json
import sqlite3
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from headgate.cli import at, status, tick
from headgate.cli.output import open_project
from headgate.journal.event import NewEvent

CUT = "DELETE FROM events WHERE position > 2"
EMPTY = "DELETE FROM events"
EDITED = "UPDATE events SET reason = 'other' WHERE position = 2"


@pytest.fixture
def project(small_project: Path) -> Path:
    store = open_project(small_project).journal()
    store.append("model/other", 0, [NewEvent("a.b", "person:ada", "why", {}) for _ in range(4)])
    return small_project


def change(project: Path, statement: str) -> None:
    with sqlite3.connect(project / ".headgate" / "headgate.db") as connection:
        connection.execute(statement)
    connection.close()


def run(project: Path, *words: str) -> Result:
    app = typer.Typer()
    for noun in (at, status, tick):
        noun.attach(app)
    return CliRunner().invoke(app, [*words, "-C", str(project)])


@pytest.mark.parametrize("statement", [CUT, EMPTY, EDITED])
def test_status_says_it_of_every_model_and_ends_with_7(project: Path, statement: str) -> None:
    assert run(project, "status").exit_code == 0
    change(project, statement)
    shown, told = run(project, "status"), run(project, "status", "--json")
    assert (shown.exit_code, told.exit_code) == (7, 7), shown.output
    assert "the journal does not hold: event " in " ".join(shown.stdout.split())
    assert {one["wrong"][0].split(":")[0] for one in json.loads(told.stdout)["models"]} == {"the journal does not hold"}


@pytest.mark.parametrize("statement", [CUT, EMPTY])
def test_at_says_it_and_tick_does_nothing(project: Path, statement: str) -> None:
    change(project, statement)
    told = run(project, "at", "2026-03-01T12:00Z", "--json")
    assert (told.exit_code, "truncated" in json.loads(told.stdout)["wrong"]) == (7, True)
    assert "the journal does not hold" in run(project, "at", "2026-03-01T12:00Z").stdout
    done = run(project, "tick")
    assert (done.exit_code, "truncated" in done.stderr, "headgate audit" in done.stderr) == (7, True, True)
    assert "leave alias" not in done.stdout


def test_at_says_it_when_an_event_in_the_middle_was_edited(project: Path) -> None:
    change(project, EDITED)
    told = run(project, "at", "2026-03-01T12:00Z", "--json")
    assert (told.exit_code, "event 2 edited" in json.loads(told.stdout)["wrong"]) == (7, True)
