"""Each form of the protocol beside its own bare loop, on a row like a flight: `python -m benchmarks.bench_forms`.

Twelve columns, four of them strings, 100 LightGBM trees. V2 as JSON, V2 with binary tensors, V2 over gRPC; each bare
loop stands on the same libraries (uvloop with httptools, or grpc.aio), calls the model once per tick and does nothing
else. The worker has everything on. What the client itself can do at most is measured against nginx. There is no budget
for these rows beyond that of the floats, 0.8 x, which is shown beside them.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # runnable as a script

from benchmarks import bundles, forms, h2load, rounds, servers, wrk
from benchmarks.project import Routes
from benchmarks.rounds import Target
from headgate.gateway.grpc.messages import SERVICE, build

CONNECTIONS = 64
INFER, METHOD = "/v2/models/flight/infer", f"/{SERVICE}/ModelInfer"
BUDGET = 0.8


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 0, for there is no budget to miss."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of a second each: shows that all runs")
    parser.add_argument("--check", action="store_true", help="taken as every benchmark takes it; nothing is checked")
    options = parser.parse_args(arguments)
    if not wrk.found():
        print("forms: NOT MEASURED: wrk is not installed (Debian: apt-get install wrk)", file=sys.stderr)
        return 0
    print(rounds.machine())
    turns, seconds = (1, 1) if options.quick else (5, 3)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        Forms(Path(folder), stack).measure(turns, seconds)
    print(f"\n{rounds.machine()}")
    return 0


class Forms:
    """A worker, the bare loops, and how each is loaded.

    Args:
        place: Folder for what is made.
        stack: Ends what was started.
    """

    def __init__(self, place: Path, stack: ExitStack) -> None:
        self.place, self.stack = place, stack
        digest = bundles.flight(place / "flight")
        self.model = place / "flight" / "model.onnx"
        routes = Routes(place / "project", ("flight",), guarded=True)
        routes.move("flight", ("1", digest, place / "flight", 1.0))
        self.worker = stack.enter_context(servers.worker(routes, grpc=True))
        self.key = f"Bearer {routes.key}"

    def measure(self, turns: int, seconds: int) -> None:
        """Load each form and its bare loop in turns."""
        body, json_bytes = forms.binary()
        self.compare("JSON", self.over_http("columns", forms.JSON, {}), turns, seconds)
        head = {"Inference-Header-Content-Length": str(json_bytes)}
        self.compare("binary tensors", self.over_http("binary", body, head), turns, seconds)
        if h2load.found():
            self.compare("gRPC", self.over_grpc(), turns, seconds)
        else:
            print("\ngRPC: NOT MEASURED: h2load is not installed (Debian: apt-get install nghttp2-client)")

    def compare(self, form: str, targets: dict[str, Target], turns: int, seconds: int) -> None:
        """Print one form's table."""
        seen = rounds.take_turns(targets, CONNECTIONS, turns, seconds)
        print(f"\n{form}: {CONNECTIONS} connections, medians of {turns} rounds of {seconds} s\n")
        rounds.show(seen)
        share = rounds.ratio(seen["headgate"], seen["bare loop"])
        print(f"\n{form}: {share:.2f} x its own bare loop ({'not below' if share >= BUDGET else 'below'} {BUDGET} x)")

    def over_http(self, loop: str, body: dict[str, Any] | bytes, headers: dict[str, str]) -> dict[str, Target]:
        """Start the bare loop of a form over HTTP; return how all are loaded."""
        headers = {"Authorization": self.key, **headers}
        lua = wrk.script(self.place / f"{loop}.lua", body, headers)
        found = {"headgate": self.worker, "bare loop": self.stack.enter_context(servers.bare(loop, self.model))}
        same([probability(server.url + INFER, body, headers) for server in found.values()])
        if nginx := self.stack.enter_context(servers.nginx(self.place)):
            found["nginx: the client's limit"] = nginx
        return {name: by_wrk(server, lua) for name, server in found.items()}

    def over_grpc(self) -> dict[str, Target]:
        """Start the bare loop of gRPC; return how all are loaded."""
        found = {"headgate": self.worker, "bare loop": self.stack.enter_context(servers.bare("grpc", self.model))}
        same([self.call(server.grpc_port) for server in found.values()])
        if nginx := self.stack.enter_context(servers.nginx(self.place, "http2")):
            found["nginx: the client's limit"] = nginx
        body = h2load.framed(self.place / "message", forms.message().SerializeToString())
        return {name: self.by_h2load(server, body) for name, server in found.items()}

    def call(self, port: int) -> float:
        """Ask once with gRPC's own client, which reads gRPC's own status; return the probability."""
        messages = build()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            ask = channel.unary_unary(
                METHOD, lambda message: message.SerializeToString(), messages["ModelInferResponse"].FromString
            )
            answer = ask(forms.message(), timeout=10, metadata=[("authorization", self.key)])
        return float(np.frombuffer(answer.raw_output_contents[0], "<f4")[0])

    def by_h2load(self, server: servers.Server, body: Path) -> Target:
        """Return how a gRPC server is loaded."""
        url, headers = f"http://127.0.0.1:{server.grpc_port}{METHOD}", (f"authorization: {self.key}",)
        return Target(server, lambda connections, seconds: h2load.drive(url, body, headers, connections, seconds))


def probability(url: str, body: dict[str, Any] | bytes, headers: dict[str, str]) -> float:
    """Return a server's answer to the row; bytes end with it."""
    if isinstance(body, bytes):
        return float(np.frombuffer(servers.post(url, body, headers)[-4:], "<f4")[0])
    answer = json.loads(servers.post(url, json.dumps(body).encode(), headers))
    return float(answer["outputs"][0]["data"][0])


def same(answers: Sequence[float]) -> None:
    """Hold a bare loop to the worker's answer; raises RuntimeError."""
    if not np.allclose(answers, answers[0]):
        raise RuntimeError(f"the bare loop answers something else: {answers}")


def by_wrk(server: servers.Server, lua: Path) -> Target:
    """Return how an HTTP server is loaded."""
    return Target(server, lambda connections, seconds: wrk.drive(server.url + INFER, lua, connections, seconds))


if __name__ == "__main__":
    sys.exit(main())
