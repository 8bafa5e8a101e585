"""A real worker under load: routes set 200 times, versions loaded and let go, and three times what it can do."""

import asyncio
import json
import re
import signal
import subprocess
import sys
import threading
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
from headgate.testing.waiting import LONGEST, wait_for
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
PATIENT = "    serving: { queue_ms: 10000 }  # a busy machine is no overload\n"
INFER = "/v2/models/sums/infer"
CLIENTS = 64
SLOW = """
import time

def _load_pyfunc(path):
    return Model()

class Model:
    def predict(self, frame, params=None):
        with open({told!r}, "ab") as told:
            told.write(b"." * len(frame))
        time.sleep({seconds} * len(frame))
        return [float(sum(row)) for row in frame["x"]]
"""


class Gateway:
    """A project folder with a journal of its own, and a worker on it."""

    def __init__(self, folder: Path) -> None:
        (folder / "headgate.yaml").write_text(POLICY + PATIENT)
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
        assert found, self.log()
        self.port = int(found[1])
        self.reach()

    def reach(self) -> None:
        """Wait until the worker follows the last revision."""
        wait_for(self._follows, f"revision {self.revision} is followed", self.log)

    def _follows(self) -> bool:
        with urlopen(f"http://127.0.0.1:{self.port}/v2/health/live", timeout=LONGEST):
            pass
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/v2/health/ready", timeout=LONGEST) as answer:
                return bool(json.loads(answer.read())["models"][0]["revision"] == self.revision)
        except OSError:
            return False  # not ready yet: 503

    def log(self) -> str:
        return (self.folder / "worker.log").read_text()

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


def asked() -> list[bytes]:
    """Return what each client asks; every second one names its unit."""
    return [
        request(INFER, body(number), **({"headgate_unit": f"u{number}"} if number % 2 else {}))
        for number in range(CLIENTS)
    ]


class Load:
    """64 clients in a thread of their own."""

    def __init__(self, port: int) -> None:
        self.going, self.failed = True, list[BaseException]()
        self.seen: list[Seen] = []
        self._thread = threading.Thread(target=self._run, args=(port,))
        self._thread.start()

    def _run(self, port: int) -> None:
        try:
            self.seen = asyncio.run(closed(port, asked(), lambda: self.going))
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            self.failed.append(error)

    def end(self) -> list[Seen]:
        self.going = False
        self._thread.join()
        assert not self.failed, self.failed
        return self.seen


def some(count: int) -> Callable[[], bool]:
    """Return what says yes so many times."""
    turns = iter(range(count))
    return lambda: next(turns, None) is not None


def ask(port: int, count: int) -> list[Seen]:
    """Ask so many times, as 64 clients do."""
    return asyncio.run(closed(port, asked(), some(count)))


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
    load = Load(gateway.port)
    for turn in range(200):
        champion, challenger = "1234"[turn // 50], "1234"[turn % 4]  # what nobody names is let go, and loaded again
        challenger = "" if challenger == champion else challenger
        gateway.route(champion, challenger, (turn % 10) / 10 if challenger else 0)
        if turn % 10 == 0:
            gateway.reach()
        threading.Event().wait(0.02)
    gateway.reach()
    found = Counter(map(check, load.end()))
    assert set(found) == set("1234")
    assert gateway.end() == 0
    assert "ERROR" not in gateway.log()


def test_shares_are_met_units_stay_and_a_dead_controllers_share_goes_back(gateway: Gateway) -> None:
    for version in "12":
        gateway.make(version)
    gateway.route("1")
    gateway.start()
    for share in (0.05, 0.3):
        wanted = gateway.route("1", "2", share)
        gateway.reach()
        drawn, units = Counter[str](), dict[int, set[str]]()
        for one in ask(gateway.port, 4000):
            version = check(one)
            number = round(json.loads(one.body)["outputs"][0]["data"][0] - float(version) - 0.25)
            if number % 2:
                units.setdefault(number, set()).add(version)
            else:
                drawn[version] += 1
        total = drawn.total()
        assert total > 1000
        assert abs(drawn["2"] - total * share) < 6 * (total * share * (1 - share)) ** 0.5
        split = Split.of(wanted)
        assert units == {number: {"12"[split.of_unit(f"u{number}".encode())]} for number in range(1, CLIENTS, 2)}
    gateway.route("1", "2", 1.0, renewed_until=SystemClock().now() + timedelta(hours=1))
    gateway.reach()
    assert set(map(check, ask(gateway.port, 256))) == {"2"}
    gateway.route("1", "2", 1.0, renewed_until=SystemClock().now() + timedelta(seconds=1))
    load = Load(gateway.port)
    wait_for(lambda: "lease was not renewed" in gateway.log(), "the lease ends")
    assert set(map(check, load.end())) <= {"1", "2"}
    assert set(map(check, ask(gateway.port, 256))) == {"1"}


def test_three_times_what_a_model_can_do_the_rest_is_told_to_come_back_and_nothing_is_worked_out_in_vain(
    gateway: Gateway,
) -> None:
    """How much is answered is measured by `benchmarks/bench_overload.py`."""
    told, row_seconds, seconds = gateway.folder / "told", 0.01, 4.0  # a row takes so long that nothing else counts
    (gateway.folder / "headgate.yaml").write_text(POLICY)
    gateway.make("1", SLOW.format(told=str(told), seconds=row_seconds))
    gateway.route("1")
    gateway.start()
    content = request(INFER, body(1))
    assert {one.status for one in asyncio.run(closed(gateway.port, [content] * 8, some(100)))} <= {200, 503}
    memory, before = gateway.memory(), told.stat().st_size
    seen = asyncio.run(opened(gateway.port, content, 3 / row_seconds, seconds, 150))
    answered, refused = ([one for one in seen if one.status == status] for status in (200, 503))
    assert len(answered) + len(refused) == len(seen)
    assert set(map(check, answered)) == {"1"}
    assert {(one.headers["retry-after"], json.loads(one.body)["code"]) for one in refused} == {("1", "overloaded")}
    assert told.stat().st_size - before == len(answered), "what was refused was worked out, or an answer was lost"
    assert gateway.memory() < memory + 20
    assert check(asyncio.run(closed(gateway.port, [content], some(1)))[0]) == "1", "what came after is answered again"
