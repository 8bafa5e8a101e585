"""Evaluate a fitted model on the held-out rows: metrics over all of them and by segment, and every prediction."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from headgate.policy.model import ModelPolicy, SegmentLine
from headgate.training.assemble import read_frame
from headgate.training.metrics import evaluate
from headgate.training.native import Floats, classes_of, load, predict


def segment_columns(policy: ModelPolicy) -> tuple[str, ...]:
    """Return the columns by which metrics are recorded: the policy's segments and those of the scorecard."""
    lines = [line.by for line in policy.scorecard if isinstance(line, SegmentLine)]
    return tuple(dict.fromkeys((*policy.segments, *lines)))


def evaluate_native(policy: ModelPolicy, assembled: Path, fitted: Path, target: Path) -> None:
    """Write metrics.json and predictions.parquet (columns id and p0, p1 ...: one a class, or the one number)."""
    rows = read_frame(assembled / "heldout_rows.parquet")
    features = read_frame(assembled / "heldout_features.parquet")
    model = load(fitted / "native")
    classes = tuple(str(name) for name in classes_of(model)) if policy.task != "regression" else ()
    write_evaluation(policy, rows, predict(model, policy.task, features.to_pandas()), classes, target)


def write_evaluation(
    policy: ModelPolicy, rows: pa.Table, predictions: Floats, classes: tuple[str, ...], target: Path
) -> None:
    """Write metrics.json and predictions.parquet of predictions [n] or [n, k] for these rows."""
    labels = rows.column(policy.data.label.column).to_numpy(zero_copy_only=False)
    segments = {name: rows.column(name).to_numpy(zero_copy_only=False) for name in segment_columns(policy)}
    metrics = evaluate(policy.task, labels, predictions, classes, segments)
    (target / "metrics.json").write_text(json.dumps({"classes": list(classes), "metrics": metrics}, indent=1))
    columns = np.atleast_2d(predictions.T)
    table = {"id": rows.column(policy.data.id), **{f"p{place}": column for place, column in enumerate(columns)}}
    pq.write_table(pa.table(table), target / "predictions.parquet")
