"""`headgate up`: everything starts, what dies is started again, and nothing is left, however it ends."""

import asyncio
import errno
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from headgate.base.clock import SystemClock
from headgate.running.part import Part
from headgate.running.supervisor import Supervisor
from headgate.testing.waiting import LONGEST, wait_for

FREE = ("--port", "0", "--api-port", "0", "--tracking-port", "0", "--admin-port", "0")
PARTS = ("gateway", "controller", "api", "mlflow")


def headgate(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "headgate.cli.main", *words, "-C", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST)


def status(folder: Path) -> dict[str, Any]:
    done = headgate(folder, "status", "--json")
    assert done.returncode == 0, done.stderr
    running: dict[str, Any] = json.loads(done.stdout)["running"]
    return running


def members(groups: set[int]) -> set[int]:
    """Return the processes of these groups that live."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, group = path.read_text().rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state != "Z" and int(group) in groups:
            found.add(int(path.parent.name))
    return found


class House:
    """`headgate up` of a project."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "up.log"
        command = [sys.executable, "-m", "headgate.cli.main", "up", *FREE, "--workers", "2", "-C", str(folder)]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        wait_for(lambda: "all is up" in self.said() or self.process.poll() is not None, "all is up")
        assert self.process.poll() is None, self.said()

    def said(self) -> str:
        return self.log.read_text()

    def parts(self) -> dict[str, dict[str, Any]]:
        record = json.loads((self.folder / ".headgate" / "run" / "up.json").read_text())
        return {part["name"]: part for part in record["parts"]}

    def groups(self) -> set[int]:
        workers = {worker["pid"] for worker in self.workers()}  # each leads a group of its own
        return workers | {part["pid"] for part in self.parts().values() if part["pid"]}

    def workers(self) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self.parts()['gateway']['admin']}/health", timeout=LONGEST) as answer:  # noqa: S310
            found: list[dict[str, Any]] = json.loads(answer.read())["workers"]
        return found

    def address(self, name: str) -> str:
        found = re.search(r"http://[^/, ]+", self.parts()[name]["address"])
        assert found
        return found[0]

    def get(self, name: str, path: str) -> bytes:
        with urllib.request.urlopen(self.address(name) + path, timeout=LONGEST) as answer:  # noqa: S310 - our own address
            return bytes(answer.read())


@pytest.fixture
def house(small_project: Path) -> Iterator[House]:
    one = House(small_project)
    groups = one.groups()
    yield one
    if one.process.poll() is None:
        one.process.kill()
        one.process.wait()
    wait_for(lambda: not members(groups), "nothing is left of the test")


def test_all_is_up_what_dies_is_started_again_and_the_end_leaves_nothing(house: House) -> None:
    assert json.loads(house.get("gateway", "/v2"))["name"] == "headgate"
    assert json.loads(house.get("api", "/v1/status"))["models"][0]["model"] == "churn"
    assert house.get("mlflow", "/health") == b"OK"
    assert len(house.workers()) == 2
    for name in PARTS:
        assert re.search(rf"^  {name} .* ready \(process {house.parts()[name]['pid']}\)$", house.said(), re.MULTILINE)
    found = status(house.folder)
    assert (found["up"], found["wrong"]) == (house.process.pid, [])
    assert {part["name"]: part["state"] for part in found["parts"]} == dict.fromkeys(PARTS, "ready")

    second = headgate(house.folder, "up", *FREE)
    assert second.returncode == 3
    assert f"runs in this project already, as process {house.process.pid}" in second.stderr

    first = house.parts()["api"]["pid"]
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: house.parts()["api"]["restarts"] == 1 and house.parts()["api"]["state"] == "ready", "another API")
    assert house.parts()["api"]["pid"] != first
    assert json.loads(house.get("api", "/v1/models"))["models"][0]["champion"] is None
    assert "api         ended with -9; it is started again" in house.said()
    assert status(house.folder)["wrong"] == [
        "api was started again 1 times (it ended with -9): see .headgate/logs/api.log"
    ]

    groups = house.groups()
    house.process.send_signal(signal.SIGTERM)
    assert house.process.wait(LONGEST) == 0, house.said()
    assert members(groups) == set()
    assert status(house.folder) == {"up": None, "since": None, "parts": [], "wrong": []}
    logs = {path.name for path in (house.folder / ".headgate" / "logs").iterdir()}
    assert logs == {f"{name}.log" for name in PARTS}


def test_when_the_supervisor_is_killed_nothing_outlives_it(house: House) -> None:
    groups = house.groups()
    assert len(members(groups)) > len(groups)  # MLflow's server has a process below it
    house.process.kill()
    house.process.wait()
    wait_for(lambda: not members(groups), "every part is gone")
    assert status(house.folder)["wrong"] == [f"`headgate up` (process {house.process.pid}) was killed; start it again"]


def test_ports_that_are_taken_are_told_before_anything_starts(small_project: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as one, closing(socket.create_server(("127.0.0.1", 0))) as two:
        gateway, api = (str(plug.getsockname()[1]) for plug in (one, two))
        refused = headgate(small_project, "up", *FREE[4:], "--port", gateway, "--api-port", api)
    assert refused.returncode == 5
    assert f"gateway: port {gateway} on 127.0.0.1" in refused.stderr
    assert f"api: port {api} on 127.0.0.1" in refused.stderr
    assert "--port PORT, --api-port PORT (0: any free one)" in refused.stderr
    assert not (small_project / ".headgate" / "logs").exists()


def test_a_terminal_that_was_closed_lets_the_parts_end_in_order(tmp_path: Path) -> None:
    """The signal is SIGHUP, and whatever is said then meets an error."""
    waits = "import signal; signal.signal(15, lambda *_: exit(0)); print('here', flush=True); signal.pause()"
    record = tmp_path / "run" / "up.json"

    def nobody_reads(_line: str) -> None:
        raise OSError(errno.EIO, "Input/output error")

    async def live() -> int:
        part = Part("one", (sys.executable, "-c", waits), says="here")
        running = asyncio.ensure_future(Supervisor([part], tmp_path, SystemClock(), os.getpid(), nobody_reads).run())
        await asyncio.to_thread(wait_for, lambda: record.exists() and '"ready"' in record.read_text(), "it is ready")
        os.kill(os.getpid(), signal.SIGHUP)
        return await running

    assert asyncio.run(live()) == 0
    assert json.loads(record.read_text())["ended"] is True
