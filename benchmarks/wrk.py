"""Drive a server with wrk (one thread) and read what it says."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True, slots=True)
class Load:
    """What a load generator saw.

    Attributes:
        rate: Answers a second.
        p50: Milliseconds.
        p99: Milliseconds.
        count: Answers in all.
        failed: Answers that were not 2xx, and broken connections.
    """

    rate: float
    p50: float
    p99: float
    count: int
    failed: int


def found() -> bool:
    """Say whether wrk is installed."""
    return shutil.which("wrk") is not None


def script(place: Path, body: dict[str, Any] | bytes, headers: Mapping[str, str], paths: Sequence[str] = ()) -> Path:
    """Write the Lua file that makes wrk post this body, to these paths in turn (none: to the URL's)."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
    named = {"Content-Type": kind, **headers}
    lines = ['wrk.method = "POST"', f"wrk.body = {_literal(content)}"]
    lines += [f'wrk.headers["{name}"] = "{value}"' for name, value in named.items()]
    if paths:
        lines += ["local paths, all, at = {" + ", ".join(f'"{path}"' for path in paths) + "}, {}, 0"]
        lines += ["function init() for n, path in ipairs(paths) do all[n] = wrk.format(nil, path) end end"]
        lines += ["function request() at = at % #all + 1; return all[at] end"]
    place.write_text("\n".join(lines) + "\n")
    return place


def _literal(content: bytes) -> str:
    return '"' + "".join(f"\\{byte:03d}" for byte in content) + '"'


def drive(url: str, lua: Path, connections: int, seconds: int) -> Load:
    """Load a URL; the generator shares the machine with the server, as in every figure here."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(lua), url]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    failed = sum(int(number) for number in re.findall(r"Non-2xx or 3xx responses: (\d+)", text))
    if broken := re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text):
        failed += sum(map(int, broken.groups()))
    rate = float(re.findall(r"Requests/sec:\s+([\d.]+)", text)[0])
    count = int(re.findall(r"(\d+) requests in", text)[0])
    return Load(rate, _quantile(text, "50%"), _quantile(text, "99%"), count, failed)


def _quantile(text: str, name: str) -> float:
    number, unit = re.findall(rf"{name}\s+([\d.]+)(us|ms|s|m)", text)[0]
    return float(number) * UNITS[unit]
