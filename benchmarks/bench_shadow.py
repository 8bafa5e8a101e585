"""What a shadow costs the champion, a healthy one and three that misbehave: `python -m benchmarks.bench_shadow`.

Every request is copied. Each worker is loaded in pairs, without its shadow and with it, one right after the other: the
ratios of a pair are what a noisy machine disturbs least, and a worker whose shadow never comes shows how much it does.
Half a second into the load the route names the shadow: so its start, what it does to its process, its second start and
its quarantine lie in what is measured. Row and model are those of bench_gateway.

Judged is an open loop of a few thousand requests a second, by a generator that nothing on this machine delays. The
second load, of 64 connections that never rest, leaves a shadow no processor at all.
"""

import argparse
import json
import re
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # runnable as a script

from benchmarks import bundles, elsewhere, processes, rounds, servers, wrk
from benchmarks.budgets import show, table
from benchmarks.pairs import NONE, Effect, Pair, Seen, judge, verdict
from benchmarks.project import Routes
from headgate.journal.event import NewEvent
from headgate.journal.ports import Document
from headgate.registry.bundle import list_files, open_bundle, seal
from headgate.registry.field import Field
from headgate.routing.route import CHAMPION, COLLECTION, Arm, Route, Shadow
from headgate.testing.load import request

ROW = {"inputs": [bundles.row(Field("x", "float32", width=bundles.FEATURES))]}
RATE, OPENED = 5_000, 64  # requests a second, and the connections that they come over
STEADY, FULL = f"{RATE:,} requests/s", "c=64, as fast as it goes"
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
STARTED = "started"  # how often it was ready for copies
COMES_SECONDS, SETTLE_SECONDS = 0.5, 1.5  # workers tell once a second
HEAD = (
    "shadow", "requests/s without", "p50 ms", "p99 ms", "CPU µs",
    "p50 with", "p99 with", "CPU with", "failed", "copies of all pairs",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """A worker and the shadow that it gets; None: it gets none."""

    server: servers.Server
    routes: Routes
    champion: Arm
    shadow: Shadow | None

    def disturb(self) -> None:
        """Let the shadow come."""
        put(self.routes, self.champion, self.shadow)

    @property
    def url(self) -> str:
        """Where it is asked."""
        return f"{self.server.url}/v2/models/flat/infer"


Load: TypeAlias = Callable[[Case, int], wrk.Load]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 0, or with --check 1 when a shadow that misbehaves is felt."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short pair each: shows that all runs")
    parser.add_argument("--check", action="store_true", help="end with 1 when a budget is missed")
    parser.add_argument("--steady", action="store_true", help="leave out the full load, which is not judged")
    options = parser.parse_args(arguments)
    if not wrk.found():
        print("shadow: NOT MEASURED: wrk is not installed (Debian: apt-get install wrk)", file=sys.stderr)
        return 0
    print(rounds.machine())
    seconds, turns, full_turns = (3, 1, 1) if options.quick else (12, 5, 3)
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        cases = start(Path(place), stack)
        lua = wrk.script(Path(place) / "row.lua", ROW, {})
        effects = compare(cases, STEADY, steady, turns, seconds)
        if not options.steady:
            compare(cases, FULL, lambda case, seconds: wrk.drive(case.url, lua, OPENED, seconds), full_turns, seconds)
    met = show(judge(effects, FAULTS))
    said = "none, from one short pair each" if options.quick else verdict(effects, FAULTS, met=met)
    print(f"\nverdict: {said}\n\n{rounds.machine()}")
    return int(options.check and not options.quick and not met)


