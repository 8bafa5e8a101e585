"""A project folder, and `headgate` as a person would type it there: what the demos share."""

import contextlib
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
TRIES = 3  # of the gate on a busy machine
OUT = Console(highlight=False)


def step(name: str, what: str) -> None:
    """Print a heading."""
    OUT.print(f"\n[bold]{name}[/bold]: {what}", soft_wrap=True)


class Shell:
    """Types commands in one project folder.

    Args:
        work: The folder.
    """

    def __init__(self, work: Path) -> None:
        self.work = work

    def make_project(self) -> None:
        """Make a fresh copy of this project with its data."""
        step("Data", "all flights that left New York in 2013, weather and aircraft, on one clock.")
        if not (HERE / "data" / "flights.parquet").exists():
            subprocess.run([sys.executable, str(HERE / "prepare.py")], check=True)
        if self.work.exists():
            shutil.rmtree(self.work)
        shutil.copytree(HERE, self.work, ignore=shutil.ignore_patterns(".headgate", "__pycache__"))

    def add_people(self) -> None:
        """Let ada, who trains, and grace, who approves, have keys."""
        for name in ("ada", "grace"):
            sponsor = () if name == "ada" else ("--as", "ada", "--their-key", self.key("ada"))
            self.do("person", "add", name, "--key", self.key(name), *sponsor)

    def key(self, name: str) -> str:
        """Return where the demo keeps a person's key."""
        return str(self.work / ".headgate" / "demo-keys" / f"{name}.pem")

    def grace(self, why: str) -> tuple[str, ...]:
        """Return the words with which grace says why she approves."""
        return "--as", "grace", "--key", self.key("grace"), "--because", why

    def gate(self, version: str, *more: str) -> Any:
        """Judge a version; again where latency alone fails: then the machine is busy with something else."""
        for left in reversed(range(TRIES)):
            code, verdict = self.run("gate", version, *more)
            failed = [line for line in verdict.get("lines", ()) if not line["passed"]]
            if code == 0:
                return verdict
            if not left or not failed or any(not line["line"].startswith("latency") for line in failed):
                told = "\n".join(f"  {line['line']}: {line['why']}" for line in failed)
                sys.exit(f"{told or verdict}\nheadgate gate ended with {code}; is the machine very busy?")
            OUT.print(f"  latency alone failed: {failed[0]['why']}; judged again", soft_wrap=True)
        raise AssertionError("unreachable: the last try returns or exits")

    def do(self, *words: str, expect: int = 0) -> Any:
        """Run a command, and return what it printed as JSON; end when it ends otherwise than expected."""
        code, said = self.run(*words, quiet=bool(expect))
        if code != expect:
            sys.exit(f"{said}\nheadgate {words[0]} ended with {code}, not {expect}")
        return said

    def run(self, *words: str, quiet: bool = False) -> tuple[int, Any]:
        """Run a command, and return its exit code and what it printed as JSON."""
        hidden = str(self.work)
        shown = " ".join(word if " " not in word else f'"{word}"' for word in words if "/demo-keys/" not in word)
        shown = shown.replace(" --key", "").replace(" --their-key", "").replace(f"{hidden}/", "")
        OUT.print(f"[cyan]$ headgate {shown}[/cyan]", soft_wrap=True)
        command = [*HEADGATE, *words, "--project", hidden, "--json"]
        tells = subprocess.DEVNULL if quiet else None  # what a command tells while it works is shown as it comes
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=tells, text=True, check=False)
        return done.returncode, json.loads(done.stdout) if done.stdout else {}

    def text(self, *words: str) -> str:
        """Run a command and return what it prints for people."""
        command = [*HEADGATE, *words, "--project", str(self.work)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "110"})
        return done.stdout

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve the project on a free port for as long as the block runs; yields the URL."""
        port = _free_port()
        OUT.print(f"[cyan]$ headgate serve --port {port}[/cyan]")
        with self.beside("serve", "--port", str(port)) as process:
            self._wait_ready(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}"

    @contextmanager
    def beside(self, *words: str) -> "Iterator[subprocess.Popen[bytes]]":
        """Run a command for as long as the block runs; what it says goes to .headgate/NAME.log."""
        with self.log(words[0]).open("w") as log:
            command = [*HEADGATE, *words, "--project", str(self.work)]
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
            try:
                yield process
            finally:
                process.terminate()
                process.wait(30)

    def log(self, name: str) -> Path:
        """Return where a command that runs beside says what it does."""
        return self.work / ".headgate" / f"{name}.log"

    def _wait_ready(self, url: str, process: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):  # it does not listen yet
                if httpx.get(f"{url}/v2/health/ready").status_code == httpx.codes.OK:
                    return
            if process.poll() is not None:
                break
            wait(0.05)
        sys.exit(self.log("serve").read_text())


HEADGATE = (sys.executable, "-m", "headgate.cli.main")


def wait(seconds: float) -> None:
    """Wait."""
    select.select([], [], [], seconds)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
