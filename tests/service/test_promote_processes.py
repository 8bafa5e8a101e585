"""Promotion on a real journal: two processes at once, a process killed at the worst moment, a byte changed on disk."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from headgate.adapters.head.keeper import HeadKeeper
from headgate.adapters.sql.store import SqlEventStore
from headgate.loop.inspect import inspect
from headgate.loop.steps import tick
from headgate.testing.clock import FakeClock
from headgate.testing.supply import MODEL, Supply, again
from headgate.testing.waiting import LONGEST


def open_store(folder: Path) -> SqlEventStore:
    return SqlEventStore(
        f"sqlite:///{folder / 'journal.db'}", FakeClock(), HeadKeeper(folder / "head.json", folder / "head.pem")
    )


@pytest.fixture
def supply(tmp_path: Path) -> Supply:
    supply = Supply(tmp_path, store=open_store(tmp_path))
    supply.keeps_bundles = True
    return supply


def child(supply: Supply, code: str, *arguments: str) -> "subprocess.Popen[str]":
    """Start a process that sees the same journal and bundles, and a registry that does not answer."""
    preamble = f"""
import os, sys, time
from pathlib import Path
from headgate.adapters.head.keeper import HeadKeeper
from headgate.adapters.sql.store import SqlEventStore
from headgate.base.errors import HeadgateError
from headgate.release import steps
from headgate.testing.clock import FakeClock
from headgate.testing.supply import MODEL, Supply
folder = Path({str(supply.folder)!r})
keeper = HeadKeeper(folder / "head.json", folder / "head.pem")
supply = Supply(folder, store=SqlEventStore(f"sqlite:///{{folder / 'journal.db'}}", FakeClock(), keeper))
supply.registry.reachable = False
"""
    return subprocess.Popen(
        [sys.executable, "-c", preamble + code, *arguments], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )


RACE = """
real = steps.record_move
def record_move(*args, **kwargs):
    (folder / f"decided-{sys.argv[1]}").touch()
    while len(list(folder.glob("decided-*"))) < 2:
        time.sleep(0.01)
    return real(*args, **kwargs)
steps.record_move = record_move
try:
    steps.promote(supply.desk, MODEL, sys.argv[1], "person:grace", "it is time")
    print("won")
except HeadgateError as error:
    print(type(error).__name__, error.what)
"""

KILLED = """
real = steps.record_move
def record_move(*args, **kwargs):
    real(*args, **kwargs)
    os.kill(os.getpid(), 9)
steps.record_move = record_move
steps.promote(supply.desk, MODEL, sys.argv[1], "person:grace", "it is time")
"""


def test_of_two_processes_that_promote_at_once_one_wins(supply: Supply) -> None:
    first, second = supply.ready(), supply.ready()
    children = [child(supply, RACE, version.number) for version in (first, second)]
    said = sorted(process.communicate(timeout=LONGEST)[0].strip() for process in children)
    assert said[1] == "won"
    assert said[0].startswith("Conflict somebody else moved the pointer first: it is now at version")
    (move,) = supply.ledger.moves
    assert (supply.route.champion.version, supply.route.revision) == (move.version, 1)


def test_killed_between_journal_and_alias_the_next_tick_finishes(supply: Supply) -> None:
    version = supply.ready()
    process = child(supply, KILLED, version.number)
    process.communicate(timeout=LONGEST)
    assert process.returncode == -9
    assert supply.route.champion.version == "1"
    assert supply.registry.alias(MODEL, "champion") is None
    done = tick(supply.desk, {})
    assert supply.registry.alias(MODEL, "champion") == "1"
    assert not done.trouble
    assert inspect(supply.store, supply.registry, (MODEL,)).findings == ()


def test_one_byte_of_one_row_is_found_and_named(supply: Supply) -> None:
    supply.promote(supply.ready())
    with sqlite3.connect(supply.folder / "journal.db") as connection:
        connection.execute("UPDATE events SET body = replace(body, 'hold', 'hald') WHERE kind = 'ballot.cast'")
    changed = min(event.position for event in supply.store.read() if event.kind == "ballot.cast" and event.sequence > 3)
    report = inspect(again(supply, open_store(supply.folder)).store, supply.registry, (MODEL,))
    assert report.findings[0].position == changed
    assert "edited" in report.findings[0].what


def test_rows_cut_from_the_end_are_found_and_named(supply: Supply) -> None:
    supply.promote(supply.ready())
    last = supply.store.last()
    assert last is not None
    with sqlite3.connect(supply.folder / "journal.db") as connection:
        connection.execute("DELETE FROM events WHERE position > ?", (last.position - 2,))
    report = inspect(open_store(supply.folder), supply.registry, (MODEL,))
    assert report.findings[0].position == last.position - 1
    assert "truncated" in report.findings[0].what
