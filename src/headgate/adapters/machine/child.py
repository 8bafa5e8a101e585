"""The measured process: opens bundles, puts the load on them or runs batches, and writes what it found to a file.

Run as `python -m headgate.adapters.machine.child JOB`, a JSON file. It imports no more than it needs, so that what it
holds is what the bundle needs.
"""

import gc
import json
import resource
import sys
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy.typing as npt

from headgate.adapters.machine import columns
from headgate.gate.load import interleaved
from headgate.registry.signature import cast

WARM_UP = 50  # calls to each version before the clock runs
SPIN = 0.0003  # seconds before a due time from which sleeping is too coarse
KIBIBYTE = 1024


def main(path: Path) -> None:
    """Do the job in the file; write the result beside it."""
    job: dict[str, Any] = json.loads(path.read_text())
    module, _, name = job["opener"].partition(":")
    open_model = getattr(import_module(module), name)
    rows = columns.load(Path(job["rows"]))
    found = _memory(job, open_model, rows) if job["kind"] == "memory" else _load(job, open_model, rows)
    Path(job["result"]).write_text(json.dumps(found))


def _load(job: Mapping[str, Any], open_model: Callable[..., Any], rows: dict[str, npt.NDArray[Any]]) -> dict[str, Any]:
    calls = {name: _caller(open_model(Path(bundle)), rows) for name, bundle in job["bundles"].items()}
    for call in calls.values():
        for index in range(WARM_UP):
            call(index)
    gc.collect()
    found = interleaved(
        calls, job["rate"], job["seconds"], seed=job["seed"], now=time.perf_counter, wait_until=_wait_until
    )
    return {
        name: {"seconds": load.seconds, "ms": load.milliseconds, "offered": load.offered}
        for name, load in found.items()
    }


def _caller(model: Any, rows: dict[str, npt.NDArray[Any]]) -> Callable[[int], object]:
    inputs = _inputs(model, rows)
    count = len(next(iter(inputs.values())))
    requests = [{name: values[index : index + 1] for name, values in inputs.items()} for index in range(count)]
    return lambda index: model.predict(requests[index % count])


def _inputs(model: Any, rows: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    return {field.name: cast(field, rows[field.name]) for field in model.manifest.signature.inputs}


def _wait_until(at: float) -> None:
    left = at - time.perf_counter()
    if left > SPIN:
        time.sleep(left - SPIN)
    while time.perf_counter() < at:
        pass


def _memory(
    job: Mapping[str, Any], open_model: Callable[..., Any], rows: dict[str, npt.NDArray[Any]]
) -> dict[str, Any]:
    before = peak_bytes()
    model = open_model(Path(job["bundle"]))
    inputs = _inputs(model, rows)
    for size in job["batches"]:
        model.predict({name: values[:size] for name, values in inputs.items()})
    return {"before": before, "peak": peak_bytes()}


def peak_bytes() -> int:
    """Return the peak memory of this process and of its living children.

    Not ru_maxrss where /proc tells: exec keeps the parent's peak in it, so a child of a large process looks large.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return sum(_high_water(found) for found in [status, *_children(Path("/proc"))])
    unit = 1 if sys.platform == "darwin" else KIBIBYTE
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(own + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) * unit


def _children(proc: Path) -> list[Path]:
    """Return the status files of every process below this one."""
    parents: dict[str, list[str]] = {}
    for status in proc.glob("[0-9]*/status"):
        parent = _line(status, "PPid:")
        if parent:
            parents.setdefault(parent, []).append(status.parent.name)
    below, found = [(proc / "self").resolve().name], []
    while below:
        own = parents.get(below.pop(), [])
        found += own
        below += own
    return [proc / name / "status" for name in found]


def _high_water(status: Path) -> int:
    return int(_line(status, "VmHWM:") or 0) * KIBIBYTE


def _line(status: Path, key: str) -> str:
    try:
        lines = status.read_text().splitlines()
    except OSError:  # the process ended while we looked: it holds nothing
        return ""
    return next((line.split()[1] for line in lines if line.startswith(key)), "")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
