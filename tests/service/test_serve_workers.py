"""Several workers under a supervisor: killed, ended and replaced under load, and no request is lost for it."""

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Self

import pytest

from headgate.base.clock import SystemClock
from headgate.journal.event import NewEvent
from headgate.journal.ports import Document
from headgate.routing.route import COLLECTION
from headgate.testing.running import POLICY
from headgate.testing.serving import route, sum_bundle
from headgate.testing.waiting import LONGEST, wait_for
from headgate.wiring import Project

INFER = "/v2/models/simple/infer"
BODY = json.dumps({"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}]}).encode()


def make_project(folder: Path) -> None:
    folder.mkdir(parents=True)
    serving = "    serving: { cache: { ttl: 1h, max_mb: 1 } }\n"
    (folder / "headgate.yaml").write_text(POLICY + serving)
    bundle = folder / "bundles" / "1"
    wanted = route("simple", 1, "1", sum_bundle(bundle, "simple", 1.0), bundle)
    event = NewEvent("pointer.moved", "person:ada", "a test", {"to": "1", "revision": 1})
    document = Document(COLLECTION, "simple", 1, wanted.to_json())
    Project.open(folder, SystemClock()).journal().append("model/simple", 0, [event], [document])


class Crew:
    """`headgate serve --workers 2`."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.log = folder / "serve.log"
        command = [sys.executable, "-m", "headgate.cli.main", "serve", "-C", str(folder), "--port", "0", *options]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        found = re.search(r"//127\.0\.0\.1:(\d+)", self.process.stdout.readline())
        assert found, self.log.read_text()
        self.port = int(found[1])
        shown = re.search(r"(http://127\.0\.0\.1:\d+)/metrics", self.process.stdout.readline())
        assert shown
        self.admin = shown[1]

    def metrics(self) -> str:
        return self.show("/metrics")

    def show(self, path: str) -> str:
        with urllib.request.urlopen(f"{self.admin}{path}", timeout=LONGEST) as answer:  # noqa: S310 - our own address
            return str(answer.read().decode())

    def ask(self, method: str = "POST", path: str = INFER, body: bytes = BODY) -> tuple[int, bytes]:
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=LONGEST)) as connection:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in children if b"headgate.cli.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def said(self, words: str) -> int:
        return self.log.read_text().count(words)

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(LONGEST)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crew") / "project"
    make_project(folder)
    return folder


@pytest.fixture(scope="module")
def crew(place: Path) -> Iterator[Crew]:
    one = Crew(place, "--workers", "2", "--unix-socket", str(place / "gateway.sock"))
    try:
        wait_for(lambda: one.said("is ready") == 2, "both workers are ready")
        yield one
    finally:
        if one.process.poll() is None:
            one.end()


class Load:
    """Clients that ask until they are told to stop; each request on a connection of its own."""

    def __init__(self, crew: Crew, clients: int = 4) -> None:
        self.seen: Counter[str] = Counter()
        self._crew = crew
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.seen[str(self._crew.ask()[0])] += 1
            except (OSError, HTTPException) as error:
                self.seen[type(error).__name__] += 1


def metric(page: str, name: str) -> float:
    return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if re.match(rf"{name}[ {{]", line))


def test_the_metrics_of_all_workers_are_on_one_page(crew: Crew) -> None:
    # The first to ask: whatever is on the page then came from here.
    answers = [crew.ask()[0] for _ in range(40)] + [crew.ask(body=b"{")[0] for _ in range(3)]
    assert Counter(answers) == {200: 40, 400: 3}

    def told(name: str) -> float:
        return metric(crew.metrics(), f"headgate_{name}")

    wait_for(lambda: (told("requests_total"), told("refused_total")) == (40, 3), "every worker has told")
    assert told("rows_total") == told("request_duration_seconds_count") == 40
    wait_for(lambda: told("log_rows_total") == 40, "the log is written")
    page = crew.metrics()
    misses = metric(page, "headgate_cache_misses_total")
    assert 1 <= misses <= 2  # one for each worker that met the row
    assert metric(page, "headgate_cache_hits_total") == 40 - misses
    assert metric(page, "headgate_cache_bytes") > 0
    assert re.search(r'headgate_refused_total{status="400",code="\w+"} 3', page)
    assert metric(page, "headgate_workers") == 2
    assert metric(page, "headgate_version_load_seconds") > 0
    health = json.loads(crew.show("/health"))
    assert [worker["ready"] for worker in health["workers"]] == [True, True]
    assert {worker["pid"] for worker in health["workers"]} == set(crew.workers())


def test_a_worker_that_ends_and_all_that_are_replaced_cost_no_request(crew: Crew) -> None:
    before = crew.workers()
    assert len(before) == 2
    with Load(crew) as load:
        ready = crew.said("is ready")
        os.kill(before[0], signal.SIGTERM)  # drains and exits 0; the supervisor did not ask for it
        wait_for(lambda: crew.said("is ready") == ready + 1, "another worker stands there")
        crew.process.send_signal(signal.SIGHUP)
        wait_for(lambda: crew.said("every worker was replaced") == 1, "every worker is replaced")
        wait_for(lambda: load.seen["200"] > 50, "enough was asked")
    assert load.seen.keys() == {"200"}, load.seen
    assert not set(before) & set(crew.workers())


def test_a_killed_worker_costs_what_it_had_in_hand_and_no_more(crew: Crew) -> None:
    with Load(crew) as load:
        ready, victim = crew.said("is ready"), crew.workers()[0]
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: crew.said("is ready") == ready + 1, "another worker stands there")
    lost = sum(count for what, count in load.seen.items() if what != "200")
    assert lost <= 4, load.seen  # one for each client
    assert victim not in crew.workers()


def test_a_unix_socket_leads_to_the_same_workers(crew: Crew, place: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as plug:
        plug.settimeout(LONGEST)
        plug.connect(str(place / "gateway.sock"))
        plug.sendall(b"POST %b HTTP/1.0\r\nContent-Length: %d\r\n\r\n%b" % (INFER.encode(), len(BODY), BODY))
        answer = b"".join(iter(lambda: plug.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b'"data":[7.0]' in answer


def test_a_worker_that_dies_while_the_database_is_away_serves_again_what_was_read_last(crew: Crew, place: Path) -> None:
    database, aside = place / ".headgate" / "headgate.db", place / "aside"
    aside.mkdir()
    moved = list(database.parent.glob("headgate.db*"))
    for path in moved:
        path.rename(aside / path.name)
    database.mkdir()  # nothing can be opened there
    ready = crew.said("is ready")
    try:
        for pid in crew.workers():
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: crew.said("is ready") >= ready + 2, "both are back")
        wait_for(lambda: "routes: cannot be read" in crew.show("/health"), "the health page says so")
        assert {crew.ask()[0] for _ in range(20)} == {200}
    finally:
        database.rmdir()
        for path in moved:
            (aside / path.name).rename(path)
    wait_for(lambda: "routes: cannot be read" not in crew.show("/health"), "the routes are read again")


def test_a_second_server_on_the_port_is_refused(crew: Crew, place: Path) -> None:
    command = [sys.executable, "-m", "headgate.cli.main", "serve", "-C", str(place), "--workers", "2"]
    command += ["--port", str(crew.port)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST)
    assert ran.returncode == 5
    assert "cannot listen" in ran.stderr


def test_the_end_finishes_what_is_in_flight_exits_0_and_keeps_the_rollups(crew: Crew, place: Path) -> None:
    with closing(HTTPConnection("127.0.0.1", crew.port, timeout=LONGEST)) as slow:
        slow.putrequest("POST", INFER)
        slow.putheader("Content-Length", str(len(BODY)))
        slow.endheaders(BODY[:10])
        wait_for(lambda: metric(crew.metrics(), "headgate_connections") == 1, "a worker has it in hand")
        workers = crew.workers()
        asked = metric(crew.metrics(), "headgate_requests_total")
        crew.process.send_signal(signal.SIGTERM)
        wait_for(lambda: len(crew.workers()) == 1, "the worker that has nothing in hand is gone")
        slow.send(BODY[10:])
        assert slow.getresponse().status == 200
    assert crew.end() == 0
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
    rows = list(Project.open(place, SystemClock()).rollups().read("simple", 0, 2**40))
    assert sum(row.count for row in rows) >= asked > 0
    assert all(sum(row.units) == sum(row.latency.values()) == row.count for row in rows)


def test_workers_do_not_outlive_a_killed_supervisor(place: Path) -> None:
    crew = Crew(place, "--workers", "2")
    wait_for(lambda: crew.said("is ready") == 2, "both workers are ready")
    workers = crew.workers()
    crew.process.kill()
    crew.end()
    assert len(workers) == 2
    wait_for(lambda: not [pid for pid in workers if Path(f"/proc/{pid}").exists()], "the workers have drained")


def test_tls_by_settings(place: Path, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    make_project(folder)
    certificate, key = folder / "cert.pem", folder / "key.pem"
    made = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=x -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*made.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    text = (folder / "headgate.yaml").read_text()
    (folder / "headgate.yaml").write_text(f"{text}settings: {{ tls_certificate: cert.pem, tls_key: key.pem }}\n")
    crew = Crew(folder)
    trust = ssl.create_default_context(cafile=str(certificate))
    wait_for(lambda: crew.said("version 1 serves"), "the model serves")
    with closing(HTTPSConnection("127.0.0.1", crew.port, timeout=LONGEST, context=trust)) as connection:
        for _ in range(3):
            connection.request("POST", INFER, BODY)
            answer = connection.getresponse()
            assert (answer.status, json.loads(answer.read())["outputs"][0]["data"]) == (200, [7.0])
    assert crew.end() == 0
