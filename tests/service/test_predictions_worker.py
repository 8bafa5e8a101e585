"""Prediction log and outcomes of a real worker: kill -9 under load, SIGTERM, a sync that fails, and the commands."""

import asyncio
import csv
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from headgate.adapters.parquet.spool import batches
from headgate.base.clock import SystemClock
from headgate.journal.event import NewEvent
from headgate.journal.ports import Document
from headgate.predictions.query import Wanted
from headgate.routing.route import COLLECTION
from headgate.testing.serving import route, sum_bundle
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
      columns:
        { id: { type: string }, at: { type: timestamp }, x: { type: float }, y: { type: float } }
    features: { file: null, inputs: [x] }
    split: { holdout: 1d }
    scorecard: [{ kind: metric, metric: rmse, role: primary, at_most: 1 }]
    serving: { log: { redact: { unit: hash } } }
"""
KILLS = int(os.environ.get("HEADGATE_KILLS", "5"))  # 50 in the full run
INFER = "/v2/models/sums/infer"
# Runs the worker with a sync that waits for the file `hold` to go, fails while `fail` is there, and tells each return.
TRAP = """\
import os, sys, time
from pathlib import Path
folder, real = Path(sys.argv[1]), os.fsync
def fsync(handle):
    if "outcomes/segments" not in os.readlink(f"/proc/self/fd/{handle}"):
        return real(handle)
    (folder / "called").touch()
    while (folder / "hold").exists():
        time.sleep(0.005)
    if (folder / "fail").exists():
        raise OSError(5, "Input/output error")
    real(handle)
