"""A real worker process: many clients, pointers moved under load, tampered bundles, and an end that loses nothing."""

import asyncio
import json
import re
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from headgate.base.clock import SystemClock
from headgate.journal.event import NewEvent
from headgate.journal.ports import Document, EventStore
from headgate.routing.route import COLLECTION
from headgate.testing.serving import pyfunc_bundle, route, sum_bundle
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
        id: { type: string }
        at: { type: timestamp }
        x: { type: float }
        y: { type: float }
    features: { file: null, inputs: [x] }
    split: { holdout: 1d }
    scorecard:
      - { kind: metric, metric: rmse, role: primary, at_most: 1 }
    serving: { queue_ms: 10000 }  # what is refused under overload is tested elsewhere; a busy machine is none here
"""
INFER = "/v2/models/sums/infer"


def body(*rows: list[float]) -> bytes:
    data = [value for row in rows for value in row]
    tensor = {"name": "x", "shape": [len(rows), 3], "datatype": "FP32", "data": data}
    return json.dumps({"inputs": [tensor]}).encode()


class Serving:
    """A project folder with a journal of its own, and a worker on it."""

    def __init__(self, folder: Path) -> None:
        (folder / "headgate.yaml").write_text(POLICY)
        self.folder = folder
        self.journal: EventStore = Project.open(folder, SystemClock()).journal()
        self.moves = 0
        self.digests: dict[str, str] = {}
        self.process: subprocess.Popen[str] | None = None
        self.port = 0

    def bundle(self, version: str) -> Path:
        return self.folder / "bundles" / version

    def make(self, version: str) -> None:
        self.digests[version] = sum_bundle(self.bundle(version), "sums", float(version))

    def move(self, version: str, digest: str = "") -> None:
        """Move the pointer as `promote` does: event and route document in one append."""
        self.moves += 1
        wanted = route("sums", self.moves, version, digest or self.digests[version], self.bundle(version))
        event = NewEvent("pointer.moved", "person:ada", "a test", {"to": version, "revision": self.moves})
        document = Document(COLLECTION, "sums", self.moves, wanted.to_json())
        self.journal.append("model/sums", self.moves - 1, [event], [document])

    def start(self, *, ready: bool = True) -> None:
        command = [sys.executable, "-m", "headgate.cli.main", "serve", "-C", str(self.folder), "--port", "0"]
        with (self.folder / "worker.log").open("w") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        assert found, f"{line}{self.log()}"
        self.port = int(found[1])
        if ready:
            wait_for(lambda: self.ask("GET", "/v2/health/ready")[0] == 200, "the worker is ready")

    def log(self) -> str:
        return (self.folder / "worker.log").read_text()

    def ask(self, method: str, path: str, content: bytes = b"") -> tuple[int, Any, dict[str, str]]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=LONGEST)
        try:
            connection.request(method, path, content)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read()), dict(answer.getheaders())
        finally:
            connection.close()

    def version(self) -> str | None:
        models = self.ask("GET", "/v2/health/ready")[1]["models"]
        return models[0]["version"] if models else None

    def end(self) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(LONGEST)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    one = Serving(tmp_path)
    yield one
    if one.process is not None and one.process.poll() is None:
        one.process.kill()
        one.end()


async def exchange(port: int, path: str, content: bytes, count: int) -> list[tuple[int, dict[str, str], bytes]]:
    """Send a request `count` times on one connection, one after the other; return status, headers and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = []
    for _ in range(count):
        writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content)
        answers.append(await read_answer(reader))
    writer.close()
    await writer.wait_closed()
    return answers


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(first.split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


def value_of(answer: bytes) -> tuple[str, float]:
    read = json.loads(answer)
    return read["model_version"], read["outputs"][0]["data"][0]


def test_the_worker_serves_the_champion_and_never_imports_what_training_needs(serving: Serving) -> None:
    serving.make("1")
    serving.move("1")
    serving.start()
    status, answer, headers = serving.ask("POST", INFER, body([1, 2, 3], [4, 5, 6]))
    assert (status, answer["outputs"][0]["data"]) == (200, [7.0, 16.0])
    assert {headers["headgate-version"], answer["model_version"]} == {"1"}
    assert serving.ask("GET", "/v2/models/sums/versions/1/ready")[0] == 200
    assert serving.process is not None
    loaded = {line.split()[-1] for line in Path(f"/proc/{serving.process.pid}/maps").read_text().splitlines()}
    for library in ("pandas", "sklearn", "scipy", "pyarrow", "lightgbm", "duckdb"):
        assert not [path for path in loaded if f"/{library}/" in path], f"a worker maps {library}"
    assert serving.end() == 0


def test_what_a_worker_imports(tmp_path: Path) -> None:
    serving = Serving(tmp_path)
    serving.make("1")
    serving.move("1")
    code = (
        "import atexit, sys\n"
        "from headgate.cli.main import main\n"
        "atexit.register(lambda: print(*sorted(sys.modules)))\n"
        f"sys.argv = ['headgate', 'serve', '-C', {str(tmp_path)!r}, '--port', '0']\n"
        "main()\n"
    )
    with (tmp_path / "worker.log").open("w") as log:
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=log, text=True)
    wait_for(lambda: "version 1 serves" in serving.log() or process.poll() is not None, "it serves", serving.log)
    process.send_signal(signal.SIGTERM)
    modules = set(process.communicate(timeout=LONGEST)[0].split())
    assert "onnxruntime" in modules, serving.log()
    banned = {"mlflow", "pandas", "sklearn", "feast", "evidently", "scipy", "pyarrow", "onnx", "duckdb", "lightgbm"}
    assert modules & banned == set()


