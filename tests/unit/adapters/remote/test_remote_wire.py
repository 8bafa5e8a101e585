"""What goes over the wire to a remote model, and what is made of what comes back."""

import numpy as np
import pytest

from headgate.adapters.remote.wire import matrix_of, tf_answer, v2_answer, v2_request
from headgate.base.errors import Unavailable
from headgate.registry.field import Field

TWO = (Field("a", "float32"), Field("b", "float32"))
COLUMNS = {"a": np.array([1, 2], np.float32), "b": np.array([3, np.nan], np.float32)}


def test_a_server_that_takes_one_matrix_gets_the_features_side_by_side() -> None:
    matrix = matrix_of([{"name": "x", "datatype": "FP64", "shape": [-1, 2]}], TWO)
    assert matrix == ("x", "FP64")
    body = v2_request(TWO, COLUMNS, matrix)
    assert body == {"inputs": [{"name": "x", "datatype": "FP64", "shape": [2, 2], "data": [1.0, 3.0, 2.0, None]}]}


def test_a_server_that_does_not_say_what_it_takes_gets_numbers_as_one_matrix() -> None:
    assert matrix_of([], TWO) == ("input-0", "FP32")


def test_a_server_that_names_the_features_gets_a_tensor_each() -> None:
    assert matrix_of([{"name": "a", "datatype": "FP32", "shape": [-1, 1]}], TWO) is None
    assert matrix_of([], (*TWO, Field("k", "string"))) is None
    assert [one["name"] for one in v2_request(TWO, COLUMNS, None)["inputs"]] == ["a", "b"]


def test_a_vector_a_row_and_its_labels_come_back_by_name() -> None:
    outputs = (Field("probabilities", "float32", width=2), Field("label", "string"))
    given = [
        {"name": "label", "shape": [2], "datatype": "BYTES", "data": ["x", "y"]},
        {"name": "probabilities", "shape": [2, 2], "datatype": "FP32", "data": [0.1, 0.9, 0.8, 0.2]},
    ]
    found = v2_answer({"outputs": given}, outputs, 2, "there")
    assert found["label"].tolist() == ["x", "y"]
    assert found["probabilities"].shape == (2, 2)
    rows = {"outputs": {"label": ["x", "y"], "probabilities": [[0.5, 0.5], [1, 0]]}}
    assert tf_answer(rows, outputs, 2, "there")["probabilities"].tolist() == [[0.5, 0.5], [1, 0]]


def test_an_answer_of_another_width_is_no_answer() -> None:
    with pytest.raises(Unavailable, match="output p is not float32"):
        v2_answer({"outputs": [{"name": "p", "shape": [2, 2], "data": [1, 2, 3, 4]}]}, (Field("p", "float32"),), 2, "x")


@pytest.mark.parametrize("data", [[1, 2], [True, "x"], [["x"], ["y", "z"]], "xy", {"x": 1, "y": 2}])
def test_what_is_no_text_is_no_answer_where_text_is_wanted(data: object) -> None:
    label = (Field("label", "string"),)
    with pytest.raises(Unavailable, match="output label is not string"):
        v2_answer({"outputs": [{"name": "label", "shape": [2], "data": data}]}, label, 2, "x")
    with pytest.raises(Unavailable, match="output label is not string"):
        tf_answer({"outputs": {"label": data}}, label, 2, "x")


def test_text_may_come_nested_as_numbers_may() -> None:
    given = [{"name": "label", "shape": [2, 1], "data": [["x"], [None]]}]
    assert v2_answer({"outputs": given}, (Field("label", "string"),), 2, "x")["label"].tolist() == ["x", None]
