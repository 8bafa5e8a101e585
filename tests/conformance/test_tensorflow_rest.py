"""TensorFlow Serving's REST protocol, request by request as its documentation writes them, and the plain /predict."""

import json
from http.client import HTTPConnection
from typing import Any

import pytest

from headgate.testing.running import Server
from headgate.testing.waiting import LONGEST


def ask(server: Server, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=LONGEST)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def predict(server: Server, model: str, body: Any) -> tuple[int, Any]:
    return ask(server, "POST", f"/v1/models/{model}:predict", body)


def test_status(server: Server) -> None:
    available = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    for path in ("/v1/models/vector", "/v1/models/vector/versions/1"):
        assert ask(server, "GET", path) == (200, {"model_version_status": [available]})
    assert ask(server, "GET", "/v1/models/other")[0] == 404
    assert ask(server, "GET", "/v1/models/vector/versions/7")[0] == 404


def test_metadata(server: Server) -> None:
    status, about = ask(server, "GET", "/v1/models/vector/metadata")
    assert (status, about["model_spec"]) == (200, {"name": "vector", "signature_name": "", "version": "1"})
    described = about["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert described["inputs"]["x"] == {
        "name": "x",
        "dtype": "DT_FLOAT",
        "tensor_shape": {"dim": [{"size": "-1", "name": ""}, {"size": "2", "name": ""}], "unknown_rank": False},
    }


def test_row_format(server: Server) -> None:
    assert predict(server, "vector", {"instances": [[1, 2], [3, 4]]}) == (200, {"predictions": [[2, 4], [6, 8]]})
    named = {"signature_name": "serving_default", "instances": [{"x": [1, 2]}]}
    assert predict(server, "vector/versions/1", named) == (200, {"predictions": [[2, 4]]})
    rows = [{"age": 1, "plan": "a"}, {"age": None, "plan": "b"}]
    answer = [{"score": 2.0, "label": "a"}, {"score": None, "label": "b"}]
    assert predict(server, "frame", {"instances": rows}) == (200, {"predictions": answer})


def test_column_format(server: Server) -> None:
    assert predict(server, "vector", {"inputs": [[1, 2]]}) == (200, {"outputs": [[2, 4]]})
    assert predict(server, "vector", {"inputs": {"x": [[1, 2]]}}) == (200, {"outputs": [[2, 4]]})
    columns = {"age": [1, 2], "plan": ["a", "b"]}
    assert predict(server, "frame", {"inputs": columns}) == (200, {"outputs": {"score": [2, 4], "label": ["a", "b"]}})


@pytest.mark.parametrize(
    ("model", "body", "words"),
    [
        ("vector", {"instances": [[1, 2]], "inputs": [[1, 2]]}, "not both"),
        ("vector", {}, "instances"),
        ("vector", {"instances": [[1, 2]], "signature_name": "other"}, "'other' is not known"),
        ("vector", {"instances": [[1, 2]], "output_filter": ["y"]}, "output_filter"),
        ("vector", {"instances": [[1, 2, 3]]}, "a list of 3 values"),
        ("vector", {"instances": []}, "no row"),
        ("frame", {"instances": [{"age": 1, "plan": {"b64": "YQ=="}}]}, "plan, row 0"),
        ("frame", {"instances": [1]}, "name the columns: age, plan"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(server: Server, model: str, body: Any, words: str) -> None:
    status, refused = predict(server, model, body)
    assert status == 400
    assert words in refused["error"]


def test_other_verbs_are_refused(server: Server) -> None:
    assert ask(server, "POST", "/v1/models/vector:classify", {"examples": [{}]})[0] == 404
    assert ask(server, "GET", "/v1/models/vector:predict")[0] == 405


def test_plain_rows_and_columns(server: Server, lone: Server) -> None:
    rows = [{"age": 1, "plan": "a"}]
    start = {"model": "frame", "version": "1"}
    answer = {**start, "id": "7", "predictions": [{"score": 2.0, "label": "a"}]}
    assert ask(server, "POST", "/predict", {"model": "frame", "id": "7", "rows": rows}) == (200, answer)
    assert ask(lone, "POST", "/predict", {"rows": rows, "outputs": ["label"]}) == (
        200,
        {**start, "predictions": [{"label": "a"}]},
    )
    columns = {"age": [1, None], "plan": ["a", "b"]}
    assert ask(server, "POST", "/predict", {"model": "frame", "version": "1", "columns": columns}) == (
        200,
        {**start, "columns": {"score": [2.0, None], "label": ["a", "b"]}},
    )


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"rows": [{"age": 1, "plan": "a"}]}, 400, "which_model"),
        ({"model": "frame"}, 400, "bad_body"),
        ({"model": "frame", "rows": [{"age": 1}]}, 400, "missing_input"),
        ({"model": "frame", "rows": [{"age": 1, "plan": "a"}], "outputs": ["x"]}, 400, "unknown_output"),
        ({"model": "frame", "rows": [{"age": 1, "plan": "a"}], "outputs": ["label"] * 2}, 400, "repeated_output"),
        ({"model": "frame", "rows": [{"age": 1, "plan": "a"}], "explain": True}, 400, "bad_body"),
        ({"model": "frame", "version": "8", "rows": [{"age": 1, "plan": "a"}]}, 404, "unknown_version"),
        ({"model": "none", "rows": [{"age": 1, "plan": "a"}]}, 404, "unknown_model"),
    ],
)
def test_plain_requests_that_do_not_fit(server: Server, body: Any, status: int, code: str) -> None:
    got, refused = ask(server, "POST", "/predict", body)
    assert (got, refused["code"]) == (status, code)
