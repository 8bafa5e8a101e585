"""MLflow's scoring protocol, as mlflow's own scoring client speaks it."""

import json
import warnings
from http.client import HTTPConnection
from typing import Any

import numpy as np
import pandas as pd
import pytest

from headgate.testing.running import Server
from headgate.testing.waiting import LONGEST

FRAME = pd.DataFrame({"age": [1.5, 2.0], "plan": ["small", "größer ✈"]})
ANSWER = [{"score": 3.0, "label": "small"}, {"score": 4.0, "label": "größer ✈"}]


def ask(server: Server, body: Any, path: str = "/invocations", **headers: str) -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=LONGEST)
    try:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request("POST", path, content, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


@pytest.fixture(scope="module")
def client(lone: Server) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns of its own types while it is imported
        from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    made: Any = ScoringServerClient
    return made("127.0.0.1", lone.port)


def test_ping_wait_and_version(client: Any) -> None:
    client.ping()
    client.wait_server_ready(timeout=LONGEST)
    assert client.get_version() == "0.1.0"


def test_a_data_frame(client: Any) -> None:
    answer = client.invoke(FRAME)
    assert answer.get_predictions().to_dict(orient="records") == ANSWER


def test_a_data_frame_with_a_missing_number(client: Any) -> None:
    answer = client.invoke(pd.DataFrame({"age": [np.nan, 2.0], "plan": ["a", "b"]}))
    scores = answer.get_predictions()["score"]
    assert np.isnan(scores[0])
    assert scores[1] == 4.0


def test_a_tensor_without_a_name_and_one_output(server: Server) -> None:
    for form in ("instances", "inputs"):
        asked = {form: [[1, 2], [3, 4]]}
        assert ask(server, asked, headgate_model="vector") == (200, {"predictions": [[2.0, 4.0], [6.0, 8.0]]})


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": FRAME.to_dict(orient="split")},
        {"dataframe_split": FRAME[["plan", "age"]].to_dict(orient="split")},
        {"dataframe_records": FRAME.to_dict(orient="records")},
        {"instances": FRAME.to_dict(orient="records")},
        {"inputs": FRAME.to_dict(orient="list")},
        {"inputs": {"age": [[1.5], [2.0]], "plan": [["small"], ["größer ✈"]]}, "params": {}},
    ],
)
def test_every_form(lone: Server, body: Any) -> None:
    assert ask(lone, body) == (200, {"predictions": ANSWER})


@pytest.mark.parametrize("path", ["/invocations", "/models/frame/invocations"])
def test_csv(lone: Server, path: str) -> None:
    content = FRAME.to_csv(index=False).encode()
    assert ask(lone, content, path, content_type="text/csv; charset=utf-8") == (200, {"predictions": ANSWER})


def test_the_model_is_named_where_there_are_several(server: Server) -> None:
    body = {"dataframe_split": FRAME.to_dict(orient="split")}
    status, refused = ask(server, body)
    assert (status, refused["code"]) == (400, "which_model")
    assert "frame, simple, simple_string, vector" in refused["error"]
    assert ask(server, body, headgate_model="frame") == (200, {"predictions": ANSWER})
    assert ask(server, body, "/models/frame/invocations") == (200, {"predictions": ANSWER})
    assert ask(server, body, headgate_model="other")[0] == 404


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({}, "bad_body", "exactly one of dataframe_split"),
        ({"inputs": {"age": [1]}, "instances": [1]}, "bad_body", "exactly one"),
        ({"columns": ["age"], "data": [[1]]}, "bad_body", "columns"),
        ({"dataframe_split": {"columns": ["age", "age"], "data": [[1, 2]]}}, "repeated_input", "twice"),
        ({"dataframe_split": {"columns": ["age", "plan"], "data": [[1]]}}, "wrong_shape", "row 0 has 1 values"),
        ({"dataframe_split": {"columns": ["age", "plan"], "data": []}}, "wrong_shape", "no row"),
        (
            {"dataframe_split": {"columns": ["age", "plan"], "data": [[1, "a"]], "index": [1, 2]}},
            "wrong_shape",
            "2 index values for 1 rows",
        ),
        ({"dataframe_records": [{"age": 1, "plan": "a", "x": 1}]}, "unknown_input", "row 0: input 'x'"),
        ({"dataframe_records": [{"age": 1, "plan": "a"}, {"age": 1}]}, "missing_input", "row 1: missing: input plan"),
        ({"inputs": {"age": [1, 2], "plan": ["a"]}}, "wrong_shape", "'plan' has 1 rows, but 'age' has 2"),
        ({"inputs": {"age": ["1"], "plan": ["a"]}}, "wrong_value", "the string '1'"),
        ({"inputs": {"age": 1, "plan": "a"}}, "bad_body", "not a list"),
        ({"inputs": [1, 2]}, "unnamed_input", "age, plan"),
        ({"instances": []}, "unnamed_input", "age, plan"),
        ({"inputs": {"age": [1], "plan": ["a"]}, "params": {"k": 1}}, "unsupported_parameter", "'k'"),
        (b'{"inputs": {"age": [Infinity], "plan": ["a"]}}', "bad_json", "Infinity"),
        (b'{"inputs": {"age": [1], "plan": [NaN]}}', "wrong_value", "null (missing)"),
        (b'{"inputs": {"age": [NaN], "plan": ["a"]}', "bad_json", "not JSON"),
        (b"[" * 5000, "bad_body", "object"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(lone: Server, body: Any, code: str, words: str) -> None:
    status, refused = ask(lone, body)
    assert (status, refused["code"]) == (400, code), refused
    assert words in refused["error"]


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"", "bad_csv", "empty"),
        (b"age,plan\n", "wrong_shape", "no row"),
        (b"age,plan\n1\n", "bad_csv", "row 0 has 1 cells"),
        (b"age,plan\none,a\n", "wrong_value", "'one'"),
        (b"age,plan\ninf,a\n", "wrong_value", "age, row 0"),
        (b"age,plan\n1_0,a\n", "wrong_value", "'1_0'"),
        (b"age,age\n1,1\n", "repeated_input", "twice"),
        (b"age\n1\n", "missing_input", "plan"),
        (b"\xff\xfe", "bad_csv", "UTF-8"),
        (b'age,plan\n1,"a\n', "bad_csv", "CSV"),
    ],
)
def test_csv_that_does_not_fit_is_refused_in_words(lone: Server, content: bytes, code: str, words: str) -> None:
    status, refused = ask(lone, content, content_type="text/csv")
    assert (status, refused["code"]) == (400, code), refused
    assert words in refused["error"]
