"""Start what is measured: the worker as users start it, the bare sketch, and nginx as the limit of HTTP."""

import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from headgate.base.clock import SystemClock
from headgate.journal.event import NewEvent
from headgate.journal.ports import Document, EventStore
from headgate.routing.route import COLLECTION, Arm, Route
from headgate.wiring import Project

POLICY = """\
project: bench
models:
  flat:
    task: binary
    data:
      source: rows.csv
      id: id
      time: at
      label: { column: y }
      columns: { id: { type: string }, at: { type: timestamp }, x: { type: float }, y: { type: int } }
    features: { file: null, inputs: [x] }
    split: { holdout: 1d }
    scorecard: [{ kind: metric, metric: roc_auc, role: primary, at_least: 0.5 }]
"""
NGINX = """\
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}; proxy_temp_path {folder};
  fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ default_type application/json; return 200 '{{"ok":true}}'; }}
  }}
}}
"""


@dataclass(slots=True)
class Server:
    """A running server.

    Attributes:
        url: Where it answers.
        process: Its process.
        ready_after: Seconds from the start of the process to the first good answer.
    """

    url: str
    process: "subprocess.Popen[str]"
    ready_after: float

    def resident_mb(self) -> float:
        """Return its resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) / 1024


class Routes:
    """A project whose journal routes to bundles, moved as `promote` moves them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "headgate.yaml").write_text(POLICY)
        self.folder = folder
        self.journal: EventStore = Project.open(folder, SystemClock()).journal()
        self.revisions: dict[str, int] = {}

    def move(self, model: str, version: str, digest: str, bundle: Path) -> None:
        """Let a version serve."""
        before = self.revisions.get(model, 0)
        revision = self.revisions[model] = before + 1
        route = Route(model, revision, (Arm("champion", version, digest, 1.0, str(bundle)),))
        event = NewEvent("pointer.moved", "process:bench", "a benchmark", {"to": version, "revision": revision})
        document = Document(COLLECTION, model, revision, route.to_json())
        self.journal.append(f"model/{model}", before, [event], [document])


@contextmanager
def worker(routes: Routes) -> Iterator[Server]:
    """Run `headgate serve`."""
    port = free_port()
    command = [sys.executable, "-m", "headgate.cli.main", "serve", "-C", str(routes.folder), "--port", str(port)]
    with _running(command, f"http://127.0.0.1:{port}", "/v2/health/ready", routes.folder / "worker.log") as server:
        yield server


@contextmanager
def sketch(model: Path) -> Iterator[Server]:
    """Run the bare sketch."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.sketch", str(model), str(port)]
    with _running(command, f"http://127.0.0.1:{port}", "", model.parent.parent / "sketch.log") as server:
        yield server


@contextmanager
def nginx(folder: Path) -> Iterator[Server | None]:
    """Run nginx with a fixed answer; None when it is not installed."""
    binary = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if binary is None:
        yield None
        return
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=port))
    with _running([binary, "-c", str(config)], f"http://127.0.0.1:{port}", "/", folder / "nginx.out") as server:
        yield server


@contextmanager
def _running(command: list[str], url: str, ready: str, log: Path) -> Iterator[Server]:
    began = time.perf_counter()
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, text=True)
    try:
        while not _answers(url, ready):
            if process.poll() is not None or time.perf_counter() - began > 30:
                raise RuntimeError(f"{' '.join(command)} does not answer:\n{log.read_text()}")
            threading.Event().wait(0.01)
        yield Server(url, process, time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str, path: str) -> bool:
    if not path:  # the sketch answers nothing but predictions: listening is all it can show
        host, port = url.removeprefix("http://").split(":")
        with socket.socket() as plug:
            return plug.connect_ex((host, int(port))) == 0
    try:
        with urllib.request.urlopen(url + path, timeout=5) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as plug:
        plug.bind(("127.0.0.1", 0))
        return int(plug.getsockname()[1])
