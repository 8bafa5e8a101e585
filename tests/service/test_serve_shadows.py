"""Shadows of a real worker: paired in the log, and whatever they do to their own process, the live answers go on."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path

import pytest

from headgate.base.clock import SystemClock
from headgate.journal.event import NewEvent
from headgate.journal.ports import Document
from headgate.predictions.query import Wanted
from headgate.routing.route import COLLECTION, Arm, Route, Shadow
from headgate.testing.running import POLICY
from headgate.testing.serving import pyfunc_bundle, sum_bundle
from headgate.testing.waiting import LONGEST, wait_for
from headgate.wiring import Project

INFER = "/v2/models/simple/infer"
SERVING = "    serving: { shadow: { patience: 6s, memory_mb: 1000, queue_rows: 40 } }\n"
CRASH, HANG, EAT, DIE, STUCK = 101.0, 102.0, 103.0, 104.0, 105.0  # what the first number of a row makes a shadow do
BEGAN = "stuck"  # a file that is there once the pyfunc model is
FEATURES = """\
import re
import numpy as np
KEPT = []
def features(columns):
    if (columns["x"] == {at}).any():
        {does}
    return {{"x": columns["x"]}}
"""
DOES = {
    "crash": (CRASH, "raise SystemExit(3)"),
    "hang": (HANG, "re.fullmatch('(a+)+b', 'a' * 60)"),  # holds the interpreter: no other thread of its process runs
    "eat": (EAT, "KEPT.extend(np.empty(10_000_000) for _ in range(1000))"),
}
PYFUNC = """\
import os, time
class Model:
    def predict(self, frame):
        if {die} in list(frame["x"]):
            os._exit(4)
        if {stuck} in list(frame["x"]):
            open({began!r}, "w").close()
            time.sleep(3600)
        return list(frame["x"])
def _load_pyfunc(path):
    return Model()
