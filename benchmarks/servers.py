"""Start what is measured, wait until it answers, and end it with all that it started."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks import processes
from benchmarks.project import Routes

PATIENCE = 60.0
NGINX = """\
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}; proxy_temp_path {folder};
  fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port}{protocol} backlog=4096;
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
        grpc_port: Where it answers gRPC, if it does.
    """

    url: str
    process: "subprocess.Popen[str]"
    ready_after: float
    grpc_port: int = 0

    @property
    def port(self) -> int:
        """Its HTTP port."""
        return int(self.url.rsplit(":", 1)[1])

    def resident_mb(self) -> float:
        """Return its resident memory."""
        return processes.resident_mb(self.process.pid)

    def cpu_seconds(self) -> float:
        """Return the processor time that it has used."""
        return processes.cpu_seconds(self.process.pid)


@contextmanager
def worker(routes: Routes, *, grpc: bool = False, workers: int = 1) -> Iterator[Server]:
    """Run `headgate serve`."""
    port, calls = free_port(), free_port()
    command = [sys.executable, "-m", "headgate.cli.main", "serve", "-C", str(routes.folder), "--port", str(port)]
    command += ["--workers", str(workers), *(["--grpc-port", str(calls)] if grpc else [])]
    url = f"http://127.0.0.1:{port}"
    ready = f"{url}/v2/health/ready"
    with running(command, url, lambda: answers(ready), routes.folder / "worker.log") as server:
        server.grpc_port = calls
        yield server


@contextmanager
def bare(loop: str, model: Path) -> Iterator[Server]:
    """Run a bare loop; it answers nothing but predictions: that it listens is all it can show."""
    port = free_port()
    command = [sys.executable, "-m", f"benchmarks.bare.{loop}", str(model), str(port)]
    with running(command, f"http://127.0.0.1:{port}", lambda: listens(port), model.parent / f"bare-{port}.log") as one:
        one.grpc_port = port
        yield one


@contextmanager
def nginx(folder: Path, protocol: str = "") -> Iterator[Server | None]:
    """Run nginx with a fixed answer; None when it is not installed."""
    binary = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if binary is None:
        yield None
        return
    port = free_port()
    place = folder / f"nginx{port}"
    place.mkdir()
    config = place / "nginx.conf"
    config.write_text(NGINX.format(folder=place, port=port, protocol=protocol and f" {protocol}"))
    with running([binary, "-c", str(config)], f"http://127.0.0.1:{port}", lambda: listens(port), place / "out") as one:
        one.grpc_port = port
        yield one


@contextmanager
def running(
    command: Sequence[str],
    url: str,
    ready: Callable[[], bool],
    log: Path,
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Run a command until the block ends; it is in a process group of its own, which ends with it.

    Raises:
        RuntimeError: It ended, or did not answer for a minute.
    """
    began = time.perf_counter()
    with log.open("w") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, text=True, start_new_session=True, cwd=folder,
            env={**os.environ, **(environment or {})},
        )  # fmt: skip
    try:
        while not ready():
            if process.poll() is not None or time.perf_counter() - began > PATIENCE:
                raise RuntimeError(f"{' '.join(command)} does not answer:\n{log.read_text()[-2000:]}")
            threading.Event().wait(0.01)
        yield Server(url, process, time.perf_counter() - began)
    finally:
        end(process)


def end(process: "subprocess.Popen[str]") -> None:
    """End a process, and whatever is left of its group."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):  # it does not end by itself: it is killed
        process.wait(10)
    with suppress(ProcessLookupError):  # all of it has ended
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def answers(url: str) -> bool:
    """Say whether a GET is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


def post(url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """Return the answer to a POST; raises urllib's errors."""
    request = urllib.request.Request(url, body, dict(headers))  # noqa: S310 - our own address
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        told: bytes = answer.read()
    return told


def listens(port: int) -> bool:
    """Say whether somebody listens on a port."""
    with socket.socket() as plug:
        return plug.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as plug:
        plug.bind(("127.0.0.1", 0))
        return int(plug.getsockname()[1])
