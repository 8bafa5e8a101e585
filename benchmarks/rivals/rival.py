"""The servers that people would use instead, each installed in an environment of its own and serving the same model.

An environment is kept in `.venv-bench` until the rival's requirements change. What cannot be installed is said, and
left out of the measurement.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.servers import Server, free_port, running

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parents[1] / ".venv-bench"
INFER = "/v2/models/flat/infer"


@dataclass(frozen=True, slots=True)
class Rival:
    """A server that is not ours.

    Attributes:
        name: Of its folder beside this file, and of its environment.
        command: Of its environment's programs, with `{port}`.
        more: Environment variables, with `{port}`.
    """

    name: str
    command: tuple[str, ...]
    more: Mapping[str, str] = field(default_factory=dict)


RIVALS = (
    Rival(
        "fastapi",
        ("uvicorn", "app:app", "--host", "127.0.0.1", "--port", "{port}", "--workers", "2", "--loop", "uvloop",
         "--http", "httptools", "--no-access-log", "--log-level", "warning"),
    ),
    Rival("mosec", ("python", "app.py", "--address", "127.0.0.1", "--port", "{port}", "--log-level", "warning")),
    Rival("mlserver", ("mlserver", "start", "."), {"MLSERVER_HTTP_PORT": "{port}", "MLSERVER_GRPC_PORT": "{other}"}),
)  # fmt: skip


def install(rival: Rival) -> str:
    """Make a rival's environment, where it is not there as its requirements say; return why not, or nothing."""
    place, wanted = ENVIRONMENTS / rival.name, (HERE / rival.name / "requirements.txt").read_bytes()
    stamp, mark = place / "installed", hashlib.sha256(wanted).hexdigest()
    if stamp.exists() and stamp.read_text() == mark:
        return ""
    shutil.rmtree(place, ignore_errors=True)
    print(f"installing {rival.name} in {place.relative_to(ENVIRONMENTS.parent)}: once", flush=True)
    pip = [str(place / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    for command in (
        [sys.executable, "-m", "venv", str(place)],
        [*pip, "--requirement", str(HERE / rival.name / "requirements.txt")],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return (done.stderr.strip() or done.stdout.strip() or "pip failed").splitlines()[-1]
    stamp.write_text(mark)
    return ""


@contextmanager
def serving(rival: Rival, model: Path, log: Path, ready: Callable[[str], bool]) -> Iterator[Server]:
    """Run a rival until the block ends; `ready` is asked with the URL of its predictions."""
    port = free_port()
    named = {"port": str(port), "other": str(free_port())}
    programs = ENVIRONMENTS / rival.name / "bin"
    command = [str(programs / rival.command[0]), *(part.format(**named) for part in rival.command[1:])]
    more = {name: value.format(**named) for name, value in rival.more.items()}
    paths = {"PATH": f"{programs}:{os.environ['PATH']}", "MODEL": str(model)}
    url = f"http://127.0.0.1:{port}"
    with running(
        command, url, lambda: ready(url + INFER), log, folder=HERE / rival.name, environment={**paths, **more}
    ) as server:
        yield server
