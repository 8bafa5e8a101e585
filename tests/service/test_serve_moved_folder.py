"""A project folder serves wherever it lies: moved, or copied, with nothing told to it."""

import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from headgate.journal.event import NewEvent
from headgate.registry.steps import keep_bundle
from headgate.registry.version import RunRecord
from headgate.release.steps import Desk, promote
from headgate.testing.registry import MemoryRegistry
from headgate.testing.serving import sum_bundle
from headgate.testing.waiting import LONGEST
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
ROW = {"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}]}


def promoted(folder: Path, outside: Path) -> Path:
    """Make a project whose version 1 is champion; return the local copy of its bundle."""
    folder.mkdir()
    (folder / "headgate.yaml").write_text(POLICY)
    project, built = Project.open(folder), outside / "built"
    digest = sum_bundle(built, "sums", 1.0)

    def copied(beside: Path) -> None:
        shutil.copytree(built, beside, dirs_exist_ok=True)

    registry = MemoryRegistry(outside / "registry")
    version = registry.register(RunRecord("sums", "r", {}, {}, {}, {}), built, None, "person:ada")
    place = keep_bundle(project.bundles(), digest, copied)
    body = {"version": "1", "run": version.run, "digest": digest, "author": "person:ada", "trained_until": None}
    store = project.journal()
    store.append("model/sums", 0, [NewEvent("version.registered", "person:ada", "a test", body)])
    desk = Desk(store, registry, project.clock, project.policy, project.bundles())
    promote(desk, "sums", "1", "person:ada", "a test", "a test needs no ballot")
    return place


def served(folder: Path, log: Path) -> tuple[int, str]:
    """Return what a fresh worker on the folder answers to one request, waited for until it is no 503 or 404."""
    command = [sys.executable, "-m", "headgate.cli.main", "serve", "-C", str(folder), "--port", "0"]
    with log.open("w") as said:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True)
    assert process.stdout is not None
    try:
        found = re.search(r"http://127\.0\.0\.1:(\d+)/v2", process.stdout.readline() + process.stdout.readline())
        assert found, log.read_text()
        return _ask(int(found[1]), log)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(LONGEST)
        process.stdout.close()


def _ask(port: int, log: Path) -> tuple[int, str]:
    asked = Request(f"http://127.0.0.1:{port}/v2/models/sums/infer", json.dumps(ROW).encode())
    began, last = time.monotonic(), (0, "")
    while time.monotonic() - began < LONGEST:
        try:
            with urlopen(asked, timeout=LONGEST) as answer:  # noqa: S310 - our own worker
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                last = error.code, error.read().decode()
        if "refused" in log.read_text():
            break
        threading.Event().wait(0.05)
    return last


def test_a_moved_project_serves_from_where_it_lies_now(tmp_path: Path) -> None:
    # Given a project that was promoted in one place, and moved to another
    promoted(tmp_path / "before", tmp_path)
    (tmp_path / "before").rename(tmp_path / "after")
    # Then a worker there answers
    code, body = served(tmp_path / "after", tmp_path / "worker.log")
    assert code == 200, (tmp_path / "worker.log").read_text()
    assert json.loads(body)["outputs"][0]["data"] == [7.0]


def test_a_copy_without_the_bundle_says_which_folder_and_what_brings_it(tmp_path: Path) -> None:
    place = promoted(tmp_path / "project", tmp_path)
    shutil.rmtree(place)
    code, _ = served(tmp_path / "project", tmp_path / "worker.log")
    assert code in {404, 503}
    said = (tmp_path / "worker.log").read_text()
    assert f"there is no folder bundles/{place.name} in the state folder; `headgate tick` brings it" in said


def test_a_worker_without_any_champion_says_so(tmp_path: Path) -> None:
    (tmp_path / "headgate.yaml").write_text(POLICY)
    log = tmp_path / "worker.log"
    command = [sys.executable, "-m", "headgate.cli.main", "serve", "-C", str(tmp_path), "--port", "0"]
    with log.open("w") as said:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True)
    assert process.stdout is not None
    assert process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    process.wait(LONGEST)
    process.stdout.close()
    assert "no version serves yet of sums: `headgate promote VERSION`" in log.read_text()
