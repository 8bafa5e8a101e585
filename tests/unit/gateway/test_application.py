"""Paths, methods and content types: each is answered, or refused with a code."""

import itertools
import json
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest

from headgate.base.errors import BadInput, Unavailable
from headgate.features.predictor import Predictor
from headgate.gateway.application import Application
from headgate.gateway.guard.keys import KeyTable
from headgate.gateway.http.door import Door
from headgate.gateway.http.exchange import Exchange
from headgate.gateway.http.head import Head
from headgate.gateway.limits import Limits
from headgate.gateway.record import Tap
from headgate.gateway.refusal import Refusal
from headgate.gateway.table import Entry, Serving, Table
from headgate.gateway.turn import Pulse
from headgate.gateway.version import Loaded
from headgate.predictions.row import Answered
from headgate.registry.bundle import Manifest
from headgate.registry.field import Field
from headgate.registry.signature import Columns, Signature
from headgate.routing.route import Arm

FIELD = Field("x", "float64", missing=True)
SIGNATURE = Signature((FIELD,), (FIELD,), (Field("prediction", "float32"), Field("label", "string")))
BODY = b'{"id":"mine","inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[2.5]}]}'


class Twice:
    def run(self, features: Columns) -> dict[str, npt.NDArray[Any]]:
        values = features["x"]
        return {"prediction": (values * 2).astype(np.float32), "label": np.array(["yes"] * len(values), object)}

    def close(self) -> None:
        """Do nothing."""


