"""Every metric agrees with scikit-learn, on all rows and on resamples given as counts."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from headgate.base.errors import BadInput
from headgate.policy.metrics import HIGHER_IS_BETTER
from headgate.training.metrics import METRICS, encode, evaluate

Oracle = Callable[[Any, Any], float]
CLASSES = ("no", "yes")

BINARY: dict[str, Oracle] = {
    "roc_auc": sk.roc_auc_score,
    "average_precision": sk.average_precision_score,
    "log_loss": sk.log_loss,
    "brier": sk.brier_score_loss,
    "accuracy": lambda y, p: sk.accuracy_score(y, p >= 0.5),
    "f1": lambda y, p: sk.f1_score(y, p >= 0.5),
    "precision": lambda y, p: sk.precision_score(y, p >= 0.5),
    "recall": lambda y, p: sk.recall_score(y, p >= 0.5),
}
MULTICLASS: dict[str, Oracle] = {
    "accuracy": lambda y, p: sk.accuracy_score(y, p.argmax(1)),
    "balanced_accuracy": lambda y, p: sk.balanced_accuracy_score(y, p.argmax(1)),
    "f1_macro": lambda y, p: sk.f1_score(y, p.argmax(1), average="macro"),
    "log_loss": lambda y, p: sk.log_loss(y, p, labels=range(p.shape[1])),
    "roc_auc_ovr": lambda y, p: sk.roc_auc_score(y, p, multi_class="ovr"),
}
REGRESSION: dict[str, Oracle] = {
    "mae": sk.mean_absolute_error,
    "rmse": sk.root_mean_squared_error,
    "r2": sk.r2_score,
    "mape": sk.mean_absolute_percentage_error,
    "median_absolute_error": sk.median_absolute_error,
}


def test_the_table_holds_what_each_task_needs_and_nothing_else() -> None:
    for task, oracles in (("binary", BINARY), ("multiclass", MULTICLASS), ("regression", REGRESSION)):
        assert {name for name, metric in METRICS.items() if task in metric.tasks} == set(oracles)


def test_the_policy_knows_the_same_metrics_and_directions() -> None:
    """The policy checks names without loading NumPy; the two tables may not drift apart."""
    for task, known in HIGHER_IS_BETTER.items():
        mine = {name: metric.higher_is_better for name, metric in METRICS.items() if task in metric.tasks}
        assert mine == dict(known)


@given(st.integers(0, 2**32 - 1), st.integers(2, 60), st.sampled_from([1, 3, 1000]))
@settings(max_examples=60, deadline=None)
def test_binary_metrics_are_scikit_learns_ties_included(seed: int, rows: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, rows)
    labels[:2] = (0, 1)
    scores = (rng.integers(0, levels + 1, rows) / (levels + 1)).astype(np.float64)
    for name, oracle in BINARY.items():
        got = METRICS[name].compute(labels, scores, ("0", "1"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scikit-learn warns where a metric has no value; ours is NaN there
            expected = oracle(labels, scores)
        assert np.isnan(got) or got == pytest.approx(expected, abs=1e-12), name


@given(st.integers(0, 2**32 - 1), st.integers(3, 60), st.integers(3, 5))
@settings(max_examples=40, deadline=None)
def test_multiclass_metrics_are_scikit_learns(seed: int, rows: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    rows = max(rows, width)
    labels = np.r_[np.arange(width), rng.integers(0, width, rows - width)]
    chances = rng.dirichlet(np.ones(width), rows)
    for name, oracle in MULTICLASS.items():
        got = METRICS[name].compute(labels, chances, tuple(map(str, range(width))))
        assert got == pytest.approx(oracle(labels, chances), abs=1e-12), name


@given(st.integers(0, 2**32 - 1), st.integers(2, 60), st.floats(-1e4, 1e4))
@settings(max_examples=40, deadline=None)
def test_regression_metrics_are_scikit_learns(seed: int, rows: int, offset: float) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.normal(offset, 1, rows)
    guesses = labels + rng.normal(0, 1, rows)
    for name, oracle in REGRESSION.items():
        got = METRICS[name].compute(labels, guesses, ())
        assert got == pytest.approx(oracle(labels, guesses), rel=1e-7, abs=1e-9), name


@pytest.mark.parametrize("name", METRICS)
def test_counts_mean_what_repeated_rows_mean(name: str) -> None:
    """The kernel on counts equals the metric on rows that are really repeated: what makes the bootstrap right."""
    rng = np.random.default_rng(7)
    metric = METRICS[name]
    rows = 80
    labels: Any
    predictions: Any
    classes: tuple[str, ...]
    if "regression" in metric.tasks:
        labels, classes = rng.normal(5, 1, rows), ()
        predictions = labels + rng.normal(0, 1, rows)
    elif metric.tasks == ("multiclass",):
        labels, classes = rng.integers(0, 3, rows), ("0", "1", "2")
        predictions = rng.dirichlet(np.ones(3), rows)
    else:
        labels, classes = rng.integers(0, 2, rows), ("0", "1")
        predictions = rng.integers(0, 20, rows) / 20
    picks = rng.integers(0, rows, (25, rows))
    counts = np.stack([np.bincount(pick, minlength=rows) for pick in picks]).astype(np.float64)
    got = metric.kernel(labels, predictions, classes)(counts)
    expected = [metric.compute(labels[pick], predictions[pick], classes) for pick in picks]
    np.testing.assert_allclose(got, expected, atol=1e-12)


def test_a_metric_without_a_value_is_left_out_and_counted() -> None:
    labels = np.array(["yes", "no", "yes", "yes"], dtype=object)
    scores = np.array([0.9, 0.1, 0.8, 0.4], dtype=np.float32)
    found = evaluate(
        "binary", labels, scores, CLASSES, {"origin": np.array(["JFK", "JFK", "LGA", "LGA"], dtype=object)}
    )
    assert found["roc_auc"] == 1.0
    assert found["roc_auc/origin=JFK"] == 1.0
    assert "roc_auc/origin=LGA" not in found
    assert found["undefined"] == 1.0
    assert (found["rows"], found["rows/origin=LGA"]) == (4.0, 2.0)


def test_missing_segment_values_are_a_segment_of_their_own() -> None:
    values = np.array(["a", None, "a", float("nan")], dtype=object)
    found = evaluate("regression", np.arange(4.0), np.arange(4.0), (), {"part": values})
    assert found["rows/part=missing"] == 2.0


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (np.array([0, 1, 1]), ("0", "1")),
        (np.array([False, True, True]), ("False", "True")),
        (np.array([False, True, True]), ("0", "1")),
        (np.array([0.0, 1.0, 1.0]), ("0", "1")),
        (np.array([0, 1, 1]), ("False", "True")),
        (np.array([2.0, 3.0, 3.0]), ("2", "3")),
        (np.array(["no", "yes", "yes"], dtype=object), CLASSES),
    ],
)
def test_labels_are_found_among_the_classes_however_they_are_written(labels: Any, classes: tuple[str, ...]) -> None:
    assert encode(labels, classes).tolist() == [0, 1, 1]


def test_a_label_that_the_model_does_not_know_is_named() -> None:
    with pytest.raises(BadInput, match=r"label maybe is none of the model's classes \(no, yes\)"):
        encode(np.array(["no", "maybe"], dtype=object), CLASSES)


def test_the_second_class_is_the_positive_one() -> None:
    assert METRICS["recall"].compute(np.array(["a", "b"]), np.array([0.2, 0.9]), ("a", "b")) == 1.0
    assert METRICS["recall"].compute(np.array(["a", "b"]), np.array([0.2, 0.9]), ("b", "a")) == 0.0


def test_mape_of_a_zero_label_has_no_value() -> None:
    assert np.isnan(METRICS["mape"].compute(np.array([0.0, 1.0]), np.array([1.0, 1.0]), ()))