os.fsync = fsync
sys.argv = ["headgate", "serve", "-C", str(folder), "--port", "0"]
from headgate.cli.main import main
main()
"""


def body(*row: float) -> bytes:
    return json.dumps({"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": row}]}).encode()


class Serving:
    """A project with one version that serves."""

    def __init__(self, folder: Path) -> None:
        (folder / "headgate.yaml").write_text(POLICY)
        self.folder = folder
        self.project = Project.open(folder, SystemClock())
        bundle = folder / "bundles" / "1"
        made = route("sums", 1, "1", sum_bundle(bundle, "sums", 1.0), bundle)
        event = NewEvent("pointer.moved", "person:ada", "a test", {"to": "1", "revision": 1})
        self.project.journal().append("model/sums", 0, [event], [Document(COLLECTION, "sums", 1, made.to_json())])
        self.process: subprocess.Popen[str] | None = None
        self.port = 0

    def start(self, code: str = "") -> None:
        command = [sys.executable, "-m", "headgate.cli.main", "serve", "-C", str(self.folder), "--port", "0"]
        command = [sys.executable, "-c", code, str(self.folder)] if code else command
        with (self.folder / "worker.log").open("a") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        assert found, f"{line}{self.log()}"
        self.port = int(found[1])
        wait_for(lambda: self.ask("GET", "/v2/health/ready")[0] == 200, "the worker is ready")

    def log(self) -> str:
        return (self.folder / "worker.log").read_text()

    def ask(
        self, method: str, path: str, content: Any = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, Any, dict[str, str]]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=LONGEST)
        try:
            sent = content if isinstance(content, bytes) else json.dumps(content).encode()
            connection.request(method, path, sent, headers or {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read()), dict(answer.getheaders())
        finally:
            connection.close()

    def end(self, how: int = signal.SIGTERM) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(LONGEST)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process = None
        return code

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "headgate.cli.main", *words, "-C", str(self.folder)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST)

    def ids(self) -> list[str]:
        found: list[str] = self.project.predictions("sums").table(Wanted()).column("id").to_pylist()
        return found

    def kept(self) -> set[str]:
        return {f"{row['id']}={row['value']}" for row in self.project.outcomes().table().to_pylist()}


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    one = Serving(tmp_path)
    yield one
    if one.process is not None:
        one.end(signal.SIGKILL)


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(first.split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


def request(path: str, content: bytes) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content


class Load:
    """Clients that ask for predictions and tell outcomes until the worker is gone, and remember what was answered."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.predicted: dict[int, list[str]] = {number: [] for number in range(6)}
        self.acknowledged: set[str] = set()
        self._ends = False
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()

    def stop(self) -> None:
        self._ends = True
        self._thread.join()

    def names(self) -> set[str]:
        """Return the ids of all that was answered so far."""
        return {name for names in self.predicted.values() for name in names}

    async def _run(self) -> None:
        await asyncio.gather(*map(self._client, self.predicted))

    async def _client(self, number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            while not self._ends:
                writer.write(request(INFER, body(number, 0, 0)))
                status, headers, _ = await read_answer(reader)
                assert status == 200
                name = headers["headgate-prediction-id"]
                self.predicted[number].append(name)
                if number % 2:
                    outcome = {"id": name, "value": number, "true_at": datetime.now(UTC).isoformat()}
                    writer.write(request("/outcomes", json.dumps(outcome).encode()))
                    status, _, answer = await read_answer(reader)
                    assert (status, json.loads(answer)) == (200, {"accepted": 1})
                    self.acknowledged.add(f"{name}={number}")
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # the worker is gone
        finally:
            writer.close()


def test_kill_9_at_random_moments_loses_no_acknowledged_outcome_and_of_the_log_the_last_alone(serving: Serving) -> None:
    dice = np.random.default_rng(7)
    acknowledged: set[str] = set()
    answered: list[list[str]] = []
    early: set[str] = set()
    for kill in range(KILLS):
        serving.start()
        load = Load(serving.port)
        wait_for(lambda: len(load.acknowledged) > 10, "outcomes are told")  # noqa: B023 - called at once
        before = load.names()
        wait_for(lambda: before <= set(serving.ids()), "what was answered is written while more comes")  # noqa: B023
        threading.Event().wait(float(dice.random()))
        serving.end(signal.SIGKILL)
        load.stop()
        acknowledged |= load.acknowledged
        answered += load.predicted.values()
        early |= before
        if kill % 2:
            serving.project.compact()
        for path in (serving.folder / ".headgate" / "spool" / "sums").glob("*.arrows"):
            assert sum(batch.num_rows for batch in batches(path)) > 0, "every segment is readable"
    assert acknowledged <= serving.kept(), "an acknowledged outcome is lost"
    found = serving.ids()
    assert len(found) == len(set(found)), "a prediction is there twice"
    logged = set(found)
    assert early <= logged, "what was written is lost"
    for names in answered:  # of one client, one after the other
        kept = [name in logged for name in names]
        assert kept == sorted(kept, reverse=True), "a prediction is lost before one that is kept"
    assert not list((serving.folder / ".headgate" / "spool" / "sums").glob("*.damaged"))


def test_sigterm_loses_nothing(serving: Serving) -> None:
    serving.start()
    load = Load(serving.port)
    wait_for(lambda: len(load.acknowledged) > 50, "much is under way")
    assert serving.end() == 0
    load.stop()
    assert load.names() == set(serving.ids())
    assert load.acknowledged <= serving.kept()
    assert "ERROR" not in serving.log()


def test_no_outcome_is_acknowledged_before_the_sync_returned_nor_when_it_failed(serving: Serving) -> None:
    (serving.folder / "hold").touch()
    serving.start(TRAP)
    name = serving.ask("POST", INFER, body(1, 2, 3))[2]["headgate-prediction-id"]
    answers: list[tuple[int, Any]] = []

    def tell(value: int) -> None:
        answers.append(serving.ask("POST", "/outcomes", {"id": name, "value": value})[:2])

    tellers = [threading.Thread(target=tell, args=(value,)) for value in range(5)]
    for teller in tellers:
        teller.start()
    wait_for((serving.folder / "called").exists, "the sync was called")
    threading.Event().wait(0.2)
    assert answers == [], "an answer left before the sync returned"
    assert serving.ask("POST", INFER, body(1, 2, 3))[0] == 200, "predictions do not wait for outcomes"
    (serving.folder / "hold").unlink()
    for teller in tellers:
        teller.join()
    assert answers == [(200, {"accepted": 1})] * 5
    (serving.folder / "fail").touch()
    status, answer, headers = serving.ask("POST", "/outcomes", {"id": name, "value": 77})
    assert (status, answer["code"], headers["retry-after"]) == (503, "outcomes_not_kept", "1")
    assert f"{name}=77" not in serving.kept()
    (serving.folder / "fail").unlink()
    assert serving.ask("POST", "/outcomes", {"id": name, "value": 78})[0] == 200
    assert serving.kept() == {f"{name}={value}" for value in (0, 1, 2, 3, 4, 78)}


def test_what_was_answered_and_became_true_is_shown_joined_and_compacted(serving: Serving) -> None:
    serving.start()
    names = [
        serving.ask("POST", INFER, body(at, 0, 0), {"headgate-unit": f"unit{at}"})[2]["headgate-prediction-id"]
        for at in range(3)
    ]
    rows = json.dumps({"inputs": [{"name": "x", "shape": [2, 3], "datatype": "FP32", "data": [9] * 6}]}).encode()
    several = serving.ask("POST", INFER, rows)[2]["headgate-prediction-id"]
    status, answer, _ = serving.ask(
        "POST",
        "/outcomes",
        [{"id": names[0], "value": True}, {"id": several, "row": 1, "value": 3}, {"id": "7", "value": 1}],
    )
    assert (status, answer["code"], answer["accepted"]) == (400, "bad_outcomes", 2)
    assert [one["row"] for one in answer["errors"]] == [2]
    soon = datetime.now(UTC).isoformat()
    of_unit = {"model": "sums", "unit": "unit2", "time": soon, "value": "late"}
    assert serving.ask("POST", "/outcomes", {"outcomes": [of_unit]})[:2] == (200, {"accepted": 1})
    written = [file.read_bytes() for file in serving.project.state.glob("outcomes/segments/*")]
    assert any(b"hashed:" in one for one in written)
    assert not any(b"unit2" in one for one in written), "no unit is written in clear"
    for content, code in ((b"[]", "bad_body"), (b"7", "bad_body"), (b"{", "bad_body"), (b"[" * 9999, "bad_body")):
        assert serving.ask("POST", "/outcomes", content)[1]["code"] == code
    assert serving.ask("POST", "/outcomes", [{}] * 10_001)[0] == 413
    assert serving.ask("GET", "/outcomes")[0] == 405
    wait_for(lambda: len(serving.ids()) == 5, "everything is in the spool")
    shown = json.loads(serving.run("predictions", "sums", "--since", "1h", "--unit", "unit1", "--json").stdout)
    assert [(row["id"], row["inputs"], row["outputs"]) for row in shown] == [
        (names[1], {"x": [1, 0, 0]}, {"prediction": 2.0})
    ]
    assert "unit1" not in json.dumps(shown), "the policy says that units are hashed"
    assert (shown[0]["version"], shown[0]["arm"], shown[0]["role"], shown[0]["status"]) == (
        "1",
        "champion",
        "live",
        200,
    )
    assert serving.end() == 0
    assert "5 predictions to 1 Parquet files" in serving.run("compact").stdout
    table = serving.run("predictions", "--id", several).stdout
    assert f"{several} +1" in table
    assert "prediction=28" in table
    with (serving.folder / "outcomes.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([["id", "value", "true_at"], [names[1], "0.5", soon]])
        writer.writerows([["nothing", "1", ""], [names[0], "false", soon]])
    imported = serving.run("outcomes", "import", str(serving.folder / "outcomes.csv"))
    assert imported.returncode == 1
    assert "2 outcomes are kept\n  row 2: id 'nothing' is no prediction id" in imported.stdout
    listed = json.loads(serving.run("outcomes", "list", "--json").stdout)
    assert {(row["id"], row["row"], row["outcome"]) for row in listed} == {
        (names[0], 0, "false"), (names[1], 0, "0.5"), (names[2], 0, "late"), (several, 1, "3"),
    }  # fmt: skip
    covered = json.loads(serving.run("outcomes", "coverage", "--maturity", "1ms", "--json").stdout)
    assert covered["arms"][0] | {"version": "1"} == {
        "arm": "champion", "role": "live", "version": "1", "predictions": 5, "mature": 5,
        "with_outcome": 4, "mature_with_outcome": 4, "corrected": 1,
    }  # fmt: skip
    assert covered["parked"] == 0


def test_a_file_of_outcomes_must_hold_outcomes(serving: Serving) -> None:
    folder = serving.folder
    (folder / "a.csv").write_text("id,valu\n1,2\n")
    wrong = serving.run("outcomes", "import", str(folder / "a.csv"))
    assert wrong.returncode == 4
    assert "unknown column valu" in wrong.stderr
    assert "there is no such file" in serving.run("outcomes", "import", str(folder / "b.csv")).stderr
    (folder / "c.parquet").write_bytes(b"no")
    assert "this is no Parquet file" in serving.run("outcomes", "import", str(folder / "c.parquet")).stderr
    times = pa.array([datetime(2026, 3, 1)], pa.timestamp("us"))  # noqa: DTZ001 - a file without zones
    table = pa.table({"model": ["sums"], "unit": ["ada"], "time": times, "value": [True]})
    pa.parquet.write_table(table, folder / "d.parquet")
    good = serving.run("outcomes", "import", str(folder / "d.parquet"), "--json")
    assert (good.returncode, json.loads(good.stdout)["accepted"]) == (0, 1)
    (row,) = serving.project.outcomes().table().to_pylist()
    assert (row["value"], row["number"], row["time"]) == ("true", 1.0, 1772323200000000)
    assert row["unit"] == f"hashed:{serving.project.log_hash()('ada')}", "the policy says so, wherever it comes from"
    assert serving.run("predictions", "--since", "yesterday").returncode == 4
    assert "no predictions; --since" in serving.run("predictions").stdout