class Written:
    """A connection that keeps what is written to it."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.waiting: list[Exchange] = []
        self.direct = False
        self.answers: list[bytes] = []

    def write_answers(self) -> None:
        self.answers += [exchange.answer for exchange in self.waiting if exchange.answer is not None]
        self.waiting.clear()


class Setting:
    def __init__(self, runtime: Any = None, tap: Tap | None = None) -> None:
        self.runtime = runtime or Twice()
        self.soon: list[Any] = []
        draws = itertools.count()
        pulse = Pulse(self.soon.append, lambda _work, _done: None, 1000)
        self.app = Application(
            Limits(), pulse, lambda: 1_700_000_000_000, lambda count: bytes([next(draws)] * count), tap
        )
        self.door = Door(self.app.resolve, Limits())
        self.serve("3")

    def serve(self, version: str) -> None:
        manifest = Manifest("m", "binary", "onnx", "", SIGNATURE, ("no", "yes"), 1, {})
        arm = Arm("champion", version, "sha256:3", 1.0, "b")
        serving = Serving(arm, Loaded(version, "sha256:3", Predictor(manifest, self.runtime), lambda: None))
        self.app.swap(Table({"m": Entry("m", 1, arm, serving)}, read=True))

    def ask(self, method: str, target: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], Any]:
        named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
        wire = Written(self.door)
        try:
            handle = self.app.resolve(method, target, named)
        except Refusal as refusal:
            return refusal.status, {"allow": refusal.allow}, {"error": refusal.what, "code": refusal.code}
        head = Head(method, target, named, recent=True, keep_alive=True, length=0, handle=handle)
        exchange = Exchange(cast("Any", wire), head)
        wire.waiting.append(exchange)
        try:
            handle(exchange, body)
        except Refusal as refusal:
            self.door.fail(exchange, refusal)
        for call in self.soon:
            call()
        self.soon.clear()
        (answer,) = wire.answers
        top, _, content = answer.partition(b"\r\n\r\n")
        first, *lines = top.decode().split("\r\n")
        return int(first.split()[1]), dict(line.split(": ", 1) for line in lines), json.loads(content)


def test_of_a_key_that_stands_twice_the_last_counts_as_the_documents_say(setting: Setting) -> None:
    for body in (
        BODY.replace(b'"id"', b'"id":"first","id"'),
        BODY.replace(b'"id"', b'"id":"first","parameters":{},"id"'),
    ):
        assert body != BODY
        assert setting.ask("POST", "/v2/models/m/infer", body)[2]["id"] == "mine"


@pytest.fixture
def setting() -> Setting:
    return Setting()


@pytest.mark.parametrize(
    ("method", "target", "knocks"),
    [
        ("POST", "/predict", True),
        ("POST", "/v2/models/m/infer?x=1", True),
        ("POST", "/outcomes", True),
        ("GET", "/v2", True),
        ("POST", "/v2/health/live", False),
        ("GET", "/v2/models/m/ready", False),
    ],
)
def test_who_has_no_key_is_told_before_the_body(setting: Setting, method: str, target: str, *, knocks: bool) -> None:
    setting.app.swap_keys(KeyTable(needed=True))
    if knocks:
        with pytest.raises(Refusal) as refused:
            setting.app.knock(method, target, {b"headgate-key": b"hg_0_0"})
        assert refused.value.status == 401
    else:
        setting.app.knock(method, target, {})
    setting.app.swap_keys(KeyTable())
    setting.app.knock(method, target, {})


@pytest.mark.parametrize("target", ["/v2/models/m/infer", "/v2/models/m/versions/3/infer", "/v2/models/%6D/infer?"])
def test_an_answer_names_model_version_arm_and_prediction(setting: Setting, target: str) -> None:
    status, headers, body = setting.ask("POST", target, BODY)
    assert status == 200
    assert body == {
        "model_name": "m",
        "model_version": "3",
        "id": "mine",
        "outputs": [
            {"name": "prediction", "datatype": "FP32", "shape": [1], "data": [5.0]},
            {"name": "label", "datatype": "BYTES", "shape": [1], "data": ["yes"]},
        ],
    }
    assert (headers["headgate-version"], headers["headgate-arm"]) == ("3", "champion")
    assert headers["headgate-prediction-id"].startswith("018bcfe5-6800-7")


def test_every_answer_has_a_prediction_id_of_its_own(setting: Setting) -> None:
    ids = {setting.ask("POST", "/v2/models/m/infer", BODY)[1]["headgate-prediction-id"] for _ in range(20)}
    assert len(ids) == 20


def test_a_handler_meets_the_table_that_stands_when_the_request_comes(setting: Setting) -> None:
    handle = setting.app.resolve("POST", "/v2/models/m/infer", {})
    for version in ("4", "5"):
        setting.serve(version)
        wire = Written(setting.door)
        head = Head("POST", "/", {}, recent=True, keep_alive=True, length=0, handle=handle)
        exchange = Exchange(cast("Any", wire), head)
        wire.waiting.append(exchange)
        handle(exchange, BODY)
        setting.soon.pop()()
        assert f'"model_version":"{version}"'.encode() in wire.answers[0]


def test_wanted_outputs_and_several_rows(setting: Setting) -> None:
    body = {
        "inputs": [{"name": "x", "shape": [2, 1], "datatype": "FP64", "data": [[1], [None]]}],
        "outputs": [{"name": "prediction"}],
    }
    status, headers, answer = setting.ask("POST", "/v2/models/m/infer", json.dumps(body).encode())
    assert status == 200
    assert answer["outputs"] == [{"name": "prediction", "datatype": "FP32", "shape": [2], "data": [2.0, None]}]
    assert headers["headgate-version"] == "3"


def test_metadata_and_health_pages(setting: Setting) -> None:
    assert setting.ask("GET", "/v2")[2]["name"] == "headgate"
    assert setting.ask("GET", "/v2/health/live")[0] == 200
    status, _, ready = setting.ask("GET", "/v2/health/ready")
    assert (status, ready["ready"], ready["models"]) == (200, True, [{"name": "m", "revision": 1, "version": "3"}])
    for target in ("/v2/models/m", "/v2/models/m/versions/3"):
        _, _, about = setting.ask("GET", target)
        assert about["versions"] == ["3"]
        assert about["inputs"] == [{"name": "x", "datatype": "FP64", "shape": [-1]}]
        assert [output["datatype"] for output in about["outputs"]] == ["FP32", "BYTES"]
        assert setting.ask("GET", f"{target}/ready")[::2] == (200, {"name": "m", "version": "3", "ready": True})


def test_not_ready_says_why(setting: Setting) -> None:
    setting.app.swap(Table({"m": Entry("m", 2, None, None, "version 4 is refused: tampered")}, read=True))
    status, _, ready = setting.ask("GET", "/v2/health/ready")
    assert (status, ready["ready"]) == (503, False)
    assert ready["models"][0]["why"] == "version 4 is refused: tampered"
    status, _, model = setting.ask("GET", "/v2/models/m/ready")
    assert (status, model["ready"]) == (503, False)
    status, headers, refused = setting.ask("POST", "/v2/models/m/infer", BODY)
    assert (status, refused["code"], headers["retry-after"]) == (503, "model_not_ready", "1")


def test_a_draining_worker_is_live_but_not_ready(setting: Setting) -> None:
    setting.app.draining = True
    assert setting.ask("GET", "/v2/health/live")[0] == 200
    assert setting.ask("GET", "/v2/health/ready")[2]["state"] == "draining"


@pytest.mark.parametrize(
    ("method", "target", "headers", "status", "code"),
    [
        ("POST", "/v2/models/m/infer?timeout=3", {}, 400, "unknown_query"),
        ("POST", "/predict?model=m", {}, 400, "unknown_query"),
        ("POST", "/invocations?x", {}, 400, "unknown_query"),
        ("POST", "/nowhere?x=1", {}, 404, "unknown_path"),
        ("GET", "/", {}, 404, "unknown_path"),
        ("GET", "/v2/models", {}, 404, "unknown_path"),
        ("GET", "/v2/models/m/versions", {}, 404, "unknown_path"),
        ("POST", "/v2/models//infer", {}, 404, "unknown_path"),
        ("GET", "/v2/models/other", {}, 404, "unknown_model"),
        ("GET", "/v2/models/other/ready", {}, 404, "unknown_model"),
        ("POST", "/v2/models/m/versions/9/infer", {}, 404, "unknown_version"),
        ("GET", "/v2/models/m/versions/9/ready", {}, 404, "unknown_version"),
        ("GET", "/v2/models/m/infer", {}, 405, "wrong_method"),
        ("POST", "/v2/models/m", {}, 405, "wrong_method"),
        ("DELETE", "/v2/health/live", {}, 405, "wrong_method"),
        ("POST", "/v2/models/m/infer", {"content_type": "application/octet-stream"}, 415, "wrong_content_type"),
        ("POST", "/v2/models/m/infer", {"content_type": "application/json; charset=utf-16"}, 415, "wrong_content_type"),
        ("POST", "/v2/models/m/infer", {"content_encoding": "gzip"}, 415, "compression_unsupported"),
        ("POST", "/v2/models/m/infer", {"inference_header_content_length": "999"}, 400, "bad_header"),
    ],
)
def test_what_is_not_there_is_refused_with_a_code(
    setting: Setting, method: str, target: str, headers: dict[str, str], status: int, code: str
) -> None:
    got, found, body = setting.ask(method, target, BODY, **headers)
    assert (got, body["code"]) == (status, code)
    if status == 405:
        assert found["allow"] == ("POST" if target.endswith("infer") else "GET, HEAD")


class Breaks:
    """A model that fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def run(self, features: Columns) -> dict[str, npt.NDArray[Any]]:
        del features
        raise self.error

    def close(self) -> None:
        """Do nothing."""


