"""A real worker under load: routes set 200 times, versions loaded and let go, and three times what it can do."""

import asyncio
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from headgate.base.clock import SystemClock
from headgate.journal.event import NewEvent
from headgate.journal.ports import Document, EventStore
from headgate.routing.route import COLLECTION, Arm, Route
from headgate.routing.split import Split
from headgate.testing.load import Seen, closed, opened, request
from headgate.testing.serving import pyfunc_bundle, sum_bundle
from headgate.wiring import Project

POLICY = """\
project: sums
models:
  sums:
    task: regression
    data:
      source: rows.csv
      id: id
      time: at
      label: { column: y }
      columns: { id: { type: string }, at: { type: timestamp }, x: { type: float }, y: { type: float } }
    features: { file: null, inputs: [x] }
    split: { holdout: 1d }
    scorecard: [{ kind: metric, metric: rmse, role: primary, at_most: 1 }]
"""
INFER = "/v2/models/sums/infer"
LONGEST = 30.0
CLIENTS = 64
ROW_SECONDS = 0.01  # so long that nothing else counts beside it
LEAST = 0.7  # of what the model can do: the rest is the machine's, which others use as well
SLOW = f"""
import time

def _load_pyfunc(path):
    return Model()

class Model:
    def predict(self, frame, params=None):
        time.sleep({ROW_SECONDS} * len(frame))
        return [float(sum(row)) for row in frame["x"]]
"""


