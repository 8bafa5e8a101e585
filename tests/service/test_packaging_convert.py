"""Graphs take packed columns, split where the native trees split, and come out the same bytes each time."""

from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightgbm import LGBMClassifier
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from headgate.base.errors import BadInput
from headgate.registry.bundle import MISSING_TEXT, NUMBERS, STRINGS
from headgate.registry.field import Field
from headgate.training.convert import NoConversionError, Wanted, convert
from headgate.training.folding import fold
from headgate.training.graph import finish
from headgate.training.missing import with_missing_text
from headgate.training.rounding import floor32
from headgate.training.thresholds import thresholds

RANDOM = np.random.default_rng(0)
NUMERIC = pd.DataFrame({name: RANDOM.normal(size=200).astype(np.float32) for name in ("a", "b", "c")})
MIXED = NUMERIC.assign(k=np.array(["x", "y", None], object)[RANDOM.integers(0, 3, 200)])
LABELS = (NUMERIC["a"] > 0).to_numpy()
FLOATS = tuple(Field(name, "float32") for name in "abc")
ALL = (*FLOATS, Field("k", "string", missing=True))


def run(model: Any, name: str, frame: pd.DataFrame) -> Any:
    feed = {NUMBERS: frame.iloc[:, :3].to_numpy(np.float32)}
    if "k" in frame and STRINGS in {given.name for given in model.graph.input}:
        feed[STRINGS] = frame[["k"]].fillna(MISSING_TEXT).to_numpy(object)
    answers: Any = ReferenceEvaluator(model).run([name], feed)
    return answers[0]


def encoded(encoder: Any, model: Any) -> Any:
    columns = ColumnTransformer([("k", encoder, ["k"]), ("n", "passthrough", ["c", "a"])])
    return make_pipeline(columns, model).fit(MIXED, LABELS)


@pytest.mark.parametrize("encoder", [OrdinalEncoder(), OneHotEncoder(sparse_output=False)], ids=["ordinal", "one-hot"])
def test_missing_strings_reach_the_category_that_they_trained(encoder: Any) -> None:
    model = encoded(encoder, LogisticRegression())
    graph = convert(model, Wanted("binary", ALL, ("False", "True")))
    np.testing.assert_allclose(run(graph, "probability", MIXED), model.predict_proba(MIXED)[:, 1], atol=1e-6)


def test_the_users_encoder_is_not_touched() -> None:
    model = encoded(OrdinalEncoder(), LogisticRegression())
    with_missing_text(model)
    assert None in model[0].transformers_[0][1].categories_[0].tolist()


def test_a_model_of_fewer_columns_in_another_order_picks_them_from_the_packed_input() -> None:
    model = LinearRegression().fit(NUMERIC[["c", "a"]], NUMERIC["b"])
    graph = convert(model, Wanted("regression", FLOATS, ()))
    assert [given.name for given in graph.graph.input] == [NUMBERS]
    expected = model.predict(NUMERIC[["c", "a"]])
    np.testing.assert_allclose(run(graph, "prediction", NUMERIC), expected, atol=1e-6)


def test_labels_of_a_multiclass_graph_are_strings_of_the_classes() -> None:
    three = np.digitize(NUMERIC["a"], [-0.5, 0.5])
    model = LogisticRegression().fit(NUMERIC, three)
    graph = convert(model, Wanted("multiclass", FLOATS, ("0", "1", "2")))
    assert run(graph, "label", NUMERIC).tolist() == [str(label) for label in model.predict(NUMERIC)]
    assert run(graph, "probabilities", NUMERIC).shape == (200, 3)


def test_two_conversions_of_one_model_are_the_same_bytes() -> None:
    model = encoded(OrdinalEncoder(), LGBMClassifier(n_estimators=3, n_jobs=1, verbose=-1))
    one, two = (convert(model, Wanted("binary", ALL, ("0", "1"))).SerializeToString(deterministic=True) for _ in "12")
    assert one == two


