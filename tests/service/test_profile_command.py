"""`headgate profile` loads a real worker over HTTP; a server that stalls is late for every request that was due."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from onnx import TensorProto, helper

from headgate.adapters.machine.openloop import drive
from headgate.base.clock import SystemClock
from headgate.gate.source import HELD_OUT
from headgate.journal.event import NewEvent
from headgate.registry.bundle import Manifest, list_files, seal
from headgate.registry.field import Field
from headgate.registry.signature import Signature
from headgate.registry.version import RunRecord
from headgate.testing.supply import MODEL, policy_of
from headgate.testing.waiting import LONGEST
from headgate.wiring import Project

REQUEST = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n"


class Stalling(BaseHTTPRequestHandler):
    """Answers at once, but for one pause of 0.3 s in which nothing is answered."""

    protocol_version = "HTTP/1.1"
    gate = threading.Lock()
    count = 0

    def do_GET(self) -> None:
        with Stalling.gate:
            Stalling.count += 1
            if Stalling.count == 50:
                threading.Event().wait(0.3)
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def stalling() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stalling)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_pause_is_counted_for_every_request_that_was_due_in_it(stalling: int) -> None:
    seen = drive("127.0.0.1", stalling, [REQUEST], 200, 1.0)
    assert seen.failed == 0
    assert len(seen.load.milliseconds) == 200
    late = sum(latency > 20 for latency in seen.load.milliseconds)
    assert late > 30  # a closed loop would have seen one


def a_bundle(folder: Path) -> str:
    """Seal a bundle: the probability is the distance, squeezed."""
    folder.mkdir()
    take, give = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None]) for name in ("distance", "probability")
    )
    graph = helper.make_graph([helper.make_node("Sigmoid", ["distance"], ["probability"])], "g", [take], [give])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), folder / "model.onnx"
    )
    signature = Signature(
        (Field("distance", "float64"),), (Field("distance", "float32"),), (Field("probability", "float32"),)
    )
    return seal(folder, Manifest(MODEL, "binary", "onnx", "", signature, ("0", "1"), 1, list_files(folder)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a project with one registered version, its bundle, and the rows that its run held out."""
    policy = policy_of().model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    (tmp_path / "headgate.yaml").write_text(yaml.safe_dump(policy))
    project = Project.open(tmp_path, SystemClock())
    digest = a_bundle(tmp_path / "built")
    record = tmp_path / "record"
    record.mkdir()
    times = pa.array([0, 1], pa.timestamp("us", "UTC"))
    columns = {"id": [1, 2], "at": times, "late": [True, False], "distance": [1.0, 2.0]}
    pq.write_table(pa.table(columns), record / HELD_OUT)
    run = RunRecord(MODEL, "r", {}, {}, {"headgate.digest": digest}, {})
    version = project.registry().register(run, tmp_path / "built", record, "person:ada")
    body: dict[str, Any] = {"version": version.number, "run": version.run, "digest": digest, "author": "person:ada"}
    body |= {"requester": "person:ada", "trained_until": None, "source": "train"}
    project.journal().append(f"model/{MODEL}", 0, [NewEvent("version.registered", "person:ada", "a test", body)])
    return tmp_path


def test_the_profile_is_measured_recorded_and_kept_with_the_version(folder: Path) -> None:
    command = [sys.executable, "-m", "headgate.cli.main", "profile", "1", "--rps", "100", "--for", "2s", "--json"]
    done = subprocess.run([*command, "-C", str(folder)], capture_output=True, text=True, check=False, timeout=LONGEST)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["offered"], said["answered"], said["failed"], said["warning"]) == (200, 200, 0, "")
    assert 0 < said["milliseconds"]["p50"] <= said["milliseconds"]["p99"]
    project = Project.open(folder, SystemClock())
    (event,) = project.journal().read(f"model/{MODEL}", kinds=("profile.recorded",))
    assert event.body["digest"] == said["digest"]
    version = project.registry().version(MODEL, "1")
    kept = project.registry().fetch(version, f"profile/{event.position}", folder / "kept")
    assert json.loads((kept / "profile.json").read_text())["milliseconds"] == said["milliseconds"]


def test_the_search_reports_the_best_settings_and_the_gate_then_judges_by_the_profile(folder: Path) -> None:
    text = yaml.safe_load((folder / "headgate.yaml").read_text())
    text["models"][MODEL]["scorecard"].append({"kind": "latency", "at_most_ms": 60_000, "rate": 50, "seconds": 2})
    (folder / "headgate.yaml").write_text(yaml.safe_dump(text))

    def run(*words: str) -> Any:
        command = [sys.executable, "-m", "headgate.cli.main", *words, "--json", "-C", str(folder)]
        return json.loads(subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST).stdout)

    def line() -> str:
        return next(str(one["why"]) for one in run("gate", "1")["lines"] if one["line"].startswith("latency"))

    assert "measured now, in process" in line()
    said = run("profile", "1", "--rps", "50", "--for", "2s", "--sla-ms", "60000", "--most-rps", "60")
    assert said["highest"] == 60
    assert said["settings"] == {"max_batch": 8192, "max_wait_ms": 0.0, "concurrency": 1}
    assert said["best"] == {**said["settings"], "highest": 60}
    assert f"(event {said['position']}), not measured again" in line()


def test_a_span_that_cannot_be_read_is_refused(folder: Path) -> None:
    command = [sys.executable, "-m", "headgate.cli.main", "profile", "1", "--for", "soon", "-C", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST)
    assert (done.returncode, "write a span such as" in done.stderr) == (4, True)
