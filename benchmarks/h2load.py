"""Drive a gRPC server with h2load: HTTP/2 written in C, so that the client is not what is measured.

h2load does not read gRPC's own status, which comes behind the answer: a real client asks once before (see the bench).
"""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.wrk import Load

GRPC = ("content-type: application/grpc", "te: trailers")


def found() -> bool:
    """Say whether h2load is installed."""
    return shutil.which("h2load") is not None


def framed(place: Path, message: bytes) -> Path:
    """Write a message as gRPC puts it into a body: not compressed, its length, itself."""
    place.write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)
    return place


def drive(url: str, body: Path, headers: tuple[str, ...], connections: int, seconds: int) -> Load:
    """Load a method with one call at a time on each connection."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        command = ["h2load", "-t1", f"-c{connections}", "-m1", f"-D{seconds}", f"--log-file={log}"]
        for header in (*GRPC, *headers):
            command += ["-H", header]
        text = subprocess.run([*command, f"-d{body}", url], capture_output=True, text=True, check=True).stdout
        took = np.loadtxt(log, dtype=np.int64, usecols=2, ndmin=1) / 1000
    rate = float(re.findall(r"finished in [\d.]+\w+, ([\d.]+) req/s", text)[0])
    good = int(re.findall(r"status codes: (\d+) 2xx", text)[0])
    total, failed, broken = (int(re.findall(rf"(\d+) {name}", text)[0]) for name in ("total", "failed", "errored"))
    p50, p99 = np.quantile(took, [0.5, 0.99])
    return Load(rate, float(p50), float(p99), good, max(total - good, failed + broken))