def test_many_clients_at_once_each_get_their_own_answer(serving: Serving) -> None:
    serving.make("1")
    serving.move("1")
    serving.start()

    async def everybody() -> list[list[tuple[int, dict[str, str], bytes]]]:
        return await asyncio.gather(
            *[exchange(serving.port, INFER, body([client, 0, 0.5]), 20) for client in range(100)]
        )

    for client, answers in enumerate(asyncio.run(everybody())):
        assert [status for status, _, _ in answers] == [200] * 20
        assert {value_of(content) for _, _, content in answers} == {("1", client + 1.5)}


def test_pipelined_requests_are_answered_in_order(serving: Serving) -> None:
    serving.make("1")
    serving.move("1")
    serving.start()

    async def pipeline() -> list[bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", serving.port)
        for at in range(500):
            content = body([at, 0, 0]) if at % 7 else body([at, 0, 0], [0, 0, 0])
            writer.write(
                f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content
            )
        answers = [(await read_answer(reader))[2] for _ in range(500)]
        writer.close()
        return answers

    assert [value_of(answer)[1] for answer in asyncio.run(pipeline())] == [at + 1.0 for at in range(500)]


def test_200_pointer_moves_under_load_fail_no_request_and_every_answer_is_its_versions(serving: Serving) -> None:
    for version in ("1", "2", "3", "4"):
        serving.make(version)
    serving.move("1")
    serving.start()
    moving = True
    seen: Counter[str] = Counter()

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", serving.port)
        content = body([number, 0.25, 0])
        request = f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content
        while moving:
            writer.write(request)
            status, headers, answer = await read_answer(reader)
            assert status == 200, answer
            version, value = value_of(answer)
            assert headers["headgate-version"] == version
            assert value == number + 0.25 + float(version)
            seen[version] += 1
        writer.close()

    async def load() -> None:
        await asyncio.gather(*[client(number) for number in range(16)])

    failed: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(load())
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    for move in range(200):
        version = "1234"[(move + 1) % 4]
        serving.move(version)
        wait_for(lambda: failed or seen[version], f"{version} has answered")  # noqa: B023 - called at once
        threading.Event().wait(0.05)
    serving.move("3")
    wait_for(lambda: serving.version() == "3", "the last move took effect")
    moving = False
    thread.join()
    assert not failed, failed
    assert set(seen) == {"1", "2", "3", "4"}
    assert serving.end() == 0
    assert "ERROR" not in serving.log()


def test_a_tampered_bundle_is_refused_and_the_old_version_keeps_serving(serving: Serving) -> None:
    for version in ("1", "2", "3"):
        serving.make(version)
    serving.move("1")
    serving.start()
    model = serving.bundle("2") / "model.onnx"
    model.write_bytes(model.read_bytes() + b"\0")
    for version, digest, words in (
        ("2", "", "changed since it was sealed: model.onnx"),
        ("3", serving.digests["2"], "not the approved"),
        ("9", serving.digests["1"], "there is no folder"),
    ):
        serving.move(version, digest)

        def why() -> str:
            return str(serving.ask("GET", "/v2/health/ready")[1]["models"][0].get("why", ""))

        wait_for(lambda: f"version {version} is refused" in why(), "the refusal is shown")  # noqa: B023 - called at once
        assert words in why()
        assert words in serving.log()
        assert serving.ask("POST", INFER, body([1, 0, 0]))[1]["model_version"] == "1"
    status, answer, _ = serving.ask("POST", "/v2/models/sums/versions/2/infer", body([1, 0, 0]))
    assert (status, answer["code"]) == (404, "unknown_version")
    assert "served: 1" in answer["error"]
    serving.move("3")
    wait_for(lambda: serving.version() == "3", "the good version serves")


def test_the_database_going_away_changes_nothing_for_clients(serving: Serving) -> None:
    serving.make("1")
    serving.move("1")
    serving.start()

    def run(statement: str) -> None:
        with closing(sqlite3.connect(serving.folder / ".headgate" / "headgate.db")) as database:
            database.execute(statement)

    def routes() -> str:
        return str(serving.ask("GET", "/v2/health/ready")[1]["routes"])

    run("ALTER TABLE documents RENAME TO gone")
    wait_for(lambda: "cannot be read" in routes(), "the page says so")
    assert serving.ask("POST", INFER, body([1, 0, 0]))[1]["outputs"][0]["data"] == [2.0]
    run("ALTER TABLE gone RENAME TO documents")
    serving.make("2")
    serving.move("2")
    wait_for(lambda: serving.version() == "2", "the routes are followed again")
    assert routes() == "read"


def test_a_slow_client_is_cut_off_and_disturbs_nobody(serving: Serving) -> None:
    serving.make("1")
    serving.move("1")
    serving.start()
    with socket.create_connection(("127.0.0.1", serving.port), timeout=LONGEST) as slow:
        slow.sendall(b"POST /v2/models/sums/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n{")
        assert serving.ask("POST", INFER, body([1, 0, 0]))[0] == 200
        assert slow.recv(12) == b"HTTP/1.1 408"
        while slow.recv(4096):
            pass


def test_sigterm_answers_what_is_in_flight_and_exits_0(serving: Serving) -> None:
    serving.make("1")
    serving.move("1")
    serving.start()
    content = body([1, 2, 3])
    head = f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n\r\n".encode()
    with (
        socket.create_connection(("127.0.0.1", serving.port), timeout=LONGEST) as halfway,
        socket.create_connection(("127.0.0.1", serving.port), timeout=LONGEST) as idle,
    ):
        halfway.sendall(head + content[:10])
        assert serving.ask("GET", "/v2/health/live")[0] == 200  # by now the worker has read what was sent before
        assert serving.process is not None
        serving.process.send_signal(signal.SIGTERM)
        assert idle.recv(100) == b""
        with pytest.raises(ConnectionError):
            socket.create_connection(("127.0.0.1", serving.port), timeout=LONGEST)
        halfway.sendall(content[10:])
        answer = b""
        while piece := halfway.recv(4096):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in answer
    assert answer.endswith(b'"data":[7.0]}]}')
    assert serving.end() == 0


def test_a_client_that_resets_its_connection_hurts_nobody(serving: Serving) -> None:
    serving.make("1")
    serving.move("1")
    serving.start()
    content = body([1, 2, 3])
    for _ in range(50):
        rude = socket.create_connection(("127.0.0.1", serving.port), timeout=LONGEST)
        rude.sendall(f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content)
        rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        rude.close()
    assert serving.ask("POST", INFER, content)[0] == 200
    assert serving.end() == 0
    assert "Traceback" not in serving.log()


def test_a_port_in_use_and_an_open_address_are_said_in_one_line(serving: Serving) -> None:
    serving.make("1")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        for options, code, words in (
            (["--port", str(taken.getsockname()[1])], 5, "cannot listen"),
            (["--host", "0.0.0.0"], 3, "--insecure-no-auth"),  # noqa: S104 - what is refused
        ):
            command = [sys.executable, "-m", "headgate.cli.main", "serve", "-C", str(serving.folder), *options]
            ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST)
            assert ran.returncode == code
            assert words in ran.stderr
            assert "Traceback" not in ran.stderr


