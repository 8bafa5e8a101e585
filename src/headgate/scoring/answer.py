"""Answer a piece of a file: the rows that can be, and what is wrong with the others. Pure but for the model itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headgate.base.errors import BadInput
from headgate.registry.bundle import Manifest
from headgate.registry.field import Columns, Field
from headgate.scoring.columns import take

ROW, WHY = "row", "why"
SHOWN = 3
Outputs = dict[str, npt.NDArray[Any]]


class Answering(Protocol):
    """An opened bundle (features.predictor.Predictor is one)."""

    manifest: Manifest

    def predict(self, inputs: Columns) -> Mapping[str, npt.NDArray[Any]]:
        """Return every output for these rows; BadInput when it cannot answer them."""
        ...


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of a piece.

    Attributes:
        answers: The kept columns and the outputs of the rows that could be answered, in order.
        skipped: `row` (in the file, from 1), `why`, and what the file holds, of the others; None when there are none.
    """

    answers: pa.Table
    skipped: pa.Table | None


def answer(
    model: Answering, piece: pa.RecordBatch, first: int, keep: Sequence[str], *, skip: bool, where: str
) -> Answered:
    """Answer the rows of a piece.

    Args:
        model: The opened bundle.
        piece: The rows, with every input and every kept column.
        first: The row of the file, from 0, that the piece begins with.
        keep: Columns that go to the answers as they are.
        skip: Whether to answer the other rows when some cannot be answered.
        where: The file, for messages.

    Raises:
        BadInput: Some rows cannot be answered, and `skip` is not said; with their numbers in the file, from 1.
    """
    fields = model.manifest.signature
    taken = take(fields.inputs, piece)
    bad = dict(taken.bad)
    if bad and not skip:
        raise refuse(bad, first, where)
    rows = np.setdiff1d(np.arange(piece.num_rows), list(bad)) if bad else None
    columns = taken.columns if rows is None else {name: values[rows] for name, values in taken.columns.items()}
    try:
        outputs = dict(model.predict(columns))
    except BadInput as error:
        if not skip:
            raise _of_the_model(error, first, piece.num_rows, where) from error
        rows = np.arange(piece.num_rows) if rows is None else rows
        good, refused = _one_by_one(model, columns, len(rows))
        bad |= {int(rows[at]): why for at, why in refused.items()}
        outputs, rows = dict(model.predict({name: values[good] for name, values in columns.items()})), rows[good]
    kept = piece.select(list(keep)) if rows is None else piece.select(list(keep)).take(pa.array(rows))
    made = {field.name: to_arrow(field, outputs[field.name]) for field in fields.outputs}
    return Answered(pa.table({**dict(zip(keep, kept.columns, strict=True)), **made}), _aside(piece, bad, first))


def refuse(bad: Mapping[int, str], first: int, where: str) -> BadInput:
    """Return the error that names rows which cannot be answered."""
    shown = "\n  ".join(f"row {first + at + 1:,}: {bad[at]}" for at in sorted(bad)[:SHOWN])
    more = f"\n  and {len(bad) - SHOWN:,} more rows close by" if len(bad) > SHOWN else ""
    return BadInput(
        shown + more, where=where, way_out="correct the rows, or say `--on-error skip`: they are then written aside"
    )


def _of_the_model(error: BadInput, first: int, rows: int, where: str) -> BadInput:
    return BadInput(
        f"rows {first + 1:,} to {first + rows:,}: {error.what}",
        where=where,
        way_out=f"{error.way_out}; or say `--on-error skip`: the rows that it refuses are then written aside",
    )


def _one_by_one(model: Answering, columns: Columns, rows: int) -> tuple[npt.NDArray[np.int64], dict[int, str]]:
    """Return the rows that the model answers, and why it refuses the others, by halving."""
    bad: dict[int, str] = {}
    left = [(0, rows)]
    while left:
        start, count = left.pop()
        try:
            model.predict({name: values[start : start + count] for name, values in columns.items()})
        except BadInput as error:
            if count == 1:
                bad[start] = error.what
            elif count:
                half = count // 2
                left += [(start + half, count - half), (start, half)]
    return np.setdiff1d(np.arange(rows), list(bad)).astype(np.int64), bad


def to_arrow(field: Field, values: npt.NDArray[Any]) -> pa.Array:
    """Return an output as Arrow has it: strings as text, vectors as lists of one length."""
    kind = pa.string() if field.dtype == "string" else None
    if field.width is None:
        return pa.array(values, type=kind)
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1), type=kind), field.width)


def _aside(piece: pa.RecordBatch, bad: Mapping[int, str], first: int) -> pa.Table | None:
    if not bad:
        return None
    rows = sorted(bad)
    there = pa.Table.from_batches([piece]).take(pa.array(rows))
    numbers = pa.array([first + at + 1 for at in rows], pa.int64())
    return there.add_column(0, ROW, numbers).add_column(1, WHY, pa.array([bad[at] for at in rows], pa.string()))
