"""Two workers under 64 clients while routes change 200 times, one worker is killed and the other told to end."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from headgate.base.clock import SystemClock
from headgate.journal.event import NewEvent
from headgate.journal.ports import Document, EventStore
from headgate.routing.route import COLLECTION, Arm, Route
from headgate.routing.split import Split
from headgate.testing.load import Seen, read, request
from headgate.testing.running import POLICY
from headgate.testing.serving import sum_bundle
from headgate.testing.waiting import LONGEST, wait_for
from headgate.wiring import Project

MODEL, INFER = "simple", "/v2/models/simple/infer"
CLIENTS, TURNS, SHARE = 64, 200, 0.3
KILLED, ENDED = 60, 130  # turns


@dataclass
class Crew:
    """`headgate serve --workers 2` on a project with four versions; version n answers the row's sum plus n."""

    folder: Path
    process: "subprocess.Popen[str]"
    port: int
    admin: str
    journal: EventStore
    arms: dict[str, Arm]
    revision: int = 0

    def route(self, champion: str, challenger: str) -> Route:
        self.revision += 1
        arms = (
            replace(self.arms[champion], weight=1 - SHARE),
            replace(self.arms[challenger], name="challenger", weight=SHARE),
        )
        return set_route(self.journal, Route(MODEL, self.revision, arms, salt="simple/1"))

    def health(self) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self.admin}/health", timeout=LONGEST) as answer:  # noqa: S310 - our own address
            return list(json.loads(answer.read())["workers"])

    def follows(self) -> bool:
        """Say whether whoever answers follows the last route; asked often enough to meet both workers."""
        for _ in range(16):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/v2/health/ready", timeout=LONGEST) as answer:
                    if json.loads(answer.read())["models"][0]["revision"] != self.revision:
                        return False
            except OSError:
                return False
        return True

    def log(self) -> str:
        return (self.folder / "serve.log").read_text()

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(LONGEST)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def set_route(journal: EventStore, wanted: Route) -> Route:
    event = NewEvent("route.set", "person:ada", "a test", wanted.to_json())
    document = Document(COLLECTION, MODEL, wanted.revision, wanted.to_json())
    journal.append(f"model/{MODEL}", wanted.revision - 1, [event], [document])
    return wanted


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Crew]:
    (tmp_path / "headgate.yaml").write_text(POLICY)
    arms = {}
    for version in "1234":
        place = tmp_path / "bundles" / version
        arms[version] = Arm("champion", version, sum_bundle(place, MODEL, float(version)), 1.0, str(place))
    journal = Project.open(tmp_path, SystemClock()).journal()
    set_route(journal, Route(MODEL, 1, (replace(arms["1"], weight=1.0),)))
    words = ["serve", "-C", str(tmp_path), "--port", "0", "--workers", "2", "--admin-port", "0"]
    with (tmp_path / "serve.log").open("w") as log:
        command = [sys.executable, "-m", "headgate.cli.main", *words]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    found = [re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline()) for _ in range(2)]
    assert all(found), (tmp_path / "serve.log").read_text()
    serving, admin = (one[0] for one in found if one)
    one = Crew(tmp_path, process, int(serving.rsplit(":", 1)[1]), admin, journal, arms, revision=1)
    try:
        wait_for(lambda: all(worker["ready"] for worker in one.health()), "both workers are ready")
        yield one
    finally:
        if process.poll() is None:
            process.kill()
            one.end()


@dataclass
class Load:
    """Clients that ask one after the other, connect again when they are hung up on, and ask again what was cut off."""

    port: int
    seen: list[Seen] = field(default_factory=list)
    cut: list[int] = field(default_factory=list)  # own ports of connections that ended with a request under way
    failed: list[BaseException] = field(default_factory=list)
    going: bool = True

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def end(self) -> None:
        self.going = False
        self._thread.join()
        assert not self.failed, self.failed

    def _run(self) -> None:
        try:
            asyncio.run(self._all())
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            self.failed.append(error)

    async def _all(self) -> None:
        await asyncio.gather(*map(self._client, range(CLIENTS)))

    async def _client(self, number: int) -> None:
        tensor = {"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [number, 0.25, 0]}
        unit = {"headgate_unit": f"u{number}"} if number % 2 else {}
        content = request(INFER, json.dumps({"inputs": [tensor]}).encode(), **unit)
        while self.going:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            port = writer.get_extra_info("sockname")[1]
            try:
                while self.going and await self._ask(reader, writer, content):
                    pass
            except (asyncio.IncompleteReadError, ConnectionError):
                self.cut.append(port)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, content: bytes) -> bool:
        """Ask once; say whether the connection goes on."""
        begun = time.monotonic()
        writer.write(content)
        status, headers, body = await read(reader)
        self.seen.append(Seen(begun, time.monotonic() - begun, status, headers, body))
        return headers.get("connection") != "close"