PYFUNC = """
import os

def _load_pyfunc(path):
    return Model()

class Model:
    def predict(self, frame, params=None):
        sums = [float(sum(row)) for row in frame["x"]]
        if -1.0 in sums:
            os._exit(9)
        if -2.0 in sums:
            raise ValueError("negative words")
        return sums
"""


def test_a_pyfunc_version_runs_apart_and_its_crash_is_a_503_that_heals(serving: Serving) -> None:
    serving.make("1")
    serving.digests["2"] = pyfunc_bundle(serving.bundle("2"), "sums", PYFUNC)
    serving.move("1")
    serving.start()
    serving.move("2")
    wait_for(lambda: serving.version() == "2", "the pyfunc version serves")
    assert serving.ask("POST", INFER, body([1, 2, 3], [4, 5, 6]))[1]["outputs"][0]["data"] == [6.0, 15.0]
    status, answer, _ = serving.ask("POST", INFER, body([-2, 0, 0]))
    assert status == 400
    assert "negative words" in answer["error"]
    status, answer, headers = serving.ask("POST", INFER, body([-1, 0, 0]))
    assert (status, answer["code"], headers["retry-after"]) == (503, "model_unavailable", "1")
    assert serving.ask("GET", "/v2/health/live")[0] == 200
    wait_for(lambda: serving.ask("POST", INFER, body([1, 0, 0]))[0] == 200, "the process is back")
    assert serving.process is not None
    children = Path(f"/proc/{serving.process.pid}/task/{serving.process.pid}/children")
    assert serving.end() == 0
    assert not children.exists()
