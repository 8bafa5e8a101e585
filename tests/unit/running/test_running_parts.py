"""What `headgate up` decides: ports, locks, logs, what is wrong, and what the controller says of its passes."""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from headgate.base.errors import Refused, Tampered, Unavailable
from headgate.running.addresses import Place, claim, twice
from headgate.running.controller import EVERY, Controller
from headgate.running.lock import alone, holder, path_of
from headgate.running.logs import Echo, RotatingLog, loud
from headgate.running.part import Record, Standing
from headgate.running.standing import controller_of, record_of, running, write, wrong_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
GATEWAY = Place("gateway", "--port", "127.0.0.1", 8080)
API = Place("api", "--api-port", "127.0.0.1", 8081)
MLFLOW = Place("mlflow", "--tracking-port", "127.0.0.1", 5000)


class Plug:
    """A socket, as far as its name goes."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.closed = False

    def getsockname(self) -> tuple[str, int]:
        return ("127.0.0.1", self.port)

    def close(self) -> None:
        self.closed = True


class Machine:
    """Ports, some of which are taken."""

    def __init__(self, *taken: int) -> None:
        self.taken = taken
        self.plugs: list[Plug] = []

    def listen(self, host: str, port: int) -> Any:
        if port in self.taken:
            raise Unavailable("cannot listen: Address already in use", where=f"{host}:{port}")
        self.plugs.append(Plug(port or 40_000 + len(self.plugs)))
        return [self.plugs[-1]]


def test_ports_that_are_free_are_claimed_and_let_go_for_the_parts() -> None:
    machine = Machine()
    assert claim([GATEWAY, replace(API, port=0), replace(MLFLOW, port=0)], machine.listen) == {
        "gateway": 8080,
        "api": 40_001,
        "mlflow": 40_002,
    }
    assert all(plug.closed for plug in machine.plugs)


def test_every_port_that_is_taken_is_told_with_its_option_and_nothing_is_kept() -> None:
    machine = Machine(8080, 5000)
    with pytest.raises(Unavailable) as told:
        claim([GATEWAY, API, MLFLOW], machine.listen)
    assert "gateway: port 8080 on 127.0.0.1" in told.value.what
    assert "mlflow: port 5000" in told.value.what
    assert "api" not in told.value.what
    assert "--port PORT, --tracking-port PORT (0: any free one)" in told.value.way_out
    assert all(plug.closed for plug in machine.plugs)


def test_one_port_for_two_parts_is_refused_and_0_is_no_port() -> None:
    assert twice([GATEWAY, replace(API, port=8080)]) == {"api": "port 8080 is the gateway's as well"}
    assert twice([replace(GATEWAY, port=0), replace(API, port=0)]) == {}
    with pytest.raises(Unavailable, match="port 8080 is the gateway's as well"):
        claim([GATEWAY, replace(API, port=8080)], Machine().listen)


def test_a_lock_is_one_process_s_and_a_number_left_behind_means_nothing(tmp_path: Path) -> None:
    assert holder(tmp_path) is None
    with alone(tmp_path):
        assert holder(tmp_path) == os.getpid()
        with pytest.raises(Refused, match=f"already, as process {os.getpid()}\n"), alone(tmp_path, tries=1):
            pytest.fail("it was given twice")
    assert path_of(tmp_path).read_text() == f"{os.getpid()}\n"
    assert holder(tmp_path) is None
    with alone(tmp_path):
        assert holder(tmp_path) == os.getpid()


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-21 07:00:00 ERROR the database is away",
        "Traceback (most recent call last):",
        "headgate: journal: the journal does not hold",
        "sqlite3.OperationalError: disk is full",
        "ValueError: no",
    ],
)
def test_what_is_wrong_reaches_the_terminal(line: str) -> None:
    assert loud(line)


@pytest.mark.parametrize("line", ["2026-11-21 INFO 0 errors", "GET /error 200", "headgate serves on http://x"])
def test_what_is_not_stays_in_the_log(line: str) -> None:
    assert not loud(line)


def test_a_flood_is_cut_and_said_to_be_cut_once() -> None:
    echo = Echo(most=2, span=10)
    assert [echo.lets(0), echo.lets(1), echo.lets(2), echo.lets(3)] == [True, True, None, False]
    assert [echo.lets(10), echo.lets(10.5), echo.lets(11), echo.lets(12)] == [True, None, True, None]


def test_a_log_is_bounded_and_keeps_the_latest(tmp_path: Path) -> None:
    log = RotatingLog(tmp_path / "logs" / "a.log", most=30, keep=2)
    for number in range(20):
        log.write(f"line {number:03}\n".encode())
    log.close()
    files = sorted((tmp_path / "logs").iterdir())
    assert [path.name for path in files] == ["a.log", "a.log.1", "a.log.2"]
    assert all(path.stat().st_size <= 30 for path in files)
    assert files[0].read_text().endswith("line 019\n")
    again = RotatingLog(tmp_path / "logs" / "a.log", most=30, keep=2)
    again.write(b"x" * 100)
    again.close()
    assert files[1].read_text().endswith("line 019\n")


def test_a_log_that_somebody_else_moved_or_deleted_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "a.log"
    log = RotatingLog(path, most=30, keep=2)
    log.write(b"one " * 6)
    path.rename(tmp_path / "a.log.old")
    log.write(b"two " * 6)
    assert path.read_bytes() == b"two " * 6
    shutil.rmtree(path.parent)
    log.write(b"three " * 5)
    assert path.read_bytes() == b"three " * 5
    log.close()


def test_a_log_that_could_not_be_turned_is_written_again_once_it_can_be(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "a.log"
    log = RotatingLog(path, most=30, keep=2)
    log.write(b"one " * 6)
    blocking = path.with_name("a.log.1")
    (blocking / "x").mkdir(parents=True)
    path.with_name("a.log.2").touch()
    for _ in range(2):
        with pytest.raises(OSError, match=r"a\.log"):
            log.write(b"two " * 6)
    shutil.rmtree(blocking)
    log.write(b"two " * 6)
    log.close()
    assert path.read_bytes() == b"two " * 6


def test_what_is_wrong_with_parts_is_said_with_where_to_look() -> None:
    good = Standing("gateway", "ready", pid=1, admin="http://x", since="2026-03-01T11:30:00+00:00")
    once = replace(good, name="api", restarts=1, quick=1, why="ended with -9")
    long_ago = replace(once, since="2026-03-01T10:59:00+00:00")
    down = Standing("mlflow", "down", restarts=1, quick=1, why="ended with 1")
    flapping = Standing("controller", "starting", pid=7, restarts=5, quick=5, why="ended with 70")
    found = wrong_of([good, once, long_ago, down, flapping], {}, {}, NOON)
    assert found == [
        "api was started again 1 times (it ended with -9): see .headgate/logs/api.log",
        "mlflow is down (it ended with 1): see .headgate/logs/mlflow.log",
        "controller keeps restarting (5 times; it ended with 70): see .headgate/logs/controller.log",
    ]


def test_notes_of_the_gateway_and_troubles_of_a_living_controller_are_wrong_too() -> None:
    parts = [Standing("gateway", "ready", pid=1), Standing("controller", "ready", pid=2)]
    health = {"notes": ["shadow a of churn: quarantined"], "workers": [{"post": 0, "restarts": 2}, {"post": 1}]}
    assert wrong_of(parts, health, {"pid": 2, "trouble": ["the database is away"]}, NOON) == [
        "gateway: shadow a of churn: quarantined",
        "gateway: worker 0 was started again 2 times",
        "controller: the database is away",
    ]
    assert wrong_of(parts, {}, {"pid": 99, "trouble": ["of an earlier controller"]}, NOON) == []


def test_what_lives_and_does_nothing_is_wrong_too() -> None:
    parts = [
        Standing("gateway", "starting", pid=1, since="2026-03-01T11:54:00+00:00"),
        Standing("api", "starting", pid=3, since="2026-03-01T11:56:00+00:00"),
        Standing("controller", "ready", pid=2),
    ]
    passed = {"releases": "2026-03-01T11:54:00+00:00", "upkeep": "2026-03-01T11:00:00+00:00"}
    found = wrong_of(parts, {}, {"pid": 2, "passed": passed}, NOON)
    assert found == [
        "gateway starts since 2026-03-01 11:54 UTC, and is not ready: see .headgate/logs/gateway.log",
        (
            "controller: nothing was heard of its releases since 2026-03-01 11:54 UTC: see "
            ".headgate/logs/controller.log; `headgate up` starts it again when it is killed"
        ),
    ]
    passed = {"releases": "2026-03-01T11:59:50+00:00", "upkeep": "2026-03-01T09:59:00+00:00"}
    assert "its upkeep since 2026-03-01 09:59" in wrong_of(parts[2:], {}, {"pid": 2, "passed": passed}, NOON)[0]


def test_a_record_counts_only_while_its_supervisor_lives(tmp_path: Path) -> None:
    nothing: dict[str, Any] = {"up": None, "since": None, "parts": [], "wrong": []}
    assert running(tmp_path, NOON) == nothing
    record = Record(4242, "2026-03-01", (Standing("controller", "ready", pid=7),))
    write(tmp_path, record)
    controller_of(tmp_path).write_text(json.dumps({"pid": 7, "trouble": ["slow"]}))
    with alone(tmp_path):
        found = running(tmp_path, NOON)
        assert (found["up"], found["parts"][0]["state"], found["wrong"]) == (4242, "ready", ["controller: slow"])
    assert running(tmp_path, NOON)["wrong"] == ["`headgate up` (process 4242) was killed; start it again"]
    write(tmp_path, replace(record, ended=True))
    assert running(tmp_path, NOON) == nothing
    record_of(tmp_path).write_text('{"pid": 1}')
    assert running(tmp_path, NOON) == nothing


@dataclass
class Done:
    """What a pass came to."""

    done: tuple[str, ...] = ()
    trouble: tuple[str, ...] = ()


def control(passes: Sequence[Done | Exception]) -> tuple[list[str], list[str], list[tuple[int, Sequence[str]]]]:
    """Run these passes; return what was said, warned of and reported."""
    said, warned, reported, left = list[str](), list[str](), list[tuple[int, Sequence[str]]](), list(passes)

    def one() -> Done:
        found = left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    controller = Controller(one, said.append, warned.append, lambda number, lines: reported.append((number, lines)))
    controller.run(lambda: not left)
    return said, warned, reported


def test_a_trouble_is_said_once_until_it_is_over() -> None:
    away = Done(trouble=("the registry is away",))
    said, warned, reported = control([Done(("alias set",)), away, away, Done()])
    assert warned == ["the registry is away"]
    assert said == ["alias set", "no longer: the registry is away"]
    assert reported == [(1, ()), (2, ("the registry is away",)), (4, ())]


def test_a_pass_that_fails_ends_nothing() -> None:
    broken = Tampered("it does not hold", where="journal", way_out="audit")
    said, warned, reported = control([broken, broken, Done(("went on",))])
    assert warned == ["journal: it does not hold;  way out: audit"]
    assert said[0] == "went on"
    assert [number for number, _ in reported] == [1, 3]


def test_it_says_now_and_then_that_it_lives() -> None:
    assert [number for number, _ in control([Done()] * (2 * EVERY))[2]] == [1, EVERY, 2 * EVERY]


def test_a_fault_of_our_own_in_a_pass_is_said_with_its_place_and_ends_nothing() -> None:
    said, warned, reported = control([KeyError("until"), KeyError("until"), Done(("went on",))])
    (line,) = warned
    assert line.startswith("a fault of Headgate: KeyError: 'until' (")
    assert "test_running_parts.py:" in line
    assert said == ["went on", f"no longer: {line}"]
    assert [number for number, _ in reported] == [1, 3]


def test_a_disk_that_is_full_ends_no_controller() -> None:
    said, warned = list[str](), list[str]()

    def full(_number: int, _trouble: Sequence[str]) -> None:
        raise Unavailable("cannot write: No space left on device", where="controller.json")

    left = [Done(("one",)), Done(("two",))]
    Controller(lambda: left.pop(0), said.append, warned.append, full).run(lambda: not left)
    assert said == ["one", "two"]
    assert warned == ["how the passes go cannot be written: cannot write: No space left on device"]
