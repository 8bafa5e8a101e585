"""Measure bundles in fresh processes: the gate's `Measurements` on this machine."""

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from headgate.adapters.machine import columns
from headgate.base.digest import Json
from headgate.gate.facts import MEGABYTE, Memory, Unmeasured
from headgate.gate.load import PATIENCE, Load
from headgate.registry.signature import Columns

ROWS = 1000  # requests are made of so many held-out rows, round and round
OPENING = 120.0  # seconds that a process may take beside its load
LIBRARIES = ("numpy", "onnxruntime")
LAST_LINES = 3


class MachineMeasurements:
    """Measures on the machine that this process runs on.

    Args:
        opener: `module:function` that opens a bundle folder; named, since the measured process imports it afresh.
        seed: Of the times at which requests are due.
        opening: Seconds that a process may take beside its load.
    """

    def __init__(self, opener: str, seed: int = 0, opening: float = OPENING) -> None:
        self._opener = opener
        self._seed = seed
        self._opening = opening

    def load(
        self, bundles: Mapping[str, Path], inputs: Columns, rate: float, seconds: float
    ) -> Mapping[str, Load] | Unmeasured:
        """Put an open-loop load of one-row requests on each bundle, in alternating slices of one process."""
        job: dict[str, Json] = {
            "kind": "load",
            "bundles": {name: str(folder.resolve()) for name, folder in bundles.items()},
            "rate": rate,
            "seconds": seconds,
            "seed": self._seed,
        }
        limit = self._opening + len(bundles) * seconds * (PATIENCE + 1)
        found = self._run(job, columns.sample(inputs, ROWS), limit)
        if isinstance(found, Unmeasured):
            return found
        return {
            name: Load(rate, int(body["offered"]), float(body["seconds"]), tuple(body["ms"]))
            for name, body in found.items()
        }

    def memory(self, bundle: Path, inputs: Columns, batches: Sequence[int]) -> Memory | Unmeasured:
        """Return the peak memory of a process that opens the bundle and answers batches of these sizes."""
        rows = columns.sample(inputs, max(batches))
        job: dict[str, Json] = {"kind": "memory", "bundle": str(bundle.resolve()), "batches": list(batches)}
        found = self._run(job, rows, self._opening)
        if isinstance(found, Unmeasured):
            return found
        answered = min(max(batches), len(next(iter(rows.values()))))
        return Memory(found["peak"] / MEGABYTE, found["before"] / MEGABYTE, answered)

    def machine(self) -> Mapping[str, Json]:
        """Describe the machine as it is now."""
        return {
            "processor": _processor(),
            "cores": os.cpu_count() or 0,
            "load_average": [round(value, 2) for value in os.getloadavg()],
            "system": f"{platform.system()} {platform.release()}",
            "python": platform.python_version(),
            **{name: _installed(name) for name in LIBRARIES},
        }

    def _run(self, job: Mapping[str, Json], rows: Columns, limit: float) -> Any:
        with tempfile.TemporaryDirectory(prefix="headgate-measure-") as place:
            folder = Path(place)
            columns.save(folder / "rows.npz", rows)
            whole = {**job, "opener": self._opener, "rows": str(folder / "rows.npz"), "result": str(folder / "result")}
            (folder / "job.json").write_text(json.dumps(whole))
            why = _start(folder / "job.json", limit)
            return Unmeasured(why) if why else json.loads((folder / "result").read_text())


def _start(job: Path, limit: float) -> str:
    """Run the measured process to its end; return why it failed, "" when it did not."""
    command = [sys.executable, "-m", "headgate.adapters.machine.child", str(job)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module
            command, capture_output=True, text=True, timeout=limit, check=False, env=environment
        )
    except subprocess.TimeoutExpired:
        return f"the measured process did not end within {limit:.0f} s"
    if done.returncode == 0:
        return ""
    last = " | ".join(done.stderr.strip().splitlines()[-LAST_LINES:])
    return f"the measured process ended with {done.returncode}: {last or 'it said nothing'}"


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    if described.exists():
        for line in described.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
