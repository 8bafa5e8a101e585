"""The gateway with everything on, beside nginx, a bare loop and three rivals: `python -m benchmarks.bench_gateway`.

One row of 20 float32 features, 100 LightGBM trees in ONNX; load generator and servers share the machine. Everything on:
an API key that is asked for, two limits, a split of 90 to 10, metrics, rollups, the prediction log. Only ratios of one
run count: the servers take turns, round by round, and each ratio is the median over the rounds.
"""

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # runnable as a script

from benchmarks import budgets, bundles, rounds, servers, wrk
from benchmarks.bare.http import open_session
from benchmarks.budgets import Line
from benchmarks.project import Routes
from benchmarks.rivals.rival import INFER, RIVALS, install, serving
from benchmarks.rounds import Seen, Target
from headgate.registry.field import Field

CONNECTIONS = (1, 64, 256)
BODY = {"inputs": [bundles.row(Field("x", "float32", width=bundles.FEATURES))]}
LIMITS = {"nginx": 0.4, "bare loop": 0.8, "fastapi": 3.0, "mosec": 2.0, "mlserver": 10.0}
OWN, TWO, ONE_ARM = "headgate", "headgate, two workers", "headgate, one arm"
OURS = (OWN, TWO, ONE_ARM)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 when --check is given and a budget is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of a second each: shows that all runs")
    parser.add_argument("--check", action="store_true", help="exit 1 when a budget is missed")
    options = parser.parse_args(arguments)
    if not wrk.found():
        print("gateway: NOT MEASURED: wrk is not installed (Debian: apt-get install wrk nginx-light)", file=sys.stderr)
        return 1 if options.check else 0
    print(rounds.machine())
    turns, seconds = (1, 1) if options.quick else (5, 3)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        met = budgets.show(Bench(Path(folder), stack).measure(turns, seconds))
    print(f"\n{rounds.machine()}")
    return int(options.check and not met)


