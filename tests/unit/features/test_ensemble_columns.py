"""An ensemble on columns: members are asked in order, fed what they take, and combined; errors name the member."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.errors import BadInput, Unavailable
from headgate.features.combine import Combine, Flat, load_combine, weighted
from headgate.features.ensemble import Ensemble
from headgate.features.request import prove_chunks
from headgate.registry.bundle import Manifest
from headgate.registry.dag import Dag, Member, as_they_are, feed, misfit
from headgate.registry.field import Columns, Field
from headgate.registry.signature import Signature

NUMBER = (Field("prediction", "float32"),)
CLASSES = (Field("probabilities", "float32", width=3), Field("label", "string"))


@dataclass
class Sum:
    """A member that answers a sum of its inputs times a factor, and remembers what it was given."""

    inputs: tuple[Field, ...]
    factor: float = 1.0
    fails: Exception | None = None

    def __post_init__(self) -> None:
        signature = Signature(self.inputs, self.inputs, NUMBER)
        self.manifest = Manifest("sum", "regression", "onnx", "", signature, (), 1, {})
        self.given: list[dict[str, npt.NDArray[Any]]] = []

    def predict(self, inputs: Columns) -> dict[str, npt.NDArray[Any]]:
        if self.fails:
            raise self.fails
        self.given.append(dict(inputs))
        total = sum((column.astype(np.float64) for column in inputs.values()), np.float64(0))
        return {"prediction": np.asarray(total * self.factor, np.float32)}


def member(**inputs: str) -> Member:
    return Member("sum", "1", "sha256:0", inputs)


def floats(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, "float64") for name in names)


def averaged(members: Mapping[str, Sum], reads: Mapping[str, Member], weights: Mapping[str, float]) -> Ensemble:
    dag = Dag({name: reads[name] for name in sorted(reads)}, dict(weights))
    return Ensemble(dag, members, Combine(weighted(weights, "prediction"), NUMBER, (), "mean"), floats("a", "b"))


ROWS = {"a": np.array([1.0, 2.0]), "b": np.array([10.0, 20.0])}


def test_a_member_reads_columns_and_outputs_and_the_mean_is_weighted() -> None:
    members = {"one": Sum(floats("x")), "two": Sum(floats("p", "q"), factor=2)}
    reads = {"two": member(p="one.prediction", q="b"), "one": member(x="a")}
    ensemble = averaged(members, reads, {"two": 3, "one": 1})
    assert ensemble.run(ROWS)["prediction"].tolist() == [(1 + 3 * 22) / 4, (2 + 3 * 44) / 4]
    assert ensemble.run(ROWS)["prediction"].dtype == np.float32
    (first, _) = members["one"].given
    assert first["x"] is ROWS["a"], "what fits is handed on without a copy"
    assert members["two"].given[0]["p"].dtype == np.float64, "what does not is cast"


@given(st.permutations("vwxyz"), st.lists(st.floats(0.1, 9), min_size=5, max_size=5))
def test_the_order_in_which_members_are_written_changes_no_bit(order: Sequence[str], factors: list[float]) -> None:
    def answer(names: Sequence[str]) -> bytes:
        members = {name: Sum(floats("x"), factors["vwxyz".index(name)]) for name in names}
        reads = {name: member(x="v.prediction" if name == "z" else "b") for name in names}
        return (
            averaged(members, reads, {name: factors["zyxwv".index(name)] for name in names})
            .run(ROWS)["prediction"]
            .tobytes()
        )

    assert answer(order) == answer("vwxyz")


def test_no_rows_have_no_answers() -> None:
    ensemble = averaged({"one": Sum(floats("x"))}, {"one": member(x="a")}, {"one": 1})
    assert ensemble.run({"a": np.empty(0), "b": np.empty(0)})["prediction"].shape == (0,)


@pytest.mark.parametrize("error", [BadInput("too hot", where="x"), Unavailable("gone", way_out="wait")])
def test_an_error_names_the_member_and_keeps_its_kind(error: Any) -> None:
    ensemble = averaged({"one": Sum(floats("x"), fails=error)}, {"one": member(x="a")}, {"one": 1})
    with pytest.raises(type(error), match=f"member one: {error.what}") as caught:
        ensemble.run(ROWS)
    assert (caught.value.where, caught.value.way_out) == (error.where, error.way_out)


def test_a_value_that_a_member_does_not_take_names_both() -> None:
    whole = Sum((Field("x", "int64"),))
    ensemble = averaged({"one": whole}, {"one": member(x="a")}, {"one": 1})
    assert ensemble.run(ROWS)["prediction"].tolist() == [1, 2]
    with pytest.raises(BadInput, match=r"member one: x takes int64, and a is 2.5 in row 2"):
        ensemble.run({**ROWS, "a": np.array([1.0, 2.5])})


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        ("float64", np.array([1, 2], np.int64), [1.0, 2.0]),
        ("float32", np.array([True, False]), [1.0, 0.0]),
        ("int64", np.array([3.0, -4.0], np.float32), [3, -4]),
        ("bool", np.array([1.0, 0.0]), [True, False]),
        ("string", np.array(["x", ""], object), ["x", ""]),
    ],
)
def test_numbers_go_by_value(dtype: Any, values: Any, expected: list[Any]) -> None:
    assert feed(Field("f", dtype), {"c": values}, "c").tolist() == expected


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        ("int64", [1.5]),
        ("int64", [np.nan]),
        ("int64", [1e30]),
        ("bool", [2.0]),
        ("float64", [np.nan]),
        ("float64", [np.inf]),
    ],
)
def test_what_does_not_fit_is_refused(dtype: Any, values: list[float]) -> None:
    with pytest.raises(BadInput):
        feed(Field("f", dtype), {"c": np.array(values)}, "c")


@pytest.mark.parametrize(
    ("source", "target", "says"),
    [
        (Field("a", "float32"), Field("b", "int64"), ""),
        (Field("a", "float32"), Field("b", "float64", missing=True), ""),
        (Field("a", "string"), Field("b", "string"), ""),
        (Field("a", "string"), Field("b", "float64"), "it is text, and a number is expected"),
        (Field("a", "timestamp"), Field("b", "float64"), "it is a time, and a number is expected"),
        (Field("a", "float32", width=3), Field("b", "float32"), "it has 3 values a row, and 1 are expected"),
        (Field("a", "float32", missing=True), Field("b", "float32"), "it may be missing"),
    ],
)
def test_types_that_can_never_fit_are_told(source: Field, target: Field, says: str) -> None:
    assert misfit(source, target).startswith(says)
    assert bool(misfit(source, target)) == bool(says)
    assert not as_they_are(source, target) or not says


def combine(source: str, outputs: tuple[Field, ...] = NUMBER, classes: tuple[str, ...] = ()) -> Combine:
    return load_combine(f"import numpy as np\n\ndef combine(columns):\n    {source}\n", "k", "c.py", outputs, classes)


def test_the_likeliest_class_is_the_label() -> None:
    made = combine("return {'probabilities': columns['m.probabilities']}", CLASSES, ("a", "b", "c"))
    given = np.array([[0.1, 0.2, 0.7], [0.5, 0.3, 0.2]])
    answer = made({"m.probabilities": given}, 2)
    assert answer["label"].tolist() == ["c", "a"]
    assert answer["probabilities"].dtype == np.float32


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("return columns['a']", "combine() returned ndarray, not {'prediction': ...}"),
        ("return {}", "combine() returned the columns , not {'prediction': ...}"),
        ("return {'prediction': columns['a'], 'more': columns['a']}", "returned the columns prediction, more"),
        ("return {'prediction': columns['a'].mean()}", "prediction is float64, not a numpy array"),
        ("return {'prediction': columns['a'][:1]}", "prediction has shape [1], expected [2]"),
        ("return {'prediction': columns['a'].astype(str)}", "prediction is an array of <U32"),
        ("return {'prediction': columns['c']}", "combine() failed on line 4 (in combine): KeyError: 'c'"),
    ],
)
def test_a_combine_py_that_is_wrong_is_told_how(source: str, says: str) -> None:
    with pytest.raises(BadInput) as caught:
        combine(source)(ROWS, 2)
    assert says in caught.value.what
    assert caught.value.where == "c.py"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("import os\ndef combine(columns): return {}", "import os"),
        ("def features(columns): return {}", "there is no `def combine(columns)`"),
        ("def combine(one, two): return {}", "combine takes (one, two)"),
    ],
)
def test_combine_py_is_held_to_the_rules_of_features_py(source: str, says: str) -> None:
    with pytest.raises(BadInput) as caught:
        load_combine(source, "k", "c.py", NUMBER, ())
    assert says in caught.value.what


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("return {'prediction': columns['a'] - columns['a'].mean()}", "prediction depends on other rows"),
        ("columns['a'] += 1; return {'prediction': columns['a']}", r"combine\(\) changed its input a"),
        ("return {'prediction': columns['a'] / 3}", ""),
    ],
)
def test_a_row_is_combined_from_that_row_alone(source: str, says: str) -> None:
    columns = {"a": np.arange(100.0)}
    flat = Flat(combine(source), "c.py")
    if not says:
        prove_chunks(flat, columns, range(100))
        return
    with pytest.raises(BadInput, match=says):
        prove_chunks(flat, columns, range(100))
