"""Metrics as kernels: counts of rows in, one value per resample out, so that a bootstrap is a few array operations.

A kernel is prepared once from labels and predictions and is then called with counts [b, n]: how often each of the n
rows is in each of the b resamples. Counts of one give the plain metric. Where a metric has no value (an AUC of one
class) the kernel gives NaN. Nothing here knows a name, a policy or a class label: labels come as numbers.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Array: TypeAlias = npt.NDArray[Any]
Kernel: TypeAlias = Callable[[Floats], Floats]
Prepare: TypeAlias = Callable[[Array, Array], Kernel]


def of_sums(parts: Array, finish: Callable[[Floats, Floats], Floats]) -> Kernel:
    """Return a kernel over weighted sums.

    Args:
        parts: [n, m]: what each row adds to each of m sums.
        finish: Takes the sums [b, m] and the rows in each resample [b]; gives the values [b].
    """
    table = np.ascontiguousarray(parts, dtype=np.float64)

    def kernel(counts: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            return finish(counts @ table, counts.sum(axis=1))

    return kernel


def mean_of(parts: Array) -> Kernel:
    """Return the kernel of a mean over rows; parts is [n]."""
    return of_sums(parts[:, None], lambda sums, rows: sums[:, 0] / rows)


def undefined(_counts: Floats) -> Floats:
    """Give NaN for every resample."""
    return np.full(len(_counts), np.nan)


def one_hot(labels: Array, width: int) -> Floats:
    """Return [n, width] with a one at each row's label."""
    return np.eye(width)[labels]


def chosen(predictions: Array) -> npt.NDArray[np.int64]:
    """Return the class that is predicted: probability of at least one half, or the most probable of k."""
    picked = predictions >= 0.5 if predictions.ndim == 1 else predictions.argmax(axis=1)  # noqa: PLR2004 - a half
    return np.asarray(picked, dtype=np.int64)


def confusion(labels: Array, predictions: Array) -> tuple[Floats, Floats, Floats]:
    """Return true positives, predicted and actual rows of each class, each [n, k]."""
    width = 2 if predictions.ndim == 1 else predictions.shape[1]
    actual, predicted = one_hot(labels, width), one_hot(chosen(predictions), width)
    return actual * predicted, predicted, actual


def roc_auc(labels: Array, scores: Array) -> Kernel:
    """Return the kernel of the area under the ROC curve; labels are 0 and 1.

    The Mann-Whitney form: the share of (positive, negative) pairs in the right order, ties counted half.
    """
    order, starts = _tie_groups(scores)
    positive = labels[order].astype(np.float64)

    def kernel(counts: Floats) -> Floats:
        good, bad = _grouped(counts[:, order], positive, starts)
        below = np.cumsum(bad, axis=1) - bad / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.einsum("bg,bg->b", good, below) / (good.sum(axis=1) * bad.sum(axis=1)))

    return kernel


def average_precision(labels: Array, scores: Array) -> Kernel:
    """Return the kernel of average precision: the sum of (recall step x precision) from the highest score down."""
    order, starts = _tie_groups(-scores)
    positive = labels[order].astype(np.float64)

    def kernel(counts: Floats) -> Floats:
        good, bad = _grouped(counts[:, order], positive, starts)
        hits = np.cumsum(good, axis=1)
        shown = np.maximum(hits + np.cumsum(bad, axis=1), 1.0)  # no row yet: the step is zero as well
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.einsum("bg,bg->b", good, hits / shown) / hits[:, -1])

    return kernel


def roc_auc_ovr(labels: Array, predictions: Array) -> Kernel:
    """Return the kernel of the mean over classes of each class's AUC against the rest."""
    kernels = [roc_auc(labels == label, predictions[:, label]) for label in range(predictions.shape[1])]
    return lambda counts: np.mean([kernel(counts) for kernel in kernels], axis=0)


def median_of(parts: Array) -> Kernel:
    """Return the kernel of a median over rows (the mean of the two middle ones); parts is [n]."""
    order = np.argsort(parts, kind="stable")
    ordered = parts[order].astype(np.float64)

    def kernel(counts: Floats) -> Floats:
        reached = np.cumsum(counts[:, order], axis=1)
        rows = reached[:, -1]
        low = (reached <= (rows - 1)[:, None] // 2).sum(axis=1)
        high = (reached <= rows[:, None] // 2).sum(axis=1)
        return np.asarray((ordered[low] + ordered[np.minimum(high, len(ordered) - 1)]) / 2)

    return kernel


def _tie_groups(scores: Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64] | None]:
    """Return the ascending order of the scores and where each group of equal ones starts (None: no ties)."""
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    return order, None if len(starts) == len(scores) else starts


def _grouped(counts: Floats, positive: Floats, starts: npt.NDArray[np.int64] | None) -> tuple[Floats, Floats]:
    """Return positive and negative rows of each group of ties, both [b, groups]."""
    good = counts * positive
    bad = counts - good
    if starts is None:
        return good, bad
    return np.add.reduceat(good, starts, axis=1), np.add.reduceat(bad, starts, axis=1)
