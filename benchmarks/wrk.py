"""Drive a server with wrk (one thread) and read what it says."""

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw.

    Attributes:
        rate: Answers a second.
        p50: Milliseconds.
        p99: Milliseconds.
        failed: Answers that were not 2xx, and broken connections.
    """

    rate: float
    p50: float
    p99: float
    failed: int


def found() -> bool:
    """Say whether wrk is installed."""
    return shutil.which("wrk") is not None


def script(folder: Path, name: str, body: dict[str, Any]) -> Path:
    """Write the Lua file that makes wrk post this body."""
    path = folder / f"{name}.lua"
    path.write_text(
        f'wrk.method = "POST"\nwrk.body = [==[{json.dumps(body)}]==]\n'
        'wrk.headers["Content-Type"] = "application/json"\n'
    )
    return path


def drive(url: str, lua: Path, connections: int, seconds: float) -> Load:
    """Load a URL; the generator shares the machine with the server, as in every figure here."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--latency", "-s", str(lua), url]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    failed = sum(int(number) for number in re.findall(r"Non-2xx or 3xx responses: (\d+)", text))
    if broken := re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text):
        failed += sum(map(int, broken.groups()))
    rate = float(re.findall(r"Requests/sec:\s+([\d.]+)", text)[0])
    return Load(rate, _quantile(text, "50%"), _quantile(text, "99%"), failed)


def _quantile(text: str, name: str) -> float:
    number, unit = re.findall(rf"{name}\s+([\d.]+)(us|ms|s|m)", text)[0]
    return float(number) * UNITS[unit]