def test_graphs_state_the_opsets_that_we_name_and_no_producer() -> None:
    graph = convert(LogisticRegression().fit(NUMERIC, LABELS), Wanted("binary", FLOATS, ("0", "1")))
    assert {opset.domain: opset.version for opset in graph.opset_import} == {"": 18, "ai.onnx.ml": 3}
    assert (graph.producer_name, graph.graph.name, graph.graph.doc_string) == ("", "headgate", "")


def test_features_named_like_tensors_of_ours_do_no_harm() -> None:
    names = ["probability", "label", "features:numbers"]
    frame = NUMERIC.set_axis(names, axis=1)
    model = LogisticRegression().fit(frame, LABELS)
    fields = tuple(Field(name, "float32") for name in names)
    graph = convert(model, Wanted("binary", fields, ("0", "1")))
    assert run(graph, "probability", NUMERIC).shape == (200,)


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (
            LGBMClassifier(n_estimators=2, verbose=-1).fit(MIXED.astype({"k": "category"}), LABELS),
            "string columns need",
        ),
        (
            LogisticRegression().fit(NUMERIC.rename(columns={"a": "z"}), LABELS),
            "was fitted on z, which are no features",
        ),
    ],
)
def test_what_cannot_be_converted_says_why_in_a_sentence(model: Any, text: str) -> None:
    with pytest.raises(NoConversionError) as caught:
        convert(model, Wanted("binary", ALL, ("0", "1")))
    assert text in str(caught.value)


@given(st.floats(-(2.0**120), 2.0**120), st.floats(-(2.0**120), 2.0**120, width=32))
def test_rounding_a_threshold_down_never_moves_a_float32_to_the_other_side(threshold: float, value: float) -> None:
    down = float(floor32(np.array([threshold]))[0])
    assert (value <= threshold) == (value <= down)


def test_thresholds_are_named_by_the_feature_that_reaches_the_trees() -> None:
    model = encoded(OrdinalEncoder(), LGBMClassifier(n_estimators=3, n_jobs=1, verbose=-1, min_child_samples=5))
    found = thresholds(model, ("a", "b", "c", "k"))
    assert set(found) <= {"a", "c"}
    assert abs(found["a"][0]) < 1
    assert thresholds(LogisticRegression().fit(NUMERIC, LABELS), ("a", "b", "c")) == {}


def test_columns_joined_in_another_order_are_one_gather_and_the_rest_stays() -> None:
    split = helper.make_node("Split", ["m"], ["x", "y", "z"], axis=1, num_outputs=3)
    joined = helper.make_node("Concat", ["z", "x"], ["j"], axis=1)
    other = helper.make_node("Concat", ["x", "foreign"], ["o"], axis=1)
    nodes, constants = fold([split, joined, other], {"m": ["x", "y", "z"]})
    assert [node.op_type for node in nodes] == ["Split", "Gather", "Concat"]
    assert onnx.numpy_helper.to_array(constants[0]).tolist() == [2, 0]


@pytest.mark.parametrize(
    ("inputs", "output", "text"),
    [
        (
            {"other": TensorProto.FLOAT, "a": TensorProto.FLOAT},
            TensorProto.FLOAT,
            "asks for other, which are no features",
        ),
        ({"a": TensorProto.STRING, "b": TensorProto.FLOAT}, TensorProto.FLOAT, "takes a as another type"),
        ({"a": TensorProto.FLOAT, "b": TensorProto.FLOAT}, TensorProto.INT64, "the graph gives no numbers"),
    ],
)
def test_a_graph_that_cannot_be_fed_or_read_is_refused(inputs: dict[str, int], output: int, text: str) -> None:
    given_inputs = [helper.make_tensor_value_info(name, kind, [None, 1]) for name, kind in inputs.items()]
    source = next(name for name, kind in inputs.items() if kind == TensorProto.FLOAT)
    node = helper.make_node("Cast", [source], ["out"], to=output)
    graph = helper.make_graph([node], "g", given_inputs, [helper.make_tensor_value_info("out", output, [None, 1])])
    with pytest.raises(BadInput, match=text):
        finish(helper.make_model(graph), "regression", FLOATS, ())
