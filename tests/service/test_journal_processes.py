"""Several processes write one journal at once; some are killed; two start on nothing."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import PIPE

import pytest

from headgate.adapters.head.keeper import HeadKeeper
from headgate.adapters.sql.store import SqlEventStore
from headgate.base.clock import SystemClock
from headgate.base.errors import Unavailable
from headgate.journal.chain import verify_chain
from headgate.journal.event import NewEvent
from headgate.journal.head import EMPTY, Head
from headgate.testing.postgres import fresh_database
from headgate.testing.waiting import LONGEST
from headgate.testing.writer import open_store

WRITERS, EACH = 4, 25


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/state/journal.db"
    else:
        with fresh_database() as fresh:
            yield fresh


def start(url: str, folder: Path, stream: str, count: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "headgate.testing.writer", url, str(folder), stream, str(count)]
    return subprocess.Popen(command, stdout=PIPE, stderr=PIPE, text=True)


def accepted(lines: list[str]) -> dict[int, str]:
    return {int(position): digest for position, digest in (line.split()[1:] for line in lines if line[:1] == "+")}


def test_four_writers_at_once_on_an_empty_journal(url: str, tmp_path: Path) -> None:
    """Two write streams of their own, two fight over one; all four find no tables and no key when they start."""
    streams = ["model/a", "model/b", "model/shared", "model/shared"]
    writers = [start(url, tmp_path / "state", stream, EACH) for stream in streams]
    outcomes = [writer.communicate(timeout=LONGEST) for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * WRITERS, [error for _, error in outcomes]
    lines = [line for out, _ in outcomes for line in out.splitlines()]

    store = open_store(url, tmp_path / "state")
    head, events = store.head(), list(store.read())
    assert [event.position for event in events] == list(range(1, WRITERS * EACH + 1))
    assert {event.position: event.hash for event in events} == accepted(lines)
    assert sum(line[:1] == "+" for line in lines) == WRITERS * EACH  # none was told a position twice
    assert "!" in lines  # the two on one stream met, and the later one was refused
    assert verify_chain(events, head) is None
    assert head.position == WRITERS * EACH
    store.close()


def test_a_writer_killed_in_the_middle_leaves_a_whole_chain(url: str, tmp_path: Path) -> None:
    """Killed by kill -9, three times; what was told as recorded is there, and the next writer goes on."""
    told: dict[int, str] = {}
    for round_ in range(3):
        writer = start(url, tmp_path / "state", f"model/{round_}", 10_000)
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(10 + 7 * round_)]
        writer.send_signal(signal.SIGKILL)
        rest, error = writer.communicate(timeout=LONGEST)
        assert writer.returncode == -signal.SIGKILL, error
        complete = [line for line in (rest or "").splitlines(keepends=True) if line.endswith("\n")]
        told |= accepted(lines + complete)
        store = open_store(url, tmp_path / "state")
        found = {event.position: event.hash for event in store.read()}
        assert told.items() <= found.items()
        assert verify_chain(store.read(), store.head()) is None
        recorded = store.append("project", round_, [NewEvent("a.b", "person:ada", "still works", {})])
        assert store.head().position == recorded[0].position  # the head caught up
        store.close()


def test_a_crash_between_commit_and_head_leaves_a_head_that_lags_and_catches_up(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/journal.db", tmp_path)
    event = NewEvent("a.b", "person:ada", "", {})
    store.append("project", 0, [event])
    before = (tmp_path / "journal.head").read_bytes()
    store.append("project", 1, [event, event])
    (tmp_path / "journal.head").write_bytes(before)  # as if the writer had died after its commit
    assert (store.head().position, verify_chain(store.read(), store.head())) == (1, None)
    store.append("project", 3, [event])
    assert store.head().position == 4
    store.close()


def test_a_head_that_cannot_be_moved_is_told_and_the_event_stands(tmp_path: Path) -> None:
    class FullDisk(HeadKeeper):
        def advance(self, head: Head) -> None:
            assert head.position == 1
            raise Unavailable("cannot write: No space left on device", where=str(self.path), way_out="free disk space")

    event = NewEvent("a.b", "person:ada", "", {})
    url = f"sqlite:///{tmp_path}/journal.db"
    full = SqlEventStore(url, SystemClock(), FullDisk(tmp_path / "journal.head", tmp_path / "journal.key"))
    with pytest.raises(Unavailable, match="event 1 is recorded, but the signed head could not be moved") as caught:
        full.append("project", 0, [event])
    assert caught.value.way_out == "do not repeat the command; free disk space"
    full.close()
    store = open_store(url, tmp_path)
    assert [found.position for found in store.read()] == [1]
    store.append("project", 1, [event])
    assert store.head().position == 2
    store.close()


def test_many_who_make_the_key_at_once_agree_on_one(tmp_path: Path) -> None:
    keepers = [HeadKeeper(tmp_path / "journal.head", tmp_path / "journal.key") for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda keeper: keeper.begin(), keepers))
        assert set(pool.map(lambda keeper: keeper.read(), keepers)) == {EMPTY}
        list(pool.map(lambda step: keepers[step].advance(Head(step + 1, f"hash {step + 1}")), range(16)))
    assert HeadKeeper(tmp_path / "journal.head", tmp_path / "journal.key").read() == Head(16, "hash 16")


def test_a_crash_while_the_key_is_made_is_made_good(tmp_path: Path) -> None:
    """Killed after the key was written and before its head was: nothing is recorded yet, so the next one goes on."""
    store = open_store(f"sqlite:///{tmp_path}/journal.db", tmp_path)
    HeadKeeper(tmp_path / "journal.head", tmp_path / "journal.key").begin()
    key = (tmp_path / "journal.key").read_bytes()
    (tmp_path / "journal.head").unlink()
    assert store.head() == EMPTY
    store.append("project", 0, [NewEvent("a.b", "person:ada", "", {})])
    assert (store.head().position, (tmp_path / "journal.key").read_bytes()) == (1, key)
    store.close()


def test_a_crash_right_after_the_first_commit_leaves_a_head_that_catches_up(tmp_path: Path) -> None:
    """The head of the empty journal is there before the first event is."""
    HeadKeeper(tmp_path / "journal.head", tmp_path / "journal.key").begin()
    empty = (tmp_path / "journal.head").read_bytes()
    store = open_store(f"sqlite:///{tmp_path}/journal.db", tmp_path)
    store.append("project", 0, [NewEvent("a.b", "person:ada", "", {})])
    (tmp_path / "journal.head").write_bytes(empty)
    assert (store.head(), verify_chain(store.read(), store.head())) == (EMPTY, None)
    store.append("project", 1, [NewEvent("a.b", "person:ada", "", {})])
    assert store.head().position == 2
    store.close()
