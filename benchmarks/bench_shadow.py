"""What a shadow costs the champion, a healthy one and three that misbehave: `python -m benchmarks.bench_shadow`.

Every request is copied. The load begins, a second later the route names the shadow: so its start, what it does to its
process, its second start and its quarantine lie in what is measured. Row and model are those of bench_gateway.
"""

import argparse
import re
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # runnable as a script

from benchmarks import bundles, processes, rounds, servers, wrk
from benchmarks.project import Routes
from headgate.journal.event import NewEvent
from headgate.journal.ports import Document
from headgate.registry.bundle import list_files, open_bundle, seal
from headgate.registry.field import Field
from headgate.routing.route import CHAMPION, COLLECTION, Arm, Route, Shadow

ROW = {"inputs": [bundles.row(Field("x", "float32", width=bundles.FEATURES))]}
CONNECTIONS = (1, 64)
MODEL = """\
import os, time
import numpy as np
KEPT = []
class Model:
    def predict(self, frame):
        if any(any(row) for row in frame["x"]):  # the row that warms is all zeros
            {does}
        return np.zeros(len(frame))
def _load_pyfunc(path):
    return Model()
"""
FAULTS = {
    "crashes": "os._exit(1)",
    "hangs": "time.sleep(3600)",
    "eats memory": "KEPT.extend(np.ones(1_000_000) for _ in range(100_000))",
}
COUNTED = ("answered", "failed", "dropped", "killed", "quarantined")


@dataclass(frozen=True, slots=True)
class Case:
    """A worker and the shadow that it gets; None: it gets none."""

    server: servers.Server
    routes: Routes
    champion: Arm
    shadow: Shadow | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 0, for there is no budget to miss."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round: shows that all runs")
    parser.add_argument("--check", action="store_true", help="taken as every benchmark takes it; nothing is checked")
    options = parser.parse_args(arguments)
    if not wrk.found():
        print("shadow: NOT MEASURED: wrk is not installed (Debian: apt-get install wrk)", file=sys.stderr)
        return 0
    print(rounds.machine())
    turns, seconds = (1, 5) if options.quick else (2, 10)
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        cases = start(Path(place), stack)
        lua = wrk.script(Path(place) / "row.lua", ROW, {})
        for connections in CONNECTIONS:
            compare(cases, lua, connections, turns, seconds)
    print(f"\n{rounds.machine()}")
    return 0


def start(place: Path, stack: ExitStack) -> dict[str, Case]:
    """Start a worker for each case."""
    champion = Arm(CHAMPION, "1", bundles.flat(place / "1"), 1.0, str(place / "1"))
    digests = {"healthy": bundles.flat(place / "healthy", seed=1)}
    digests |= {name: faulty(place / name, place / "1", does) for name, does in FAULTS.items()}
    shadows: dict[str, Shadow | None] = {"none": None}
    shadows |= {name: Shadow("shadow", "2", digest, 1.0, str(place / name)) for name, digest in digests.items()}
    cases = {}
    for name, shadow in shadows.items():
        routes = Routes(place / f"project of {name}")
        put(routes, champion, None)
        cases[name] = Case(stack.enter_context(servers.worker(routes)), routes, champion, shadow)
    return cases


def faulty(folder: Path, like: Path, does: str) -> str:
    """Seal a bundle of the same signature whose model does something to its process; return its digest."""
    inside = folder / "pyfunc"
    (inside / "code").mkdir(parents=True)
    (inside / "data").write_text("nothing\n")
    (inside / "code" / "faulty.py").write_text(MODEL.format(does=does))
    (inside / "MLmodel").write_text(
        "flavors:\n  python_function:\n    code: code\n    data: data\n    loader_module: faulty\n"
        "    env:\n      virtualenv: python_env.yaml\n    python_version: 3.11.0\n"
    )
    manifest = replace(open_bundle(like), runtime="pyfunc", why="a benchmark", files=list_files(folder))
    return seal(folder, manifest)


