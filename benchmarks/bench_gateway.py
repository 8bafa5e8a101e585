"""The gateway worker against the bare sketch and against nginx, in one run: `python -m benchmarks.bench_gateway`.

One row of 20 float32 features, 100 LightGBM trees in ONNX; load generator and server share the machine. Only ratios
of one run count: the servers take turns, round by round, and each ratio is the median over the rounds.
"""

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # runnable as a script

from benchmarks import bundles, servers, wrk
from headgate.registry.field import Field

CONNECTIONS = (1, 64, 256)
FLAT = {"inputs": [bundles.row(Field("x", "float32", width=bundles.FEATURES))]}
FLIGHT = {"inputs": [bundles.row(field, at) for at, field in enumerate(bundles.FLIGHT)]}


@dataclass(frozen=True, slots=True)
class Line:
    """A budget and what was measured."""

    what: str
    measured: float
    budget: float
    unit: str
    at_least: bool

    @property
    def met(self) -> bool:
        """Whether the budget is met."""
        return self.measured >= self.budget if self.at_least else self.measured <= self.budget

    def __str__(self) -> str:
        """Return the line as it is printed."""
        sign = ">=" if self.at_least else "<="
        verdict = "met" if self.met else f"MISSED by {abs(self.measured / self.budget - 1):.0%}"
        return f"  {self.what:<52} {self.measured:>8.3g} {self.unit:<3} (budget {sign} {self.budget:g})  {verdict}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 when --check is given and a budget is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of a second each: shows that all runs")
    parser.add_argument("--check", action="store_true", help="exit 1 when a budget is missed")
    options = parser.parse_args(arguments)
    if not wrk.found():
        print("gateway: NOT MEASURED: wrk is not installed (Debian: apt-get install wrk nginx-light)", file=sys.stderr)
        return 1 if options.check else 0
    rounds, seconds = (1, 1.0) if options.quick else (5, 3.0)
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        lines = measure(Path(place), stack, rounds, seconds)
    print("\nbudgets")
    for line in lines:
        print(line)
    return int(options.check and not all(line.met for line in lines))


def measure(place: Path, stack: ExitStack, rounds: int, seconds: float) -> list[Line]:
    """Start everything, load it in turns, and return the budgets."""
    digests = {version: bundles.flat(place / f"flat{version}", seed=int(version)) for version in ("1", "2")}
    flight = bundles.flight(place / "flight")
    routes = servers.Routes(place / "project")
    routes.move("flat", "1", digests["1"], place / "flat1")
    worker = stack.enter_context(servers.worker(routes))
    lines = [Line("worker ready, one small model", worker.ready_after, 2.0, "s", at_least=False)]
    lines.append(Line("worker resident, one small model", worker.resident_mb(), 200, "MB", at_least=False))
    routes.move("flight", "1", flight, place / "flight")
    sketch = stack.enter_context(servers.sketch(place / "flat1" / "model.onnx"))
    nginx = stack.enter_context(servers.nginx(place))
    if nginx is None:
        print("gateway: nginx is NOT INSTALLED: the limit of HTTP is not measured (apt-get install nginx-light)")
    urls = {"worker": f"{worker.url}/v2/models/flat/infer", "sketch": sketch.url}
    if nginx:
        urls["nginx"] = nginx.url
    lua = wrk.script(place, "flat", FLAT)
    for connections in CONNECTIONS:
        lines += compare(urls, lua, connections, rounds, seconds)
    bare = bare_run(place / "flat1" / "model.onnx")
    alone = wrk.drive(urls["worker"], lua, 1, seconds)
    lines.append(Line("p50 at c=1 above a bare session.run", alone.p50 - bare, 0.2, "ms", at_least=False))
    report_flight(worker.url, wrk.script(place, "flight", FLIGHT), seconds, urls["sketch"], lua)
    took, failed = change_route(routes, worker.url, urls["worker"], lua, digests["2"], place / "flat2")
    lines.append(Line("a new route takes effect under load", took, 1.0, "s", at_least=False))
    lines.append(Line("requests that failed meanwhile", failed, 0, "", at_least=False))
    print(f"\nworker resident after the load: {worker.resident_mb():.0f} MB")
    return lines


