"""More than a model can do: goodput, refusals, memory at up to 5 times the peak: `python -m benchmarks.bench_overload`.

Two models of about a known cost a row: one in a process of its own (it sleeps), one inside the worker (matrices). The
peak is found by a ramp of clients that wait for their answers, twice as many each time, until more of them bring
nothing. What is beyond it is offered in an open loop, so that what is slow is charged for. Good is an answer within
half a second. A refusal counts from when its turn came: answers of one connection keep their order, so that one behind
a request that is computed waits for it, however soon it was decided. Load generator and worker share the machine.
"""

import argparse
import asyncio
import gc
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

import numpy as np
import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # runnable as a script

from benchmarks import servers
from benchmarks.budgets import Line, show
from benchmarks.project import Routes
from headgate.registry.bundle import Manifest, list_files, seal
from headgate.registry.field import Field
from headgate.registry.signature import Signature
from headgate.testing.load import Seen, closed, opened, request
from headgate.testing.serving import OPSET, PREDICTION, WIDTH, pyfunc_bundle

APART = """
import time

def _load_pyfunc(path):
    return Model()

class Model:
    def predict(self, frame, params=None):
        time.sleep({seconds} * len(frame))
        return [float(sum(row)) for row in frame["x"]]
"""
BODY = json.dumps({"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}]}).encode()
INFER = "/v2/models/flat/infer"
SIDE, LAYER_MS = 512, 0.02  # of a matrix; about what one row times one matrix takes
GOOD_SECONDS = 0.5
OK, BUSY = 200, 503
BUDGET, MOST_MB, QUICK_MS = 0.9, 64.0, 100.0
MOST_CLIENTS, GAIN = 256, 1.05
CONNECTIONS = 1024  # more than requests that are computed at a time: few refusals wait for one of their connection
TOOK, TURN = attrgetter("took"), attrgetter("turn")


@dataclass(frozen=True, slots=True)
class Found:
    """What was seen at 3 times the peak.

    Attributes:
        kept: Goodput, as a share of the peak.
        refused_ms: P99 of the refusals, from when their turn came.
        grown_mb: How much memory the worker took more than at the peak.
        clean: Whether every refusal was a 503 that says when to come back.
    """

    kept: float
    refused_ms: float
    grown_mb: float
    clean: bool


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 when --check is given and a budget is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds in all")
    parser.add_argument("--check", action="store_true", help="exit 1 when a budget is missed")
    parser.add_argument("--row-ms", type=float, default=2.0, help="what a row costs the model, about")
    options = parser.parse_args(arguments)
    seconds = 2.0 if options.quick else 10.0
    gc.disable()  # the generator keeps every answer: looking for garbage among them stopped it for half a second
    makers: dict[str, Callable[[Path], str]] = {
        "in a process of its own": lambda place: pyfunc_bundle(
            place, "flat", APART.format(seconds=options.row_ms / 1000)
        ),
        "inside the worker": lambda place: matrices(place, max(1, round(options.row_ms / LAYER_MS))),
    }
    lines: list[Line] = []
    for name, make in makers.items():
        with tempfile.TemporaryDirectory() as place:
            found = measure(name, Path(place), make, seconds)
        lines += [
            Line(f"{name}: goodput at 3 x the peak / the peak", found.kept, BUDGET, "", at_least=True),
            Line(f"{name}: refusals, P99", found.refused_ms, QUICK_MS, "ms", at_least=False),
            Line(f"{name}: memory beyond that at the peak", found.grown_mb, MOST_MB, "MB", at_least=False),
            Line(f"{name}: refusals are 503 with Retry-After", float(found.clean), 1.0, "", at_least=True),
        ]
    met = show(lines)
    return int(options.check and not met)


def matrices(folder: Path, layers: int) -> str:
    """Seal an ONNX bundle whose row costs so many products with a matrix; return its digest."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    folder.mkdir(parents=True)
    random = np.random.default_rng(1)
    into = numpy_helper.from_array(random.normal(size=(WIDTH, SIDE)).astype(np.float32), "into")
    across = numpy_helper.from_array((random.normal(size=(SIDE, SIDE)) / SIDE**0.5).astype(np.float32), "across")
    nodes = [helper.make_node("MatMul", ["x", "into"], ["h0"])]
    for layer in range(layers):
        nodes.append(helper.make_node("MatMul", [f"h{layer}", "across"], [f"m{layer}"]))
        nodes.append(helper.make_node("Tanh", [f"m{layer}"], [f"h{layer + 1}"]))
    axes = numpy_helper.from_array(np.array([1]), "axes")
    nodes.append(helper.make_node("ReduceSum", [f"h{layers}", "axes"], ["prediction"], keepdims=0))
    takes = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, WIDTH])
    gives = helper.make_tensor_value_info("prediction", TensorProto.FLOAT, [None])
    graph = helper.make_graph(nodes, "matrices", [takes], [gives], [into, across, axes])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    onnx.save(made, folder / "model.onnx")
    row = Field("x", "float32", width=WIDTH)
    signature = Signature((row,), (row,), (PREDICTION,))
    return seal(folder, Manifest("flat", "regression", "onnx", "measured", signature, (), 1, list_files(folder)))


def measure(name: str, place: Path, make: Callable[[Path], str], seconds: float) -> Found:
    """Load a worker at several rates, print what it did, and return what was seen at 3 times the peak."""
    digest = make(place / "model")
    routes = Routes(place / "project")
    routes.move("flat", ("1", digest, place / "model", 1.0))
    with servers.worker(routes) as worker:
        content = request(INFER, BODY)
        peak = ramp(worker.port, content, seconds / 4)
        held = worker.resident_mb()
        print(f"\n{name}: peak {peak:,.0f} requests/s, {held:.0f} MB\n")
        print("  offered    good/s  of peak   p50 ms   p99 ms  refused/s   p50 ms   p99 ms       MB")
        for factor in (0.5, 1.0, 2.0, 5.0, 3.0):
            seen = uvloop.run(opened(worker.port, content, factor * peak, seconds, CONNECTIONS))
            good = sum(one.status == OK and one.took <= GOOD_SECONDS for one in seen) / seconds
            answered = [one for one in seen if one.status == OK]
            refused = [one for one in seen if one.status != OK]
            print(
                f"{factor:>7g} x {good:>9,.0f} {good / peak:>8.0%} {quantiles(answered)}"
                f" {len(refused) / seconds:>10,.0f} {quantiles(refused, TURN)} {worker.resident_mb():>8.0f}",
                flush=True,
            )
        clean = all(one.status == BUSY and one.headers.get("retry-after") for one in refused)
        return Found(good / peak, quantile(refused, 0.99, TURN), worker.resident_mb() - held, clean)


def ramp(port: int, content: bytes, seconds: float) -> float:
    """Return the most answers a second that clients who wait for theirs were given, whatever their number."""
    best, clients, idle = 0.0, 1, 0
    while clients <= MOST_CLIENTS and idle < 2:
        end = time.monotonic() + seconds
        began = time.monotonic()
        seen = asyncio.run(closed(port, [content] * clients, lambda end=end: time.monotonic() < end))  # type: ignore[misc]
        rate = sum(one.status == OK for one in seen) / (time.monotonic() - began)
        print(f"{clients:>5} clients that wait: {rate:>8,.0f} answers/s", flush=True)
        idle = 0 if rate > GAIN * best else idle + 1
        best, clients = max(best, rate), clients * 2
    return best


def quantile(seen: Sequence[Seen], share: float, part: Callable[[Seen], float] = TOOK) -> float:
    """Return a quantile in milliseconds; 0 of nothing."""
    took = sorted(map(part, seen))
    return took[min(len(took) - 1, int(len(took) * share))] * 1000 if took else 0.0


def quantiles(seen: Sequence[Seen], part: Callable[[Seen], float] = TOOK) -> str:
    """Return P50 and P99 in milliseconds."""
    return f"{quantile(seen, 0.5, part):>8.1f} {quantile(seen, 0.99, part):>8.1f}" if seen else f"{'-':>8} {'-':>8}"


if __name__ == "__main__":
    sys.exit(main())