def put(routes: Routes, champion: Arm, shadow: Shadow | None) -> None:
    """Let the champion serve, and the shadow get every request."""
    before = routes.moves.get("flat", 0)
    revision = routes.moves["flat"] = before + 1
    route = Route("flat", revision, (champion,), (shadow,) if shadow else ())
    event = NewEvent("pointer.moved", "process:bench", "a benchmark", {"to": "1", "revision": revision})
    routes.journal.append("model/flat", before, [event], [Document(COLLECTION, "flat", revision, route.to_json())])


def compare(cases: Mapping[str, Case], lua: Path, connections: int, turns: int, seconds: int) -> None:
    """Load the workers in turns, and print the champion's medians and what became of the copies."""
    loads: dict[str, list[wrk.Load]] = {name: [] for name in cases}
    counts: dict[str, list[dict[str, float]]] = {name: [] for name in cases}
    spent: dict[str, list[float]] = {name: [] for name in cases}
    for case in cases.values():
        wrk.drive(f"{case.server.url}/v2/models/flat/infer", lua, connections, 1)
    for _ in range(turns):
        for name, case in cases.items():
            before = cpu_seconds(case.server.process.pid)
            load, count = run(case, lua, connections, seconds)
            spent[name].append((cpu_seconds(case.server.process.pid) - before) / max(load.count, 1) * 1e6)
            loads[name].append(load)
            counts[name].append(count)
    print(f"\nc={connections}, every request copied, medians of {turns} x {seconds} s")
    head = f"{'shadow':<12} {'requests/s':>11} {'p50 ms':>8} {'p99 ms':>8} {'CPU µs':>7} {'failed':>7}"
    print(f"{head}   copies of all rounds")
    for name, seen in loads.items():
        middle = [statistics.median(getattr(load, part) for load in seen) for part in ("rate", "p50", "p99")]
        copied = ", ".join(f"{sum(one[key] for one in counts[name]):,.0f} {key}" for key in COUNTED)
        failed = sum(load.failed for load in seen)
        cpu = statistics.median(spent[name])
        print(f"{name:<12} {middle[0]:>11,.0f} {middle[1]:>8.3f} {middle[2]:>8.3f} {cpu:>7.1f} {failed:>7}   {copied}")


def run(case: Case, lua: Path, connections: int, seconds: int) -> tuple[wrk.Load, dict[str, float]]:
    """Load a worker; its shadow comes after a second and is taken away at the end."""
    before = told(case)
    timer = threading.Timer(1.0, put, [case.routes, case.champion, case.shadow])
    timer.start()
    load = wrk.drive(f"{case.server.url}/v2/models/flat/infer", lua, connections, seconds)
    timer.join()
    time.sleep(1.5)  # workers tell once a second
    after = told(case)
    put(case.routes, case.champion, None)
    time.sleep(1.5)  # its process has ended when the next worker has its turn
    return load, {key: after[key] - before[key] for key in COUNTED}


def cpu_seconds(pid: int) -> float:
    """Return the processor time of the worker alone, its shadow's processes aside."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[processes.USER]) + int(fields[processes.SYSTEM])) * processes.TICK_SECONDS


def told(case: Case) -> dict[str, float]:
    """Return what the worker's metrics page says of shadows."""
    log = (case.routes.folder / "worker.log").read_text()
    found = re.search(r"(http://127\.0\.0\.1:\d+/metrics)", log)
    if found is None:
        raise RuntimeError(f"the worker shows no metrics:\n{log}")
    with urllib.request.urlopen(found[1], timeout=30) as answer:  # noqa: S310 - our own address
        page = answer.read().decode()
    values = dict(re.findall(r"^headgate_shadow_(\w+?)(?:_total)? ([\d.]+)$", page, re.MULTILINE))
    return {key: float(values[key]) for key in COUNTED}


if __name__ == "__main__":
    sys.exit(main())
