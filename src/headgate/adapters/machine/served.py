"""A worker of one's own that serves one bundle while it is measured; its journal and state are thrown away."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from headgate.base.errors import Unavailable
from headgate.gate.profile import Settings
from headgate.journal.event import NewEvent
from headgate.journal.ports import Document, EventStore
from headgate.policy.model import ModelPolicy, ServingPolicy
from headgate.routing.route import COLLECTION, Arm, Route

READY = 60.0  # seconds until it must answer
LOOK = 0.02
LAST = 2000  # characters of its log that an error shows
OK = 200


def policy_text(model: str, policy: ModelPolicy, settings: Settings) -> str:
    """Return a project of this one model, with these batch settings, without rate limits, cache or shedding.

    Of an ensemble the bundle alone serves: its members are no models of this project.
    """
    serving = ServingPolicy(queue_ms=60_000, **asdict(settings))
    bare = policy.model_copy(update={"serving": serving, "traffic": None, "ensemble": None})
    body = bare.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    return json.dumps({"project": "profile", "models": {model: body}})  # JSON is YAML


def let_serve(store: EventStore, model: str, version: str, digest: str, bundle: Path) -> None:
    """Write the route that lets a bundle serve."""
    route = Route(model, 1, (Arm("champion", version, digest, 1.0, str(bundle.resolve())),))
    event = NewEvent("pointer.moved", "process:profile", "to be measured", {"to": version, "revision": 1})
    store.append(f"model/{model}", 0, [event], [Document(COLLECTION, model, 1, route.to_json())])


@contextmanager
def scratch() -> Iterator[Path]:
    """Lend a folder for a project that is thrown away."""
    with tempfile.TemporaryDirectory(prefix="headgate-profile-") as place:
        yield Path(place)


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, int]]:
    """Run a worker on the project in the folder; yield its host and port once every model serves.

    Raises:
        Unavailable: It did not start, or the model does not serve; with the end of its log.
    """
    command = [sys.executable, "-m", "headgate.cli.main", "serve", "-C", str(folder), "--port", "0"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HEADGATE_")}
    log = folder / "worker.log"
    with log.open("w") as out:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=out, text=True, env=environment)  # noqa: S603 - our own command
    try:
        yield "127.0.0.1", _wait(process, log)
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _wait(process: "subprocess.Popen[str]", log: Path) -> int:
    """Return the port of a worker whose models serve."""
    end, port = time.monotonic() + READY, 0
    while not port and process.stdout is not None and (line := process.stdout.readline()):
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        port = int(found[1]) if found else 0
    while port and time.monotonic() < end and process.poll() is None:
        if _ready(port):
            return port
        time.sleep(LOOK)
    raise Unavailable(
        f"the measured worker does not serve: {log.read_text()[-LAST:].strip()}",
        where="headgate profile",
        way_out="open the bundle with `headgate gate`; it says what is wrong with it",
    )


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/health/ready", timeout=5) as answer:
            return bool(answer.status == OK)
    except (urllib.error.URLError, ConnectionError):
        return False
