"""A request's trace context goes through a real worker, over HTTP and gRPC, to the server that runs its model."""

import json
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from headgate.adapters.machine.served import let_serve
from headgate.base.clock import SystemClock
from headgate.registry.bundle import Manifest, list_files, seal
from headgate.registry.field import Field
from headgate.registry.signature import Signature
from headgate.testing.running import POLICY
from headgate.testing.waiting import LONGEST, wait_for
from headgate.wiring import Project

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
BODY = json.dumps({"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [2]}]}).encode()


class Model(BaseHTTPRequestHandler):
    """Doubles; fails when it is told to."""

    protocol_version = "HTTP/1.1"
    heads: ClassVar[list[tuple[str | None, str | None]]] = []
    status: ClassVar[int] = 200

    def do_GET(self) -> None:
        self.answer({"name": "simple", "inputs": [{"name": "x", "shape": [-1]}]}, 200)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        Model.heads.append((self.headers["traceparent"], self.headers["tracestate"]))
        data = [2 * value for value in body["inputs"][0]["data"]]
        self.answer({"outputs": [{"name": "y", "shape": [len(data)], "datatype": "FP32", "data": data}]}, Model.status)

    def answer(self, body: Any, status: int) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def remote() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def ports(remote: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    folder = tmp_path_factory.mktemp("traced")
    (folder / "headgate.yaml").write_text(POLICY)
    bundle = folder / "bundle"
    bundle.mkdir()
    place = {"url": f"http://127.0.0.1:{remote}/v2/models/simple", "seconds": LONGEST, "allow_private": True}
    (bundle / "remote.json").write_text(json.dumps(place))
    one = (Field("x", "float32"),)
    signature = Signature(one, one, (Field("prediction", "float32"),))
    digest = seal(bundle, Manifest("simple", "regression", "remote", "", signature, (), 1, list_files(bundle)))
    let_serve(Project.open(folder, SystemClock()).journal(), "simple", "1", digest, bundle)
    words = ["serve", "-C", str(folder), "--port", "0", "--grpc-port", "0"]
    with (folder / "serve.log").open("w") as log:
        command = [sys.executable, "-m", "headgate.cli.main", *words]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    said = process.stdout.readline() + process.stdout.readline()
    http, grpc = (re.search(rf"{words}127\.0\.0\.1:(\d+)", said) for words in ("http://", "gRPC on "))
    assert http is not None, said
    assert grpc is not None, said
    wait_for(lambda: ready(http[1]), "it is ready", (folder / "serve.log").read_text)
    yield http[1], grpc[1]
    process.send_signal(signal.SIGTERM)
    assert process.wait(LONGEST) == 0
    process.stdout.close()


def ready(port: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/health/ready", timeout=LONGEST) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def ask(port: str, **headers: str) -> tuple[int, dict[str, str]]:
    connection = HTTPConnection("127.0.0.1", int(port), timeout=LONGEST)
    with closing(connection):
        connection.request("POST", "/v2/models/simple/infer", BODY, headers)
        answer = connection.getresponse()
        body = json.loads(answer.read())
        assert answer.status != 200 or body["outputs"][0]["data"] == [4.0]
        return answer.status, dict(answer.getheaders())


def infer(client: Any, **headers: str) -> None:
    row = triton.InferInput("x", [1], "FP32")
    row.set_data_from_numpy(np.ones(1, np.float32))
    assert client.infer("simple", [row], headers=headers).as_numpy("prediction").tolist() == [2.0]


def test_a_trace_context_goes_on_over_both_protocols(ports: tuple[str, str]) -> None:
    http, grpc = ports
    client = triton.InferenceServerClient(f"127.0.0.1:{grpc}")
    infer(client)
    Model.heads.clear()
    assert ask(http, traceparent=PARENT, tracestate="a=1,b=2")[0] == 200
    assert ask(http, traceparent="no trace", tracestate="a=1")[0] == 200
    assert ask(http)[0] == 200
    infer(client, traceparent=PARENT, tracestate="c=3")
    infer(client)
    client.close()
    assert Model.heads == [(PARENT, "a=1,b=2"), (None, None), (None, None), (PARENT, "c=3"), (None, None)]


def test_a_failure_names_version_arm_and_prediction_over_both_protocols(ports: tuple[str, str]) -> None:
    http, grpc = ports
    client = triton.InferenceServerClient(f"127.0.0.1:{grpc}")
    Model.status = 500
    try:
        status, headers = ask(http)
        with pytest.raises(InferenceServerException, match="answered 500") as raised:
            infer(client)
    finally:
        Model.status = 200
        client.close()
    assert status == 503
    assert (headers["headgate-version"], headers["headgate-arm"]) == ("1", "champion")
    assert len(headers["headgate-prediction-id"]) == 36
    refused: Any = raised.value.__context__  # what gRPC itself raised
    trailing = dict(refused.trailing_metadata())
    assert (trailing["headgate-version"], trailing["headgate-code"]) == ("1", "model_unavailable")
    assert len(trailing["headgate-prediction-id"]) == 36
