"""Look for an input that predicts the label almost perfectly alone: usually the label itself, seen too early.

It warns and never refuses: some problems are easy. AUC is the Mann-Whitney U statistic over n1 * n0 (Hanley and McNeil
1982), ties counted half; for a regression the correlation of Pearson (1895).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headgate.policy.model import ModelPolicy

AUC = 0.995
CORRELATION = 0.999
LEAST = 50  # fewer rows separate by luck
MOST = 50_000  # a sample is enough to be alarmed
VALUES_PER_ROW = 0.05  # a text column with more distinct values would separate by luck
Floats = npt.NDArray[np.float64]


def suspects(table: pa.Table, policy: ModelPolicy) -> Iterator[str]:
    """Yield a warning for every input that alone tells the label; stored features too, where they are joined."""
    label = table.column(policy.data.label.column)
    labelled = table.filter(label.is_valid())
    if labelled.num_rows < LEAST:
        return
    sample = np.unique(np.linspace(0, labelled.num_rows - 1, min(labelled.num_rows, MOST)).astype(np.intp))
    labelled = labelled.take(pa.array(sample))
    targets = _targets(labelled.column(policy.data.label.column), policy.task)
    stored = [how.prefix + column for how in policy.features.stored.values() for column in how.columns]
    for name in (*policy.features.inputs, *(name for name in stored if name in labelled.column_names)):
        for how, values in _readings(labelled.column(name), targets):
            said = _judge(values, targets, policy.task)
            if said:
                yield f"input {name} {how}alone tells the label ({said}): is it known at prediction time?"
                break


def _targets(label: pa.ChunkedArray, task: str) -> list[Floats]:
    """Return the label as numbers; of a classification one 0/1 column a class (one for two classes)."""
    if task == "regression":
        return [label.cast(pa.float64()).to_numpy()]
    codes = label.combine_chunks().dictionary_encode().indices.to_numpy()
    classes = np.unique(codes)
    return [(codes == code).astype(np.float64) for code in (classes[1:] if len(classes) == 2 else classes)]  # noqa: PLR2004


def _readings(column: pa.ChunkedArray, targets: list[Floats]) -> Iterator[tuple[str, list[Floats]]]:
    """Yield the column as numbers, one for each target: its values, and whether they are missing."""
    if column.null_count:
        gaps = column.is_null().to_numpy().astype(np.float64)
        yield "being missing ", [gaps] * len(targets)
    if pa.types.is_string(column.type):
        encoded = column.combine_chunks().dictionary_encode()
        if len(encoded.dictionary) > VALUES_PER_ROW * len(column):
            return
        codes = encoded.indices.fill_null(len(encoded.dictionary)).to_numpy()
        rows = np.bincount(codes)
        yield "", [(np.bincount(codes, target) / np.maximum(rows, 1))[codes] for target in targets]
        return
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    elif pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    numbers = column.cast(pa.float64(), safe=False).to_numpy()
    yield "", [numbers] * len(targets)


def _judge(values: list[Floats], targets: list[Floats], task: str) -> str:
    if task == "regression":
        found = abs(_correlation(values[0], targets[0]))
        return f"correlation {found:.4f}" if found > CORRELATION else ""
    found = min(_auc(column, target) for column, target in zip(values, targets, strict=True))
    return f"AUC {found:.4f}" if found > AUC else ""


def _auc(values: Floats, target: Floats) -> float:
    """Return the AUC in the better direction; 0.5 where nothing can be said."""
    from scipy.stats import rankdata

    there = ~np.isnan(values)
    positive = target[there] > 0
    ones, zeros = int(positive.sum()), int((~positive).sum())
    if not ones or not zeros or there.sum() < LEAST:
        return 0.5
    ranks: npt.NDArray[Any] = rankdata(values[there])
    auc = float((ranks[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))
    return max(auc, 1 - auc)


def _correlation(values: Floats, target: Floats) -> float:
    there = ~np.isnan(values)
    one, two = values[there], target[there]
    if there.sum() < LEAST or one.std() == 0 or two.std() == 0:
        return 0.0
    return float(np.corrcoef(one, two)[0, 1])