def start(place: Path, stack: ExitStack) -> dict[str, Case]:
    """Start a worker for each case."""
    champion = Arm(CHAMPION, "1", bundles.flat(place / "1"), 1.0, str(place / "1"))
    digests = {"healthy": bundles.flat(place / "healthy", seed=1)}
    digests |= {name: faulty(place / name, place / "1", does) for name, does in FAULTS.items()}
    shadows: dict[str, Shadow | None] = {NONE: None}
    shadows |= {name: Shadow("shadow", "2", digest, 1.0, str(place / name)) for name, digest in digests.items()}
    cases = {}
    for name, shadow in shadows.items():
        routes = Routes(place / f"project of {name}")
        put(routes, champion, None)
        server = stack.enter_context(servers.worker(routes))
        cases[name] = Case(server, routes, champion, shadow)
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


def steady(case: Case, seconds: int) -> wrk.Load:
    """Ask at a fixed rate, as clients on other machines do."""
    content = request("/v2/models/flat/infer", json.dumps(ROW).encode())
    return elsewhere.drive(case.server.port, content, RATE, seconds, OPENED)


def compare(cases: Mapping[str, Case], named: str, load: Load, turns: int, seconds: int) -> list[Effect]:
    """Load the workers in turns, without their shadow and with it; print and return what it changed."""
    pairs: dict[str, list[Pair]] = {name: [] for name in cases}
    for case in cases.values():
        load(case, 1)
    for turn in range(turns):
        for name, case in cases.items():
            pairs[name].append(pair(case, load, seconds, shadow_first=bool(turn % 2)))
    print(f"\n{named}, every request copied; medians of {turns} pairs of {seconds} s\n")
    table(HEAD, [(name, *cells(seen)) for name, seen in pairs.items()])
    return [
        Effect(name, named, tuple(one.ratios for one in seen), sum(one.copies[STARTED] > 0 for one in seen))
        for name, seen in pairs.items()
    ]


def cells(seen: Sequence[Pair]) -> tuple[str, ...]:
    """Return a case's row: how it was without the shadow, by how much that changed, and what became of the copies."""
    alone = [statistics.median(getattr(one.without.load, part) for one in seen) for part in ("rate", "p50", "p99")]
    alone.append(statistics.median(one.without.cpu for one in seen))
    times = [f"x {statistics.median(ratio):.2f}" for ratio in zip(*(one.ratios for one in seen), strict=True)]
    failed = sum(one.without.load.failed + one.beside.load.failed for one in seen)
    copied = ", ".join(f"{sum(one.copies[key] for one in seen):,.0f} {key}" for key in (STARTED, *COUNTED))
    return f"{alone[0]:,.0f}", f"{alone[1]:.3f}", f"{alone[2]:.2f}", f"{alone[3]:.1f}", *times, str(failed), copied


def pair(case: Case, load: Load, seconds: int, *, shadow_first: bool) -> Pair:
    """Load one worker twice in a row, so that both have the same neighbours; which comes first changes turn by turn."""
    if shadow_first:
        beside, copies = with_shadow(case, load, seconds)
        return Pair(run(case, load, seconds), beside, copies)
    without = run(case, load, seconds)
    return Pair(without, *with_shadow(case, load, seconds))


def with_shadow(case: Case, load: Load, seconds: int) -> tuple[Seen, dict[str, float]]:
    """Load a worker whose shadow comes with the load and is taken away at the end; also say what became of copies."""
    before = told(case)
    timer = threading.Timer(COMES_SECONDS, case.disturb)
    timer.start()
    seen = run(case, load, seconds)
    timer.join()
    time.sleep(SETTLE_SECONDS)
    after = told(case)
    put(case.routes, case.champion, None)
    time.sleep(SETTLE_SECONDS)  # its process has ended when the next load begins
    return seen, {key: after[key] - before[key] for key in after}


def run(case: Case, load: Load, seconds: int) -> Seen:
    """Load a worker."""
    before = cpu_seconds(case.server.process.pid)
    seen = load(case, seconds)
    return Seen(seen, (cpu_seconds(case.server.process.pid) - before) / max(seen.count, 1) * 1e6)


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
    return {STARTED: float(log.count("is ready after")), **{key: float(values[key]) for key in COUNTED}}


if __name__ == "__main__":
    sys.exit(main())
