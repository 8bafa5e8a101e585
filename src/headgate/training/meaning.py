"""Check what columns mean for each other: the label, the times, and that nothing comes from the future."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headgate.policy.model import ModelPolicy
from headgate.training.columns import name_row
from headgate.training.finding import SHOWN, Finding

TWO = 2
FEW = 10  # rows; a rarer class is hardly learnt
OUT = "take it out of the features; what is not known at prediction time cannot be sent by a caller"


def check_plan(policy: ModelPolicy) -> Iterator[Finding]:
    """Yield what the policy hands to the model although it is not known at prediction time."""
    future = _future(policy)
    for name in policy.features.inputs:
        if name in future:
            yield Finding(name, f"is an input, but {future[name]}", OUT, leak=True)
    for table, stored in policy.features.stored.items():
        for key in stored.pairs:
            if key in future:
                yield Finding(key, f"is a key of stored.{table}, but {future[key]}", OUT, leak=True)
        names = {stored.source: stored.source, f"stored.{table}": table}
        names |= {f"stored.{table}: {column}": column for column in stored.columns}
        for place, name in names.items():
            if name in future:
                yield Finding(place, f"is a stored feature, but {future[name]}", OUT, leak=True)


def _future(policy: ModelPolicy) -> dict[str, str]:
    """Return columns that are not known at prediction time, and why."""
    label = policy.data.label
    why = {
        name: f"tells when the label {label.column} became known" for name in (label.known_at, label.true_at) if name
    }
    why |= dict.fromkeys(policy.data.future, "stands in data.future: it is not known at prediction time")
    return {**why, label.column: "is the label"}


def check_label(table: pa.Table, policy: ModelPolicy) -> Iterator[Finding]:
    """Yield what is wrong with the label: constant, not two values for a binary task, numbers for a regression."""
    name = policy.data.label.column
    if name not in table.column_names:
        return
    counts = table.column(name).drop_null().value_counts()
    seen = {value.as_py(): count.as_py() for value, count in zip(counts.field(0), counts.field(1), strict=True)}
    if len(seen) == 1:
        only = next(iter(seen))
        way_out = "bring rows with other outcomes; nothing can be learnt from one"
        yield Finding(name, f"the label is {only!r} on every row", way_out)
    elif policy.task == "binary" and len(seen) > TWO:
        way_out = "make the label two values, or set task: multiclass"
        yield Finding(name, f"a binary label has two values, this one {len(seen)}: {_counted(seen)}", way_out)
    if policy.task == "regression" and pa.types.is_string(table.column(name).type):
        yield Finding(name, "is text, and a regression predicts numbers", "declare the label float or int")
    if policy.task == "multiclass" and pa.types.is_floating(table.column(name).type):
        yield Finding(name, "is float, and classes are int or string", "declare the label int or string")


def _counted(seen: dict[Any, int]) -> str:
    most = sorted(seen.items(), key=lambda item: (-item[1], str(item[0])))
    return ", ".join(f"{value!r} x {count}" for value, count in most[:SHOWN]) + (", ..." if len(most) > SHOWN else "")


def check_times(table: pa.Table, policy: ModelPolicy) -> Iterator[Finding]:
    """Yield labels that are said to be known before they could be."""
    label, time, ident = policy.data.label, policy.data.time, policy.data.id
    if label.known_at is None or not {label.known_at, time, label.column} <= set(table.column_names):
        return
    known = table.column(label.known_at)
    lacking = pc.and_(known.is_null(), table.column(label.column).is_valid())
    way_out = "give every labelled row the time at which its label became known"
    yield from _where(table, lacking, label.known_at, "is missing where the label is not", way_out, ident, ())
    way_out = "make it the time at which somebody could first have known the label"
    for other, what in ((time, "the prediction"), (label.true_at, "what it tells of had happened")):
        if other is not None and other in table.column_names:
            early = pc.less(known, table.column(other)).fill_null(False)  # noqa: FBT003 - pyarrow's signature
            said = f"the label is known before {what} ({other})"
            columns = (label.known_at, other)
            yield from _where(table, early, label.known_at, said, way_out, ident, columns, leak=True)


def _where(
    table: pa.Table,
    mask: pa.ChunkedArray,
    column: str,
    what: str,
    way_out: str,
    ident: str,
    shown: tuple[str, ...],
    *,
    leak: bool = False,
) -> Iterator[Finding]:
    rows = np.flatnonzero(mask.to_numpy())
    if not rows.size:
        return
    first = [int(row) for row in rows[:SHOWN]]
    named = tuple(
        name_row(table, row, ident) + "".join(f", {name} {table.column(name)[row].as_py()}" for name in shown)
        for row in first
    )
    yield Finding(column, f"{what} on {rows.size} of {table.num_rows} rows", way_out, int(rows.size), named, leak=leak)


def notes(table: pa.Table, policy: ModelPolicy) -> Iterator[str]:
    """Yield what is harmless but good to know: order, rows without a label, rare classes, early truths."""
    data = policy.data
    times = table.column(data.time).to_numpy()
    back = np.flatnonzero(times[1:] < times[:-1])
    if back.size:
        yield (
            f"{data.time}: {back.size} rows are earlier than the row before them, the first at "
            f"{name_row(table, int(back[0]) + 1, data.id)}; rows keep their order, joins and the split go by time"
        )
    label = table.column(data.label.column)
    if label.null_count:
        yield f"{data.label.column}: {label.null_count} rows have no label; they neither train nor judge"
    if policy.task == "multiclass":
        counts = label.drop_null().value_counts()
        for value, count in zip(counts.field(0), counts.field(1), strict=True):
            if count.as_py() < FEW:
                yield f"{data.label.column}: class {value.as_py()!r} has only {count.as_py()} rows"
