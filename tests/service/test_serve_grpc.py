"""gRPC under a supervisor: encrypted by the same settings as HTTP, its refusals counted, each address said once."""

import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from headgate.base.clock import SystemClock
from headgate.journal.event import NewEvent
from headgate.journal.ports import Document
from headgate.routing.route import COLLECTION
from headgate.testing.running import POLICY
from headgate.testing.serving import route, sum_bundle
from headgate.testing.waiting import LONGEST, wait_for
from headgate.wiring import Project

ADDRESS = r"127\.0\.0\.1:(\d+)"


@dataclass
class Place:
    process: "subprocess.Popen[str]"
    folder: Path
    said: list[str]

    def address(self, words: str) -> str:
        (found,) = [match for line in self.said if (match := re.search(words + ADDRESS, line))]
        return f"127.0.0.1:{found[1]}"

    def refused(self, code: str) -> int:
        with urllib.request.urlopen(f"http://{self.address('metrics on http://')}/metrics", timeout=LONGEST) as page:
            found = re.findall(rf'headgate_refused_total{{status="\d+",code="{code}"}} (\d+)', page.read().decode())
        return sum(map(int, found))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("grpc")
    made = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=x -addext subjectAltName=IP:127.0.0.1"
    files: list[str | Path] = ["-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    subprocess.run([*made.split(), *files], check=True, capture_output=True)
    (folder / "headgate.yaml").write_text(f"{POLICY}settings: {{ tls_certificate: cert.pem, tls_key: key.pem }}\n")
    bundle = folder / "bundles" / "1"
    wanted = route("simple", 1, "1", sum_bundle(bundle, "simple", 1.0), bundle)
    event = NewEvent("pointer.moved", "person:ada", "a test", {"to": "1", "revision": 1})
    document = Document(COLLECTION, "simple", 1, wanted.to_json())
    Project.open(folder, SystemClock()).journal().append("model/simple", 0, [event], [document])
    words = ["serve", "-C", str(folder), "--port", "0", "--grpc-port", "0", "--admin-port", "0", "--workers", "2"]
    with (folder / "serve.log").open("w") as log:
        command = [sys.executable, "-m", "headgate.cli.main", *words]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    one = Place(process, folder, [process.stdout.readline() for _ in range(3)])
    try:
        yield one
    finally:
        process.send_signal(signal.SIGTERM)
        code, rest = process.wait(LONGEST), process.stdout.read()
        process.stdout.close()
    assert (code, rest) == (0, "")


@pytest.fixture(scope="module")
def client(place: Place) -> Iterator[Any]:
    made = triton.InferenceServerClient(
        place.address("gRPC on "), ssl=True, root_certificates=str(place.folder / "cert.pem")
    )
    wait_for(lambda: ready(made), "it is ready", (place.folder / "serve.log").read_text)
    yield made
    made.close()


def ready(client: Any) -> bool:
    try:
        return bool(client.is_server_ready() and client.is_model_ready("simple"))
    except InferenceServerException:
        return False


def ask(client: Any, model: str, shape: tuple[int, int]) -> Any:
    row = triton.InferInput("x", list(shape), "FP32")
    row.set_data_from_numpy(np.ones(shape, np.float32))
    return client.infer(model, [row])


def test_it_answers_over_tls_and_to_nobody_who_does_not_speak_it(place: Place, client: Any) -> None:
    assert ask(client, "simple", (2, 3)).as_numpy("prediction").tolist() == [4.0, 4.0]
    plain = triton.InferenceServerClient(place.address("gRPC on "))
    with pytest.raises(InferenceServerException):
        plain.is_server_live(client_timeout=5)
    plain.close()


def test_what_it_refuses_is_counted_by_status_and_code(place: Place, client: Any) -> None:
    for _ in range(3):
        with pytest.raises(InferenceServerException, match="is not served"):
            ask(client, "nobody", (1, 3))
    for _ in range(2):
        with pytest.raises(InferenceServerException, match="expected"):
            ask(client, "simple", (1, 4))
    told = {"unknown_model": 3, "wrong_shape": 2}
    wait_for(lambda: {code: place.refused(code) for code in told} == told, "the workers have told of it")


def test_each_address_is_said_once(place: Place) -> None:
    assert [line.split(" on ")[0] for line in place.said] == [
        "headgate serves",
        "headgate serves gRPC",
        "headgate shows its metrics",
    ]
    assert "listening" not in (place.folder / "serve.log").read_text()
