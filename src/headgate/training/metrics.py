"""The metrics that a scorecard may name, and their values over all rows and within segments.

Predictions are what a bundle gives: [n] probability of the positive class (the second of the classes), [n, k]
probabilities, or [n] numbers. A metric that has no value on some rows (an AUC of one class) is left out and counted,
never reported as zero. Nothing here decides whether a value is good enough.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from headgate.base.errors import BadInput
from headgate.training import resampled
from headgate.training.resampled import Array, Floats, Kernel, Prepare


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric by name.

    Attributes:
        name: As in headgate.yaml.
        tasks: For which tasks it is defined.
        higher_is_better: Its direction.
        prepare: Makes the kernel from encoded labels and predictions.
    """

    name: str
    tasks: tuple[str, ...]
    higher_is_better: bool
    prepare: Prepare

    def compute(self, labels: Array, predictions: Array, classes: Sequence[str]) -> float:
        """Return the metric's value; NaN where it has none (no rows, or an AUC of one class)."""
        if not len(labels):
            return float("nan")
        kernel = self.kernel(labels, predictions, classes)
        return float(kernel(np.ones((1, len(labels))))[0])

    def kernel(self, labels: Array, predictions: Array, classes: Sequence[str]) -> Kernel:
        """Return the metric as a function of how often each row counts (headgate.training.resampled)."""
        return self.prepare(encode(labels, classes), predictions)


def encode(labels: Array, classes: Sequence[str]) -> Array:
    """Return labels as positions in `classes`, or as float64 where there are no classes (regression).

    0, 0.0, False and "0" name the same class when the model knows it by one of these names.

    Raises:
        BadInput: A label is none of the classes.
    """
    if not classes:
        return np.asarray(labels, dtype=np.float64)
    position = {name: index for index, name in enumerate(classes)}
    values, inverse = np.unique(np.asarray(labels).astype(str), return_inverse=True)
    codes = [_position(str(value), position) for value in values]
    strange = [str(value) for value, code in zip(values, codes, strict=True) if code < 0]
    if strange:
        raise BadInput(
            f"label {', '.join(strange[:5])} is none of the model's classes ({', '.join(classes)})",
            way_out="judge it on rows whose labels it was trained to predict, or train it again",
        )
    return np.asarray(codes, dtype=np.int64)[inverse]


_SAME = {"False": "0", "True": "1", "0.0": "0", "1.0": "1", "false": "0", "true": "1"}


def _position(value: str, position: Mapping[str, int]) -> int:
    found = position.get(value)
    if found is None and value.endswith(".0"):
        found = position.get(value[:-2])
    if found is None:
        same = {_SAME.get(name, name): index for name, index in position.items()}
        found = same.get(_SAME.get(value, value))
    return -1 if found is None else found


def _log_loss(labels: Array, predictions: Array) -> Kernel:
    tiny = float(np.finfo(predictions.dtype).eps)  # as scikit-learn clips
    if predictions.ndim == 1:
        own = np.where(labels == 1, predictions.astype(np.float64), 1.0 - predictions.astype(np.float64))
    else:
        own = predictions[np.arange(len(labels)), labels].astype(np.float64)
    return resampled.mean_of(-np.log(np.clip(own, tiny, 1.0 - tiny)))


def _brier(labels: Array, predictions: Array) -> Kernel:
    return resampled.mean_of((predictions.astype(np.float64) - labels) ** 2)


def _accuracy(labels: Array, predictions: Array) -> Kernel:
    return resampled.mean_of((resampled.chosen(predictions) == labels).astype(np.float64))


def _precision(labels: Array, predictions: Array) -> Kernel:
    hit, predicted, _ = (part[:, 1] for part in resampled.confusion(labels, predictions))
    return resampled.of_sums(np.stack([hit, predicted], axis=1), lambda sums, _: sums[:, 0] / sums[:, 1])


def _recall(labels: Array, predictions: Array) -> Kernel:
    hit, _, actual = (part[:, 1] for part in resampled.confusion(labels, predictions))
    return resampled.of_sums(np.stack([hit, actual], axis=1), lambda sums, _: sums[:, 0] / sums[:, 1])


def _f1(labels: Array, predictions: Array) -> Kernel:
    hit, predicted, actual = (part[:, 1] for part in resampled.confusion(labels, predictions))
    parts = np.stack([2 * hit, predicted + actual], axis=1)
    return resampled.of_sums(parts, lambda sums, _: sums[:, 0] / sums[:, 1])


def _f1_macro(labels: Array, predictions: Array) -> Kernel:
    hit, predicted, actual = resampled.confusion(labels, predictions)
    return _macro(2 * hit, predicted + actual)


def _balanced_accuracy(labels: Array, predictions: Array) -> Kernel:
    hit, _, actual = resampled.confusion(labels, predictions)
    return _macro(hit, actual)


def _macro(over: Floats, under: Floats) -> Kernel:
    """Return the kernel of the mean of over/under over the classes that occur."""
    width = over.shape[1]

    def finish(sums: Floats, _: Floats) -> Floats:
        occurs = sums[:, width:] > 0
        each = np.where(occurs, sums[:, :width] / sums[:, width:], 0.0)
        return np.asarray(each.sum(axis=1) / occurs.sum(axis=1))

    return resampled.of_sums(np.hstack([over, under]), finish)


