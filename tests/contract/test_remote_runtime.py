"""The model runtime's contract over a V2 server, and what a remote runtime makes of servers that misbehave."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from headgate.adapters.remote.runtime import RemoteRuntime
from headgate.base.errors import BadInput, Unavailable
from headgate.base.trace import CURRENT, Trace
from headgate.registry.bundle import Manifest
from headgate.registry.ports import ModelRuntime
from headgate.testing.model_runtime import CONTRACT, ModelRuntimeContract, some_features
from headgate.testing.waiting import LONGEST

MANIFEST = Manifest("m", "regression", "remote", "", CONTRACT, (), 1, {})
V2, TF = "/v2/models/m", "/v1/models/m"


def computed(a: list[float | None], k: list[str | None]) -> list[float | None]:
    pairs = zip(a, k, strict=True)
    return [None if number is None else number + 1 + 10 * (kind == "ten") for number, kind in pairs]


class Model(BaseHTTPRequestHandler):
    """Answers the contract's model by V2 and by TF Serving's REST; misbehaves as it is told to."""

    protocol_version = "HTTP/1.1"
    wrong: ClassVar[dict[str, Any]] = {}
    heads: ClassVar[list[dict[str, str]]] = []

    def do_GET(self) -> None:
        self.answer(200, {"name": "m", "inputs": [{"name": "a", "shape": [-1]}, {"name": "k", "shape": [-1]}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        Model.heads.append(dict(self.headers))
        if Model.wrong.get("wait"):
            Model.wrong["wait"].wait(LONGEST)
        if "status" in Model.wrong:
            self.answer(Model.wrong["status"], Model.wrong.get("body", {"error": "no"}))
        elif self.path == f"{TF}:predict":
            self.answer(200, {"outputs": computed(body["inputs"]["a"], body["inputs"]["k"])})
        elif "body" in Model.wrong:
            self.answer(200, Model.wrong["body"])
        else:
            one = {each["name"]: each["data"] for each in body["inputs"]}
            data = computed(one["a"], one["k"])
            self.answer(200, {"outputs": [{"name": "y", "shape": [len(data), 1], "datatype": "FP32", "data": data}]})

    def answer(self, status: int, body: Any) -> None:
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def _behave() -> Iterator[None]:
    yield
    Model.wrong = {}


def remote(folder: Path, url: str, *, seconds: float = LONGEST, allow_private: bool = True, resolve: Any = None) -> Any:
    (folder / "remote.json").write_text(json.dumps({"url": url, "seconds": seconds, "allow_private": allow_private}))
    return RemoteRuntime(folder, MANIFEST, resolve)


class TestRemoteV2(ModelRuntimeContract):
    @pytest.fixture
    def runtime(self, port: int, tmp_path: Path) -> Iterator[ModelRuntime]:
        runtime = remote(tmp_path, f"http://127.0.0.1:{port}{V2}")
        yield runtime
        runtime.close()


def test_tf_serving_answers_in_columns(port: int, tmp_path: Path) -> None:
    runtime = remote(tmp_path, f"http://127.0.0.1:{port}{TF}")
    assert runtime.run(some_features([1, 2], ["x", "ten"]))["prediction"].tolist() == [2, 13]
    with pytest.raises(BadInput, match="a is missing, which TF Serving's JSON cannot say"):
        runtime.run(some_features([np.nan], ["x"]))
    runtime.close()


@pytest.mark.parametrize(
    ("wrong", "error", "what"),
    [
        ({"status": 400, "body": {"error": "shape of a"}}, BadInput, r"refused these rows \(400\): .*shape of a"),
        ({"status": 500}, Unavailable, "answered 500"),
        ({"status": 404}, Unavailable, "answered 404"),
        ({"status": 302}, Unavailable, "answered 302"),
        ({"body": b"<html>"}, Unavailable, "it is no JSON"),
        ({"body": {"outputs": []}}, Unavailable, "it lacks prediction among nothing"),
        ({"body": {"answer": 3}}, Unavailable, "it is no V2 answer"),
        (
            {"body": {"outputs": [{"name": "y", "shape": [2], "data": [1, 2]}]}},
            Unavailable,
            "shape .2. of 2 values for 1",
        ),
        ({"body": {"outputs": [{"name": "y", "shape": [1], "data": ["high"]}]}}, Unavailable, "could not convert"),
    ],
)
def test_bad_answers_say_where_and_what(port: int, tmp_path: Path, wrong: Any, error: Any, what: str) -> None:
    url = f"http://127.0.0.1:{port}{V2}"
    runtime = remote(tmp_path, url)
    Model.wrong = wrong
    with pytest.raises(error, match=what) as raised:
        runtime.run(some_features([1], ["x"]))
    assert raised.value.where == url
    assert raised.value.way_out
    Model.wrong = {}
    assert runtime.run(some_features([1], ["x"]))["prediction"].tolist() == [2]
    runtime.close()


def test_a_slow_server_is_given_up_and_not_asked_twice(port: int, tmp_path: Path) -> None:
    runtime = remote(tmp_path, f"http://127.0.0.1:{port}{V2}", seconds=0.2)
    over = threading.Event()
    Model.wrong = {"wait": over}
    with pytest.raises(Unavailable, match=r"no answer within 0\.2 s"):
        runtime.run(some_features([1], ["x"]))
    over.set()
    runtime.close()


@pytest.mark.parametrize("drips", ["head", "body"])
def test_a_server_that_drips_is_given_up_when_its_time_is_over(drips: str, tmp_path: Path) -> None:
    over = threading.Event()

    def drip(server: socket.socket) -> None:
        for _ in range(2):
            client, _ = server.accept()
            with client, contextlib.suppress(OSError):
                if client.recv(65_536).startswith(b"GET"):
                    client.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}")
                    continue
                client.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n")
                client.sendall(b"x-slow: " if drips == "head" else b"\r\n")
                while not over.wait(0.05):
                    client.sendall(b" ")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        runtime = remote(tmp_path, f"http://127.0.0.1:{server.getsockname()[1]}{V2}", seconds=0.5)
        stop = threading.Timer(LONGEST, over.set)  # ends a runtime that waits without end
        stop.start()
        with pytest.raises(Unavailable, match=r"no answer within 0\.5 s"):
            runtime.run(some_features([1], ["x"]))
        given_up = not over.is_set()
        over.set()
        stop.cancel()
        runtime.close()
        thread.join()
    assert given_up, "it was the server that gave up"


def test_the_trace_context_goes_on(port: int, tmp_path: Path) -> None:
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    runtime = remote(tmp_path, f"http://127.0.0.1:{port}{V2}")
    Model.heads.clear()
    for trace in (Trace(parent, "a=1"), Trace(parent), None):
        token = CURRENT.set(trace)
        runtime.run(some_features([1], ["x"]))
        CURRENT.reset(token)
    runtime.close()
    found = [(head.get("traceparent"), head.get("tracestate")) for head in Model.heads]
    assert found == [(parent, "a=1"), (parent, None), (None, None)]


def test_a_loopback_address_needs_the_policys_word(port: int, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"leads to 127\.0\.0\.1 is a loopback") as raised:
        remote(tmp_path, f"http://localhost:{port}{V2}", allow_private=False, resolve=lambda *_: ["127.0.0.1"])
    assert "package.allow_private" in raised.value.way_out


def test_a_metadata_address_is_never_asked(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="link-local or metadata"):
        remote(tmp_path, f"http://inside{V2}", resolve=lambda *_: ["169.254.169.254"])


def test_the_next_address_is_asked_when_one_cannot_be_reached(port: int, tmp_path: Path) -> None:
    runtime = remote(tmp_path, f"http://model.test:{port}{V2}", resolve=lambda *_: ["127.0.0.9", "127.0.0.1"])
    assert runtime.run(some_features([1], ["x"]))["prediction"].tolist() == [2]
    runtime.close()


def test_a_server_that_is_gone_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be reached"):
        remote(tmp_path, f"http://127.0.0.1:1{V2}")


@pytest.mark.parametrize(
    "url", ["http://h/v3/models/m", "http://h/v2/models/m/infer", "ftp://h/v2/models/m", "http://h"]
)
def test_a_url_that_names_no_model_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(BadInput, match="the URL is refused"):
        remote(tmp_path, url)