class Kept:
    """A log that keeps what it is given."""

    def __init__(self) -> None:
        self.rows: list[Answered] = []

    def add(self, batch: Answered) -> None:
        self.rows.append(batch)


@pytest.mark.parametrize(
    ("error", "status"),
    [(ValueError("row secret-7"), 500), (BadInput("x is odd", where="features.py"), 400), (Unavailable("away"), 503)],
)
def test_a_failure_of_the_model_names_version_arm_and_prediction_and_logs_no_input(
    error: Exception, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    kept = Kept()
    setting = Setting(Breaks(error), Tap(kept))
    found, headers, body = setting.ask("POST", "/v2/models/m/infer", BODY)
    assert found == status
    assert (headers["headgate-version"], headers["headgate-arm"]) == ("3", "champion")
    (row,) = kept.rows
    assert [headers["headgate-prediction-id"].encode()] == row.ids
    assert row.status == status
    assert "secret" not in caplog.text + json.dumps(body)
    assert ("ValueError" in caplog.text and "test_application.py:" in caplog.text) == (status == 500)


def test_each_of_several_failures_has_the_id_under_which_it_is_logged() -> None:
    kept = Kept()
    setting = Setting(Breaks(Unavailable("away")), Tap(kept))
    names = [setting.ask("POST", "/v2/models/m/infer", BODY)[1]["headgate-prediction-id"] for _ in range(3)]
    assert [row.ids for row in kept.rows] == [[name.encode()] for name in names]
    assert len(set(names)) == 3