"""


def bundles(folder: Path) -> dict[str, Shadow]:
    made = {name: FEATURES.format(at=at, does=does) for name, (at, does) in DOES.items()}
    digests = {name: sum_bundle(folder / name, "simple", 1.0, code, None) for name, code in made.items()}
    digests["good"] = sum_bundle(folder / "good", "simple", 10.0, width=None)
    code = PYFUNC.format(die=DIE, stuck=STUCK, began=str(folder / BEGAN))
    digests["apart"] = pyfunc_bundle(folder / "apart", "simple", code, None)
    return {name: Shadow(name, f"of-{name}", digest, 1.0, str(folder / name)) for name, digest in digests.items()}


class Place:
    """A project with a worker."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "headgate.yaml").write_text(POLICY + SERVING)
        self.folder = folder
        self.project = Project.open(folder, SystemClock())
        self.digest = sum_bundle(folder / "bundles" / "1", "simple", 0.0, width=None)
        self.shadows = bundles(folder / "bundles")
        self.revision = 0

    def route(self, *names: str) -> None:
        self.revision += 1
        arm = Arm("champion", "1", self.digest, 1.0, str(self.folder / "bundles" / "1"))
        copied = tuple(self.shadows[name] for name in names)
        wanted = Route("simple", self.revision, (arm,), copied)
        event = NewEvent("pointer.moved", "person:ada", "a test", {"to": "1", "revision": self.revision})
        document = Document(COLLECTION, "simple", self.revision, wanted.to_json())
        self.project.journal().append("model/simple", self.revision - 1, [event], [document])

    def start(self) -> None:
        self.log = self.folder / "serve.log"
        command = [sys.executable, "-m", "headgate.cli.main", "serve", "-C", str(self.folder)]
        with self.log.open("w") as log:
            more = ["--port", "0", "--admin-port", "0"]
            self.process = subprocess.Popen([*command, *more], stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        found = [re.search(r"(http://127\.0\.0\.1:\d+)/(\w+)", self.process.stdout.readline()) for _ in range(2)]
        urls = {one[2]: one[1] for one in found if one}
        self.url, self.admin = urls["v2"], urls["metrics"]
        wait_for(lambda: "version 1 serves" in self.log.read_text(), "the champion serves")

    def ask(self, first: float) -> tuple[str, float]:
        body = {"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [first]}]}
        with closing(HTTPConnection(self.url.removeprefix("http://"), timeout=LONGEST)) as connection:
            connection.request("POST", INFER, json.dumps(body), {"headgate-unit": f"u{first:g}"})
            answer = connection.getresponse()
            said = json.loads(answer.read())
            assert answer.status == 200, said
            return str(answer.headers["headgate-prediction-id"]), float(said["outputs"][0]["data"][0])

    def answers(self, count: int) -> list[float]:
        """Return what as many rows are answered, each by a request of its own, all under way at once."""
        with ThreadPoolExecutor(count) as pool:
            return [value for _, value in pool.map(self.ask, map(float, range(count)))]

    def metric(self, name: str) -> float:
        page = self.show("/metrics")
        return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if re.match(rf"{name}[ {{]", line))

    def show(self, path: str) -> str:
        with urllib.request.urlopen(self.admin + path, timeout=LONGEST) as answer:  # noqa: S310 - our own address
            return str(answer.read().decode())

    def notes(self) -> str:
        return "\n".join(json.loads(self.show("/health"))["notes"])

    def rows(self, role: str = "") -> list[dict[str, object]]:
        rows: list[dict[str, object]] = self.project.predictions("simple").table(Wanted(role=role)).to_pylist()
        return rows

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        code = self.process.wait(LONGEST)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def hanging(place: Place) -> list[int]:
    """Have two shadows hang, the one in a process of its own last; return every process below the worker."""
    began = place.folder / "bundles" / BEGAN
    began.unlink(missing_ok=True)
    place.ask(HANG)
    place.ask(STUCK)
    wait_for(began.exists, "it is at it")
    return family(place.process.pid)


def family(pid: int) -> list[int]:
    """Return every process of a shadow below one; what compacts the log now and then is none."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                if b".host" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found += [int(child), *family(int(child))]
    return found


def alive(pids: list[int]) -> list[int]:
    """Return those that run; who is dead and not yet waited for does not."""
    found = []
    for pid in pids:
        with suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z":
                found.append(pid)
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    one = Place(tmp_path_factory.mktemp("shadows") / "project")
    one.route("good", "crash", "hang", "eat", "apart")
    one.start()
    try:
        wait_for(lambda: one.log.read_text().count("is ready after") == 5, "every shadow is ready")
        assert "its process is gone" not in one.log.read_text()
        yield one
    finally:
        if one.process.poll() is None:
            one.end()


def test_the_processes_of_shadows_have_the_lowest_priority(place: Place) -> None:
    shadows = family(place.process.pid)
    assert len(shadows) == 6  # the pyfunc model's own process is the sixth
    for pid in shadows:
        stat = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
        assert int(stat[16]) == 19  # nice
        assert int(stat[38]) == 5  # SCHED_IDLE
        # Linux weighs sessions as wholes: of another one, a process of the lowest class would make the worker wait.
        assert os.getsid(pid) == os.getsid(place.process.pid)
        assert os.getpgid(pid) == pid  # Ctrl-C in a terminal is for the worker alone


def test_live_and_shadow_predictions_of_a_request_are_a_pair(place: Place) -> None:
    said = dict(place.ask(float(at)) for at in range(5))
    wait_for(lambda: len([row for row in place.rows("shadow") if row["arm"] == "good"]) >= 5, "the shadow is logged")
    live = {row["id"]: row for row in place.rows("live") if row["id"] in said}
    shadow = {row["id"]: row for row in place.rows("shadow") if row["arm"] == "good" and row["id"] in said}
    assert live.keys() == shadow.keys() == said.keys()
    for identity, row in shadow.items():
        assert row["input.x"] == live[identity]["input.x"]
        assert row["unit"] == live[identity]["unit"]
        assert (row["version"], row["status"]) == ("of-good", 200)
        assert row["output.prediction"] == said[str(identity)] + 10
    pairs = place.project.pairs("simple", "of-good").to_pylist()
    assert {one["id"]: (one["live.prediction"], one["shadow.prediction"], one["difference"]) for one in pairs} == {
        identity: (value, value + 10, 10.0) for identity, value in said.items()
    }
    command = [sys.executable, "-m", "headgate.cli.main", "predictions", "-C", str(place.folder), "simple", "--pairs"]
    shown = subprocess.run([*command, "--limit", "3"], capture_output=True, text=True, check=True).stdout
    assert shown.count("difference 10:") == 3
    assert "shadow of-good prediction=1" in shown
    refused = subprocess.run([*command, "--role", "live"], capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "a pair has both roles" in refused.stderr
    wait_for(lambda: place.metric("headgate_shadow_answered_total") >= 25, "all five shadows have answered")
    assert 'headgate_requests_total{model="simple",version="of-good",arm="good",role="shadow"}' in place.show(
        "/metrics"
    )


@pytest.mark.parametrize(
    ("name", "at", "why"),
    [
        ("crash", CRASH, "ended its process with code 3"),
        ("hang", HANG, "did not answer within 6 s"),
        ("eat", EAT, "needs more than the 1000 MB of memory"),
        ("apart", DIE, "failed: the model's process crashed"),
    ],
)
def test_a_shadow_that_ends_its_process_twice_is_quarantined(place: Place, name: str, at: float, why: str) -> None:
    whose = f"shadow {name} of simple (version of-{name})"
    ready = place.log.read_text().count(f"shadow {name} of simple, version of-{name}, is ready")
    assert ready == 1
    place.ask(at)
    wait_for(lambda: place.log.read_text().count(f"shadow {name} of simple, version of-{name}, is ready") == 2, "again")
    assert place.ask(1.0)[1] == 1.0
    dropped = place.metric("headgate_shadow_dropped_total")
    place.ask(at)
    assert place.answers(70) == [float(n) for n in range(70)]  # more than may wait for one that hangs
    wait_for(lambda: f"{whose}: quarantined, it ended its process 2 times" in place.notes(), "it is in quarantine")
    assert why in place.notes()
    if name == "hang":
        wait_for(lambda: place.metric("headgate_shadow_dropped_total") > dropped, "drops are counted")

    def lost() -> list[dict[str, object]]:
        return [row for row in place.rows("shadow") if row["arm"] == name and row["status"] == 503]

    wait_for(lambda: len(lost()) >= 2, "what has no answer is logged")
    assert all(row["output.prediction"] is None for row in lost())


def test_what_is_in_quarantine_stays_there_until_the_route_drops_it(place: Place) -> None:
    assert place.metric("headgate_shadow_quarantined") == 4
    assert place.metric("headgate_shadow_killed_total") == 8
    assert len(family(place.process.pid)) == 1
    place.route("good", "crash")
    wait_for(lambda: place.metric("headgate_shadow_quarantined") == 1, "the route dropped three")
    place.route("good")
    wait_for(lambda: place.metric("headgate_shadow_quarantined") == 0, "the route dropped all")
    place.route("good", "crash")
    again = "shadow crash of simple, version of-crash, is ready"
    wait_for(lambda: place.log.read_text().count(again) == 3, "it has another try")


def test_sigterm_leaves_no_process_though_one_hangs(place: Place) -> None:
    place.route("good", "hang", "apart")
    wait_for(lambda: len(family(place.process.pid)) == 4, "they run")
    ready = place.log.read_text().count("is ready after")
    wait_for(lambda: place.log.read_text().count("is ready after") >= ready, "they are ready")
    children = hanging(place)
    assert place.end() == 0
    wait_for(lambda: not alive(children), "every process has ended")


def test_a_killed_worker_leaves_no_process_though_two_hang(place: Place) -> None:
    place.start()
    wait_for(lambda: place.log.read_text().count("is ready after") == 3, "every shadow is ready")
    children = hanging(place)
    assert len(children) > 2  # the good one, the model's own process, and who hangs or was just started again
    place.end(signal.SIGKILL)
    wait_for(lambda: not alive(children), "every process has ended by itself")
