"""More than a model can do: goodput, refusals, memory at up to 5 times the peak: `python -m benchmarks.bench_overload`.

A model that takes a fixed time per row, in a process of its own; an open loop, so that what is slow is charged for.
Good is an answer within half a second. Load generator and worker share the machine.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # runnable as a script

from benchmarks import servers
from benchmarks.project import Routes
from headgate.testing.load import Seen, closed, opened, request
from headgate.testing.serving import pyfunc_bundle

MODEL = """
import time

def _load_pyfunc(path):
    return Model()

class Model:
    def predict(self, frame, params=None):
        time.sleep({seconds} * len(frame))
        return [float(sum(row)) for row in frame["x"]]
"""
BODY = json.dumps({"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}]}).encode()
GOOD_SECONDS = 0.5
OK = 200
BUDGET = 0.9
CONNECTIONS = 256  # so many that an answer seldom waits for an earlier one of its connection


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 when --check is given and goodput at 3 times the peak is below 90 % of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds in all")
    parser.add_argument("--check", action="store_true", help="exit 1 when the budget is missed")
    parser.add_argument("--row-ms", type=float, default=2.0, help="what a row costs the model")
    options = parser.parse_args(arguments)
    seconds = 3.0 if options.quick else 15.0
    with tempfile.TemporaryDirectory() as place:
        kept = measure(Path(place), options.row_ms / 1000, seconds)
    print(f"\ngoodput at 3 x the peak: {kept:.0%} of the peak (budget >= 90%)  {'met' if kept >= BUDGET else 'MISSED'}")
    return int(options.check and kept < BUDGET)


def measure(place: Path, row_seconds: float, seconds: float) -> float:
    """Load a worker at several rates; return goodput at 3 times the peak, as a share of the peak."""
    digest = pyfunc_bundle(place / "slow", "flat", MODEL.format(seconds=row_seconds))
    routes = Routes(place / "project")
    routes.move("flat", ("1", digest, place / "slow", 1.0))
    kept = 0.0
    with servers.worker(routes) as worker:
        port, content = worker.port, request("/v2/models/flat/infer", BODY)
        end = time.monotonic() + seconds
        first = asyncio.run(closed(port, [content] * 8, lambda: time.monotonic() < end))
        peak = sum(one.status == OK for one in first) / seconds
        print(f"peak, 8 clients that wait: {peak:,.0f} requests/s; the worker holds {worker.resident_mb():.0f} MB\n")
        print("  offered    good/s  of peak   p50 ms   p99 ms  refused/s   p50 ms   p99 ms       MB")
        for factor in (0.5, 1, 2, 3, 5):
            seen = asyncio.run(opened(port, content, factor * peak, seconds, CONNECTIONS))
            good = sum(one.status == OK and one.took <= GOOD_SECONDS for one in seen) / seconds
            kept = good / peak if factor == 3 else kept
            answered = [one for one in seen if one.status == OK]
            refused = [one for one in seen if one.status != OK]
            shed = len(refused) / seconds
            print(
                f"{factor:>7g} x {good:>9,.0f} {good / peak:>8.0%} {quantiles(answered)}"
                f" {shed:>10,.0f} {quantiles(refused)} {worker.resident_mb():>8.0f}"
            )
    return kept


def quantiles(seen: Sequence[Seen]) -> str:
    """Return P50 and P99 in milliseconds."""
    took = sorted(one.took for one in seen)
    if not took:
        return f"{'-':>8} {'-':>8}"
    return f"{took[len(took) // 2] * 1000:>8.1f} {took[len(took) * 99 // 100] * 1000:>8.1f}"


if __name__ == "__main__":
    sys.exit(main())