class Bench:
    """Everything that runs beside each other.

    Args:
        place: Folder for what is made.
        stack: Ends what was started.
    """

    def __init__(self, place: Path, stack: ExitStack) -> None:
        self.place, self.stack = place, stack
        self.digests = {number: bundles.flat(place / f"flat{number}", seed=int(number)) for number in "12"}
        self.model = place / "flat1" / "model.onnx"
        self.bare_ms, self.expected = bare_run(self.model)

    def arm(self, number: str, share: float) -> tuple[str, str, Path, float]:
        """Return what an arm serves."""
        return number, self.digests[number], self.place / f"flat{number}", share

    def measure(self, turns: int, seconds: int) -> list[Line]:
        """Start everything, load it in turns, and return the budgets."""
        split, alone = (Routes(self.place / name, guarded=True) for name in ("split", "alone"))
        split.move("flat", self.arm("1", 0.9), self.arm("2", 0.1))
        alone.move("flat", self.arm("1", 1.0))
        worker = self.stack.enter_context(servers.worker(split))
        two = self.stack.enter_context(servers.worker(split, workers=2))
        single = self.stack.enter_context(servers.worker(alone))
        lines = [
            Line("ready with one small model", single.ready_after, 2.0, "s", at_least=False),
            Line("resident with one small model", single.resident_mb(), 200, "MB", at_least=False),
        ]
        ours = {OWN: (worker, split.key), TWO: (two, split.key), ONE_ARM: (single, alone.key)}
        targets = {name: self.target(*one) for name, one in ours.items()} | self.others()
        for name, target in targets.items():
            check(name, target.server.url, (alone if name == ONE_ARM else split).key, self.expected)
        for connections in CONNECTIONS:
            lines += self.compare(targets, connections, turns, seconds)
        return [*lines, *self.change_route(alone, single, targets[ONE_ARM])]

    def target(self, server: servers.Server, key: str = "") -> Target:
        """Return how a server is loaded; those that ask for no key are sent one of the same length."""
        headers = {"Authorization": f"Bearer {key or 'x' * 82}"}
        lua = wrk.script(self.place / f"{server.port}.lua", BODY, headers)
        return Target(server, lambda connections, seconds: wrk.drive(server.url + INFER, lua, connections, seconds))

    def others(self) -> dict[str, Target]:
        """Start what is not ours; what cannot be had is said and left out."""
        found = {"bare loop": self.target(self.stack.enter_context(servers.bare("flat", self.model)))}
        if nginx := self.stack.enter_context(servers.nginx(self.place)):
            found["nginx"] = self.target(nginx)
        else:
            print("NOT MEASURED: nginx is not installed (apt-get install nginx-light)")
        for rival in RIVALS:
            if why := install(rival):
                print(f"NOT MEASURED: {rival.name} cannot be installed: {why}")
                continue
            try:
                server = serving(rival, self.model, self.place / f"{rival.name}.log", serves)
                found[rival.name] = self.target(self.stack.enter_context(server))
            except RuntimeError as error:
                print(f"NOT MEASURED: {rival.name} does not start: {error}")
        return found

    def compare(self, targets: dict[str, Target], connections: int, turns: int, seconds: int) -> list[Line]:
        """Load the servers in turns at one number of connections."""
        seen = rounds.take_turns(targets, connections, turns, seconds)
        print(f"\n{connections} connections, medians of {turns} rounds of {seconds} s\n")
        rounds.show(seen)
        own = seen[OWN]
        if connections == 1:
            above = own.median("p50") - self.bare_ms
            lines = [Line("p50 at c=1 above a bare session.run", above, 0.2, "ms", at_least=False)]
        else:
            lines = [
                rounds.at_least(f"x {name}, c={connections}", own, seen[name], budget)
                for name, budget in LIMITS.items()
                if name in seen
            ]
        if connections == 64:
            lines.append(Line("p99, c=64", own.median("p99"), 18.0, "ms", at_least=False))
        return [*lines, failures(seen, connections)]

    def change_route(self, routes: Routes, worker: servers.Server, target: Target) -> list[Line]:
        """Move a pointer under load from 64 connections."""
        seen: list[wrk.Load] = []
        thread = threading.Thread(target=lambda: seen.append(target.load(64, 3)))
        thread.start()
        threading.Event().wait(1)
        began = time.perf_counter()
        routes.move("flat", self.arm("2", 1.0))
        wait_for_version(worker.url, "2")
        took = time.perf_counter() - began
        thread.join()
        return [
            Line("a new route takes effect under load", took, 1.0, "s", at_least=False),
            Line("requests that failed meanwhile", seen[0].failed, 0, "", at_least=False),
        ]


def failures(seen: dict[str, Seen], connections: int) -> Line:
    """Return the line that none of our answers is an error."""
    count = sum(load.failed for name in OURS for load in seen[name].loads)
    return Line(f"requests that failed, c={connections}", count, 0, "", at_least=False)


def bare_run(model: Path) -> tuple[float, float]:
    """Return the median of a bare session.run on one row, in milliseconds, and its answer."""
    session, took = open_session(str(model)), []
    row = np.array([BODY["inputs"][0]["data"]], np.float32)
    for _ in range(2000):
        began = time.perf_counter()
        (values,) = session.run(["probability"], {"x": row})
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000, float(values[0])


def serves(url: str) -> bool:
    """Say whether a server answers the row."""
    try:
        ask(url)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
    return True


def check(name: str, url: str, key: str, expected: float) -> None:
    """Hold a server to the model's answer; nginx has none.

    Raises:
        RuntimeError: It answers something else.
    """
    path = "/v2/models/flat/versions/1/infer" if name in OURS else INFER
    if name != "nginx" and abs(ask(url + path, key)["outputs"][0]["data"][0] - expected) > 1e-6:
        raise RuntimeError(f"{name} does not serve the same model")


def ask(url: str, key: str = "") -> Any:
    """Post the row; return the answer."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    return json.loads(servers.post(url, json.dumps(BODY).encode(), headers))


def wait_for_version(url: str, version: str) -> None:
    """Wait until a worker says that it serves a version."""
    for _ in range(1000):
        with urllib.request.urlopen(f"{url}/v2/health/ready", timeout=5) as answer:  # noqa: S310 - our own address
            if json.loads(answer.read())["models"][0]["version"] == version:
                return
        threading.Event().wait(0.01)
    raise RuntimeError(f"version {version} never served")


if __name__ == "__main__":
    sys.exit(main())