class Gateway:
    """A project folder with a journal of its own, and a worker on it."""

    def __init__(self, folder: Path) -> None:
        (folder / "headgate.yaml").write_text(POLICY)
        self.folder = folder
        self.journal: EventStore = Project.open(folder, SystemClock()).journal()
        self.revision = 0
        self.arms: dict[str, Arm] = {}

    def make(self, version: str, code: str = "") -> None:
        place = self.folder / "bundles" / version
        digest = pyfunc_bundle(place, "sums", code) if code else sum_bundle(place, "sums", float(version))
        self.arms[version] = Arm("champion", version, digest, 1.0, str(place))

    def route(self, champion: str, challenger: str = "", share: float = 0.0, **more: Any) -> Route:
        """Set the route, as `headgate route` writes it; return once it is in the journal."""
        self.revision += 1
        arms = [replace(self.arms[champion], weight=1 - share)]
        if challenger:
            arms.append(replace(self.arms[challenger], name="challenger", weight=share))
        wanted = Route("sums", self.revision, tuple(arms), salt="sums/2/1", **more)
        event = NewEvent("route.set", "person:ada", "a test", wanted.to_json())
        document = Document(COLLECTION, "sums", self.revision, wanted.to_json())
        self.journal.append("model/sums", self.revision - 1, [event], [document])
        return wanted

    def start(self) -> None:
        command = [sys.executable, "-m", "headgate.cli.main", "serve", "-C", str(self.folder), "--port", "0"]
        with (self.folder / "worker.log").open("w") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:(\d+)", self.process.stdout.readline())
        assert found, (self.folder / "worker.log").read_text()
        self.port = int(found[1])
        self.wait_for(self.revision)

    def wait_for(self, revision: int) -> float:
        """Wait until the worker follows a revision; return the seconds that took."""
        began = time.monotonic()
        while time.monotonic() - began < LONGEST:
            with urlopen(f"http://127.0.0.1:{self.port}/v2/health/live", timeout=LONGEST):
                pass
            try:
                with urlopen(f"http://127.0.0.1:{self.port}/v2/health/ready", timeout=LONGEST) as answer:
                    if json.loads(answer.read())["models"][0]["revision"] == revision:
                        return time.monotonic() - began
            except OSError:
                pass  # not ready yet: 503
            threading.Event().wait(0.01)
        raise AssertionError((self.folder / "worker.log").read_text())

    def memory(self) -> float:
        """Return the worker's resident megabytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) / 1024

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(LONGEST)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    one = Gateway(tmp_path)
    yield one
    if one.process.poll() is None:
        one.process.kill()
        one.end()


def body(number: int) -> bytes:
    return json.dumps(
        {"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [number, 0.25, 0]}]}
    ).encode()


class Load:
    """64 clients in a thread of their own; every second one names its unit."""

    def __init__(self, port: int) -> None:
        self.going, self.failed = True, list[BaseException]()
        self.seen: list[Seen] = []
        self.requests = [
            request(INFER, body(number), **({"headgate_unit": f"u{number}"} if number % 2 else {}))
            for number in range(CLIENTS)
        ]
        self._thread = threading.Thread(target=self._run, args=(port,))
        self._thread.start()

    def _run(self, port: int) -> None:
        try:
            self.seen = asyncio.run(closed(port, self.requests, lambda: self.going))
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            self.failed.append(error)

    def end(self) -> list[Seen]:
        self.going = False
        self._thread.join()
        assert not self.failed, self.failed
        return self.seen


def check(seen: Seen) -> str:
    """Hold an answer to the version that it names; return the version."""
    assert seen.status == 200, seen.body
    answer = json.loads(seen.body)
    version = seen.headers["headgate-version"]
    assert answer["model_version"] == version
    value = answer["outputs"][0]["data"][0] - float(version) - 0.25
    assert value in range(CLIENTS)
    return version


def test_routes_set_200_times_under_load_fail_no_request_and_every_answer_is_its_versions(gateway: Gateway) -> None:
    for version in "1234":
        gateway.make(version)
    gateway.route("1")
    gateway.start()
    load, slowest = Load(gateway.port), 0.0
    for turn in range(200):
        champion, challenger = "1234"[turn // 50], "1234"[turn % 4]  # what nobody names is let go, and loaded again
        challenger = "" if challenger == champion else challenger
        gateway.route(champion, challenger, (turn % 10) / 10 if challenger else 0)
        if turn % 10 == 0:
            slowest = max(slowest, gateway.wait_for(gateway.revision))
        threading.Event().wait(0.02)
    gateway.wait_for(gateway.revision)
    found = Counter(map(check, load.end()))
    assert set(found) == set("1234")
    assert slowest < 1
    assert gateway.end() == 0
    assert "ERROR" not in (gateway.folder / "worker.log").read_text()


def test_shares_are_met_units_stay_and_a_dead_controllers_share_goes_back(gateway: Gateway) -> None:
    for version in "12":
        gateway.make(version)
    gateway.route("1")
    gateway.start()
    for share in (0.05, 0.3):
        wanted = gateway.route("1", "2", share)
        gateway.wait_for(gateway.revision)
        load = Load(gateway.port)
        threading.Event().wait(1.5)
        drawn, units = Counter[str](), dict[int, set[str]]()
        for one in load.end():
            version = check(one)
            number = round(json.loads(one.body)["outputs"][0]["data"][0] - float(version) - 0.25)
            if number % 2:
                units.setdefault(number, set()).add(version)
            else:
                drawn[version] += 1
        total = drawn.total()
        assert total > 100
        assert abs(drawn["2"] - total * share) < 5 * (total * share * (1 - share)) ** 0.5
        split = Split.of(wanted)
        assert units == {number: {"12"[split.of_unit(f"u{number}".encode())]} for number in units}
    until = SystemClock().now() + timedelta(seconds=1.5)
    gateway.route("1", "2", 1.0, renewed_until=until)
    gateway.wait_for(gateway.revision)
    for wait, versions in ((0.3, {"2"}), (1.8, {"1", "2"})):
        load = Load(gateway.port)
        threading.Event().wait(wait)
        assert set(map(check, load.end())) <= versions
    load = Load(gateway.port)
    threading.Event().wait(0.3)
    assert set(map(check, load.end())) == {"1"}
    assert "lease was not renewed" in (gateway.folder / "worker.log").read_text()


def test_three_times_what_a_model_can_do_costs_no_goodput_and_the_rest_is_told_to_come_back(gateway: Gateway) -> None:
    gateway.make("1", SLOW)
    gateway.route("1")
    gateway.start()
    content, can_do, seconds = request(INFER, body(1)), 1 / ROW_SECONDS, 4.0
    warm = time.monotonic() + 1
    asyncio.run(closed(gateway.port, [content] * 8, lambda: time.monotonic() < warm))
    before = gateway.memory()
    began = time.monotonic()
    seen = asyncio.run(opened(gateway.port, content, 3 * can_do, seconds, 150))
    took = time.monotonic() - began
    answered, refused = ([one for one in seen if one.status == status] for status in (200, 503))
    assert len(answered) + len(refused) == len(seen) > 2.9 * can_do * seconds
    assert LEAST * can_do * seconds <= len(answered) <= can_do * took
    assert set(map(check, answered)) == {"1"}
    assert {(one.headers["retry-after"], json.loads(one.body)["code"]) for one in refused} == {("1", "overloaded")}
    assert gateway.memory() < before + 20
    assert check(asyncio.run(closed(gateway.port, [content], once()))[0]) == "1", "what came after is answered again"


def once() -> Callable[[], bool]:
    """Return what says yes the first time."""
    turns = iter((True,))
    return lambda: next(turns, False)
