"""Make the rows that train and the rows that judge: join what was known, compute features, split by time.

By construction features.py sees only the inputs that the policy names, which validate.py holds to columns known at
prediction time; label, times and future columns are never handed to it. Input tables come back row for row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headgate.base.errors import BadInput
from headgate.base.files import write_atomically
from headgate.features.asof import join
from headgate.features.request import Call, as_features, prove_chunks
from headgate.policy.model import ColumnPolicy, ModelPolicy, SegmentLine
from headgate.registry.field import Columns, DType, Field
from headgate.training.split import Split, moment, split

PROOF_ROWS = 2_000
Index = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Frame:
    """Rows and their features, in one order.

    Attributes:
        rows: id, time, label, known_at (if any), segment columns and every input.
        features: What the model sees: float32 (NaN is missing) and strings.
    """

    rows: pa.Table
    features: pa.Table


@dataclass(frozen=True, slots=True)
class Assembled:
    """What a model is fitted and judged on.

    Attributes:
        train: Rows that train.
        heldout: Rows that judge.
        trained_until: The last prediction time in `train`.
        inputs: What a caller sends.
        features: What the model takes.
        left_out: Why rows do neither -> how many.
    """

    train: Frame
    heldout: Frame
    trained_until: datetime
    inputs: tuple[Field, ...]
    features: tuple[Field, ...]
    left_out: Mapping[str, int] | None = None


def assemble(
    table: pa.Table,
    stored_tables: Mapping[str, pa.Table],
    policy: ModelPolicy,
    features: Call | None,
    where: str,
) -> Assembled:
    """Join, compute features once over all rows, prove that they are row by row, and split.

    Args:
        table: The rows, as read_table gives them.
        stored_tables: The stored tables, under the policy's names.
        policy: The model's policy.
        features: What features.py defines; None: the inputs are the features.
        where: The data, for messages.

    Raises:
        BadInput: The features fail or depend on other rows, or nothing is left to train or judge.
    """
    joined = join(table, policy.data.time, policy.features.stored, stored_tables)
    inputs = input_fields(policy)
    columns = columns_of(joined, inputs)
    made = _compute(features, columns, joined.column(policy.data.id), where)
    cut = _split(joined, policy, where)
    rows = joined.select(_kept_columns(joined, policy, inputs))
    seen = pa.table({name: pa.array(values, _arrow(values)) for name, values in made.items()})
    train, heldout = (pa.array(np.flatnonzero(mask)) for mask in (cut.train, cut.heldout))
    times = joined.column(policy.data.time).to_numpy()[cut.train]
    return Assembled(
        train=Frame(rows.take(train), seen.take(train)),
        heldout=Frame(rows.take(heldout), seen.take(heldout)),
        trained_until=moment(times.max()),
        inputs=inputs,
        features=tuple(_feature_field(name, values) for name, values in made.items()),
        left_out=cut.left_out,
    )


def input_fields(policy: ModelPolicy) -> tuple[Field, ...]:
    """Return what a caller sends: the inputs, then the columns of the stored tables (any of which may be missing)."""
    own = [_field(name, policy.data.columns[name]) for name in policy.features.inputs]
    for stored in policy.features.stored.values():
        unseen = {name: column.model_copy(update={"missing": True}) for name, column in stored.columns.items()}
        own += [_field(stored.prefix + name, column) for name, column in unseen.items()]
    return tuple(own)


def _field(name: str, column: ColumnPolicy) -> Field:
    """Whole numbers and booleans have no missing value in numpy: where one may be missing, they are float64."""
    dtypes: dict[str, DType] = {
        "float": "float64",
        "int": "float64" if column.missing else "int64",
        "bool": "float64" if column.missing else "bool",
        "string": "string",
        "timestamp": "timestamp",
    }
    return Field(name, dtypes[column.type], missing=column.missing)


def columns_of(table: pa.Table, fields: tuple[Field, ...]) -> dict[str, npt.NDArray[Any]]:
    """Return columns as numpy: float64 (NaN), int64, bool, objects of str or None, datetime64[us] in UTC (NaT)."""
    return {field.name: _column(table.column(field.name).combine_chunks(), field) for field in fields}


def _column(values: pa.Array, field: Field) -> npt.NDArray[Any]:
    if field.dtype == "float64":
        values = (values.cast(pa.int8()) if pa.types.is_boolean(values.type) else values).cast(pa.float64())
    elif values.null_count and not field.missing:
        raise BadInput(
            f"column {field.name} has {values.null_count} missing values",
            where="inputs",
            way_out=f"declare {field.name} with `missing: true`, or fill it",
        )
    made: npt.NDArray[Any] = values.to_numpy(zero_copy_only=False)
    return made


def _compute(features: Call | None, columns: Columns, ids: pa.ChunkedArray, where: str) -> dict[str, npt.NDArray[Any]]:
    rows = len(ids)
    if features is None:
        return as_features(columns, rows, where)
    sample = np.unique(np.linspace(0, rows - 1, min(rows, PROOF_ROWS)).astype(np.intp))
    prove_chunks(features, {name: c[sample] for name, c in columns.items()}, ids.take(pa.array(sample)).to_pylist())
    return dict(features(columns))


def _split(joined: pa.Table, policy: ModelPolicy, where: str) -> Split:
    label = policy.data.label
    return split(
        joined.column(policy.data.time).to_numpy(),
        joined.column(label.column).is_valid().to_numpy(),
        joined.column(label.known_at).to_numpy() if label.known_at else None,
        policy.split,
        where,
    )


def _kept_columns(joined: pa.Table, policy: ModelPolicy, inputs: tuple[Field, ...]) -> list[str]:
    data, judged = policy.data, [line.by for line in policy.scorecard if isinstance(line, SegmentLine)]
    known = [data.label.known_at] if data.label.known_at else []
    names = [
        data.id,
        data.time,
        data.label.column,
        *known,
        *policy.segments,
        *judged,
        *(field.name for field in inputs),
    ]
    lacking = [name for name in names if name not in joined.column_names]
    if lacking:
        raise BadInput(f"there is no column {lacking[0]!r}", where="segments", way_out="declare it in data.columns")
    return list(dict.fromkeys(names))


def _feature_field(name: str, values: npt.NDArray[Any]) -> Field:
    """A feature may be missing where it was for some row: a model that never saw a gap is not asked to fill one."""
    if values.dtype == object:
        return Field(name, "string", missing=any(value is None for value in values))
    return Field(name, "float32", missing=bool(np.isnan(values).any()))


def _arrow(values: npt.NDArray[Any]) -> pa.DataType:
    return pa.string() if values.dtype == object else pa.float32()


def write_frame(table: pa.Table, path: Path) -> None:
    """Write a table as Parquet, whole or not at all; the same table gives the same bytes."""
    import pyarrow.parquet as pq

    buffer = BytesIO()
    pq.write_table(table.combine_chunks().replace_schema_metadata(None), buffer, compression="zstd", version="2.6")
    write_atomically(path, buffer.getvalue())


def read_frame(path: Path) -> pa.Table:
    """Read what write_frame wrote."""
    import pyarrow.parquet as pq

    return pq.read_table(path, use_threads=False)