def _errors(labels: Array, predictions: Array) -> Floats:
    return np.abs(predictions.astype(np.float64) - labels)


def _mae(labels: Array, predictions: Array) -> Kernel:
    return resampled.mean_of(_errors(labels, predictions))


def _rmse(labels: Array, predictions: Array) -> Kernel:
    squares = _errors(labels, predictions)[:, None] ** 2
    return resampled.of_sums(squares, lambda sums, rows: np.sqrt(sums[:, 0] / rows))


def _r2(labels: Array, predictions: Array) -> Kernel:
    centred = labels - labels.mean()  # keeps the sum of squares exact for labels far from zero
    parts = np.stack([_errors(labels, predictions) ** 2, centred, centred**2], axis=1)

    def finish(sums: Floats, rows: Floats) -> Floats:
        spread = sums[:, 2] - sums[:, 1] ** 2 / rows
        return np.where(spread > 0, 1.0 - sums[:, 0] / spread, np.nan)

    return resampled.of_sums(parts, finish)


def _mape(labels: Array, predictions: Array) -> Kernel:
    if (labels == 0).any():
        return resampled.undefined
    return resampled.mean_of(_errors(labels, predictions) / np.abs(labels))


def _median_absolute_error(labels: Array, predictions: Array) -> Kernel:
    return resampled.median_of(_errors(labels, predictions))


_BINARY, _MULTICLASS, _REGRESSION = ("binary",), ("multiclass",), ("regression",)
_BOTH = ("binary", "multiclass")
_UP, _DOWN = True, False

METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric("roc_auc", _BINARY, _UP, resampled.roc_auc),
            Metric("average_precision", _BINARY, _UP, resampled.average_precision),
            Metric("log_loss", _BOTH, _DOWN, _log_loss),
            Metric("brier", _BINARY, _DOWN, _brier),
            Metric("accuracy", _BOTH, _UP, _accuracy),
            Metric("f1", _BINARY, _UP, _f1),
            Metric("precision", _BINARY, _UP, _precision),
            Metric("recall", _BINARY, _UP, _recall),
            Metric("balanced_accuracy", _MULTICLASS, _UP, _balanced_accuracy),
            Metric("f1_macro", _MULTICLASS, _UP, _f1_macro),
            Metric("roc_auc_ovr", _MULTICLASS, _UP, resampled.roc_auc_ovr),
            Metric("mae", _REGRESSION, _DOWN, _mae),
            Metric("rmse", _REGRESSION, _DOWN, _rmse),
            Metric("r2", _REGRESSION, _UP, _r2),
            Metric("mape", _REGRESSION, _DOWN, _mape),
            Metric("median_absolute_error", _REGRESSION, _DOWN, _median_absolute_error),
        )
    }
)


def evaluate(
    task: str, labels: Array, predictions: Array, classes: Sequence[str], segments: Mapping[str, Array]
) -> dict[str, float]:
    """Return every metric of the task over all rows and within each value of each segment column.

    Keys are ``roc_auc`` and ``roc_auc/origin=JFK``; ``rows`` and ``rows/origin=JFK`` count rows; ``undefined`` counts
    the metrics that are left out because they have no value.

    Args:
        task: binary, multiclass or regression.
        labels: [n], as they are in the data.
        predictions: [n] or [n, k].
        classes: The classes in the order of the predictions; empty for regression.
        segments: Column -> [n] values.
    """
    encoded = encode(labels, classes)
    chosen = [metric for metric in METRICS.values() if task in metric.tasks]
    found = {"rows": float(len(labels))}
    missing = 0
    for suffix, rows in parts(len(labels), segments):
        found[f"rows{suffix}"] = float(rows.sum())
        for metric in chosen:
            value = _value(metric, encoded[rows], predictions[rows])
            if np.isfinite(value):
                found[f"{metric.name}{suffix}"] = value
            else:
                missing += 1
    return {**found, "undefined": float(missing)}


def _value(metric: Metric, encoded: Array, predictions: Array) -> float:
    if not len(encoded):
        return float("nan")
    return float(metric.prepare(encoded, predictions)(np.ones((1, len(encoded))))[0])


def parts(rows: int, segments: Mapping[str, Array]) -> list[tuple[str, npt.NDArray[np.bool_]]]:
    """Return ``("", all rows)`` and then ``("/column=value", its rows)`` for every segment, in order of value."""
    found = [("", np.ones(rows, dtype=np.bool_))]
    for column, values in segments.items():
        names = names_of(values)
        found += [(f"/{column}={name}", names == name) for name in np.unique(names)]
    return found


def names_of(values: Array) -> Array:
    """Return a segment column's values as text; a missing one is called ``missing``."""
    flat = np.asarray(values)
    absent = np.array([value is None or value != value for value in flat], dtype=np.bool_)  # noqa: PLR0124 - NaN
    return np.where(absent, "missing", flat.astype(str))
