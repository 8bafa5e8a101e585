"""A worker process on a project of its own, for tests that speak to it as clients do."""

import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

from headgate.base.clock import SystemClock
from headgate.journal.event import NewEvent
from headgate.journal.ports import Document
from headgate.routing.route import COLLECTION
from headgate.testing.examples import MODELS
from headgate.testing.serving import route
from headgate.testing.waiting import LONGEST, wait_for
from headgate.wiring import Project

PORTS = 2
POLICY = """\
project: conformance
models:
  simple:
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
"""


@dataclass(frozen=True)
class Server:
    """A running worker."""

    process: subprocess.Popen[str]
    port: int
    grpc_port: int
    folder: Path

    @property
    def address(self) -> str:
        """Host and port of HTTP."""
        return f"127.0.0.1:{self.port}"

    @property
    def grpc_address(self) -> str:
        """Host and port of gRPC."""
        return f"127.0.0.1:{self.grpc_port}"

    def resident(self) -> int:
        """Return the worker's resident memory in KiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def log(self) -> str:
        """What the worker wrote."""
        return (self.folder / "worker.log").read_text()


def start(folder: Path, *names: str) -> Server:
    """Start a worker that serves these models, and wait until it is ready."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "headgate.yaml").write_text(POLICY)
    journal = Project.open(folder, SystemClock()).journal()
    for name in names:
        bundle = folder / "bundles" / name
        wanted = route(name, 1, "1", MODELS[name](bundle), bundle)
        event = NewEvent("pointer.moved", "person:ada", "a test", {"to": "1", "revision": 1})
        journal.append(f"model/{name}", 0, [event], [Document(COLLECTION, name, 1, wanted.to_json())])
    command = [sys.executable, "-m", "headgate.cli.main", "serve", "-C", str(folder), "--port", "0", "--grpc-port", "0"]
    with (folder / "worker.log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)  # noqa: S603 - our own command
    assert process.stdout is not None
    ports: dict[str, int] = {}
    while len(ports) < PORTS and (line := process.stdout.readline()):
        if found := re.search(r"(gRPC on |http://)127\.0\.0\.1:(\d+)", line):
            ports["grpc" if "gRPC" in found[1] else "http"] = int(found[2])
    assert len(ports) == PORTS, (folder / "worker.log").read_text()
    server = Server(process, ports["http"], ports["grpc"], folder)
    try:
        wait_for(lambda: _is_ready(server), "the worker is ready", server.log)
    except AssertionError:
        process.kill()
        process.wait()
        process.stdout.close()
        raise
    return server


def _is_ready(server: Server) -> bool:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=LONGEST)
    try:
        connection.request("GET", "/v2/health/ready")
        return connection.getresponse().status == HTTPStatus.OK
    finally:
        connection.close()


def stop(server: Server) -> None:
    """End a worker; it must end well."""
    server.process.send_signal(signal.SIGTERM)
    code = server.process.wait(LONGEST)
    assert server.process.stdout is not None
    server.process.stdout.close()
    assert code == 0, server.log()
