"""Read the held-out rows that a run kept, as the gate judges on them."""

from pathlib import Path

import numpy as np

from headgate.base.errors import BadInput
from headgate.gate.rows import HeldOut
from headgate.policy.model import ModelPolicy, SegmentLine

HELD_OUT = "heldout_rows.parquet"


def read_held_out(path: Path, policy: ModelPolicy) -> HeldOut:
    """Return the rows in a Parquet file: labels, times, segments, and as inputs every column that a caller can know.

    Raises:
        BadInput: There is no such file, or it lacks the label or the time.
    """
    import pyarrow.parquet as pq

    if not path.is_file():
        raise BadInput("there are no held-out rows", where=str(path), way_out="train or register the version again")
    table = pq.read_table(path)
    lacking = [name for name in (policy.data.label.column, policy.data.time) if name not in table.column_names]
    if lacking:
        raise BadInput(
            f"the held-out rows have no column {', '.join(lacking)}",
            where=str(path),
            way_out="train or register the version again under the present headgate.yaml",
        )
    columns = {name: table.column(name).to_numpy() for name in table.column_names}
    unknown = {policy.data.label.column, policy.data.label.known_at, policy.data.label.true_at, *policy.data.future}
    by = {line.by for line in policy.scorecard if isinstance(line, SegmentLine)}
    return HeldOut(
        labels=columns[policy.data.label.column],
        time=np.asarray(columns[policy.data.time], dtype="datetime64[us]"),
        segments={name: columns[name] for name in sorted(by) if name in columns},
        inputs={name: values for name, values in columns.items() if name not in unknown},
    )