def connected(pid: int, port: int) -> set[int]:
    """Return the far ports of a process' connections on its port: its clients' own."""
    inodes = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            inodes.add(str(entry.readlink()))
    found = set()
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        cells = line.split()
        if int(cells[1].split(":")[1], 16) == port and f"socket:[{cells[9]}]" in inodes:
            found.add(int(cells[2].split(":")[1], 16))
    return found


def version_of(seen: Seen) -> str:
    """Hold an answer to the version that it names; return the version."""
    answer, version = json.loads(seen.body), seen.headers["headgate-version"]
    assert answer["model_version"] == version
    assert answer["outputs"][0]["data"][0] - float(version) - 0.25 in range(CLIENTS)
    return version


def units_arms(answered: list[Seen]) -> tuple[dict[int, set[str]], Counter[str]]:
    """Return the arms that each unit met, and how often each arm was drawn for requests without a unit."""
    units, drawn = dict[int, set[str]](), Counter[str]()
    for one in answered:
        number = round(json.loads(one.body)["outputs"][0]["data"][0] - float(one.headers["headgate-version"]) - 0.25)
        arm = one.headers["headgate-arm"]
        if number % 2:
            units.setdefault(number, set()).add(arm)
        else:
            drawn[arm] += 1
    return units, drawn


def test_200_routes_a_kill_and_an_end_lose_no_request_but_those_in_flight_on_the_killed_worker(crew: Crew) -> None:
    wanted = crew.route("1", "2")
    wait_for(crew.follows, "both workers follow")
    load = Load(crew.port)
    load.start()
    first, second = (worker["pid"] for worker in crew.health())
    owned: set[int] = set()
    for turn in range(TURNS):
        if turn == KILLED:
            owned = connected(first, crew.port)
            os.kill(first, signal.SIGKILL)
        if turn == ENDED:
            os.kill(second, signal.SIGTERM)
        crew.route("1234"[turn // 50], "1234"[(turn // 50 + 1 + turn % 3) % 4])  # what nobody names is let go
        if turn % 50 == 49:
            wait_for(crew.follows, "the route is followed")
        threading.Event().wait(0.03)
    wait_for(lambda: sum(worker["restarts"] for worker in crew.health()) == 2, "both were started again")
    wait_for(lambda: all(worker["ready"] for worker in crew.health()), "both are ready again")
    wait_for(crew.follows, "both workers follow the last route")
    wait_for(lambda: len(load.seen) > 4000, "enough was asked")
    load.end()
    assert {one.status for one in load.seen} <= {200, 503}
    refused = [one for one in load.seen if one.status == 503]
    assert all(one.headers["retry-after"] and "code" in json.loads(one.body) for one in refused)
    assert load.cut
    assert set(load.cut) <= owned
    answered = [one for one in load.seen if one.status == 200]
    assert set(map(version_of, answered)) == set("1234")
    units, drawn = units_arms(answered)
    split, total = Split.of(wanted), drawn.total()
    names = ("champion", "challenger")
    assert units == {number: {names[split.of_unit(f"u{number}".encode())]} for number in range(1, CLIENTS, 2)}
    assert total > 1000
    assert abs(drawn["challenger"] - total * SHARE) < 6 * (total * SHARE * (1 - SHARE)) ** 0.5
    assert crew.end() == 0
    log = crew.log()
    assert re.search(rf"worker {first} \(post \d\) ended with -9", log)
    assert re.search(rf"worker {second} \(post \d\) ended with 0", log)
    assert "Traceback" not in log