def compare(urls: dict[str, str], lua: Path, connections: int, rounds: int, seconds: float) -> list[Line]:
    """Load the servers in turns at one number of connections."""
    loads: dict[str, list[wrk.Load]] = {name: [] for name in urls}
    for _ in range(rounds):
        for name, url in urls.items():
            loads[name].append(wrk.drive(url, lua, connections, seconds))
    print(f"\nc={connections:<4} {'requests/s':>12} {'p50 ms':>8} {'p99 ms':>8} {'failed':>7}   (medians of {rounds})")
    for name, seen in loads.items():
        middle = [statistics.median(getattr(load, part) for load in seen) for part in ("rate", "p50", "p99")]
        failed = sum(load.failed for load in seen)
        print(f"{name:<6} {middle[0]:>12,.0f} {middle[1]:>8.3f} {middle[2]:>8.3f} {failed:>7}")
    if connections == 1:
        return []
    lines = []
    for limit, budget in (("sketch", 0.8), ("nginx", 0.4)):
        if limit in loads:
            ratio = statistics.median(
                own.rate / other.rate for own, other in zip(loads["worker"], loads[limit], strict=True)
            )
            lines.append(Line(f"worker / {limit}, c={connections}", ratio, budget, "x", at_least=True))
    if connections == 64:
        slowest = statistics.median(load.p99 for load in loads["worker"])
        lines.append(Line("worker p99, c=64", slowest, 18.0, "ms", at_least=False))
    return lines


def bare_run(model: Path) -> float:
    """Return the median of a bare session.run on one row, in milliseconds."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session: Any = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    row, took = np.array([FLAT["inputs"][0]["data"]], np.float32), []
    for _ in range(2000):
        began = time.perf_counter()
        session.run(None, {"x": row})
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000


def report_flight(url: str, lua: Path, seconds: float, sketch: str, flat: Path) -> None:
    """Print the row with string columns, beside the sketch on its own row of floats."""
    _wait_for_version(url, "flight", "1")
    load = wrk.drive(f"{url}/v2/models/flight/infer", lua, 64, seconds)
    beside = wrk.drive(sketch, flat, 64, seconds)
    print(f"\nflights-like row, {len(bundles.FLIGHT)} columns, 4 of strings, c=64")
    print(f"worker {load.rate:>12,.0f} {load.p50:>8.3f} {load.p99:>8.3f} {load.failed:>7}")
    print(f"       {load.rate / beside.rate:.2f} x the sketch on [1, 20] in the same minute")


def change_route(
    routes: servers.Routes, url: str, infer: str, lua: Path, digest: str, bundle: Path
) -> tuple[float, int]:
    """Move a pointer under load from 64 connections; return seconds until it took effect, and failed requests."""
    seen: list[wrk.Load] = []
    thread = threading.Thread(target=lambda: seen.append(wrk.drive(infer, lua, 64, 3)))
    thread.start()
    threading.Event().wait(1)
    began = time.perf_counter()
    routes.move("flat", "2", digest, bundle)
    _wait_for_version(url, "flat", "2")
    took = time.perf_counter() - began
    thread.join()
    return took, seen[0].failed


def _wait_for_version(url: str, model: str, version: str) -> None:
    for _ in range(1000):
        with urllib.request.urlopen(f"{url}/v2/health/ready", timeout=5) as answer:  # noqa: S310 - our own address
            models = json.loads(answer.read())["models"]
        if any(one["name"] == model and one["version"] == version for one in models):
            return
        threading.Event().wait(0.01)
    raise RuntimeError(f"version {version} of {model} never served")


if __name__ == "__main__":
    sys.exit(main())
