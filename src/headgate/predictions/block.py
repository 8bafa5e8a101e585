"""Rows on their way to the disk: answers of many ticks, copied into columns that are used again and again. Pure.

Copying a row costs less than keeping it: the arrays of a tick go back to the allocator at once, while they are warm.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from headgate.predictions.columns import Array
from headgate.predictions.row import Answered, Layout, Source
from headgate.registry.cast import NUMPY
from headgate.registry.field import Columns, Field

Tick: TypeAlias = tuple[int, int, Source, int, int]  # rows, time, who, status, latency
MOST_ROWS = 1024
BYTES = 1024 * 1024


@dataclass(slots=True)
class Rows:
    """Rows of one layout.

    Attributes:
        layout: Their columns.
        ids: Of each request.
        rows: Of each request; None: one each.
        units: Of each request; None: nothing was said of any.
        ticks: What is the same for the rows of a tick, in order.
        inputs: Of all rows; None: not known.
        outputs: Of all rows; None: there are none.
    """

    layout: Layout
    ids: list[bytes] = field(default_factory=list)
    rows: list[int] | None = None
    units: list[str | None] | None = None
    ticks: list[Tick] = field(default_factory=list)
    inputs: Columns | None = None
    outputs: Columns | None = None

    @property
    def count(self) -> int:
        """How many rows there are."""
        return sum(tick[0] for tick in self.ticks)


def alone(batch: Answered) -> Rows:
    """Return the rows of one tick as they are."""
    return Rows(
        batch.source.layout,
        list(batch.ids),
        None if batch.rows is None else list(batch.rows),
        None if batch.units is None else list(batch.units),
        [(batch.count, batch.time_us, batch.source, batch.status, batch.latency_us)],
        batch.inputs,
        batch.outputs,
    )


class Block:
    """Columns for a number of rows.

    Args:
        layout: The columns.

    Attributes:
        room: How many rows fit.
        size: How many there are.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.room = max(1, min(MOST_ROWS, BYTES // layout.row_bytes))
        self._inputs = _empty(layout.inputs, self.room)
        self._outputs = _empty(layout.outputs, self.room)
        self._clear()

    def _clear(self) -> None:
        self.size = 0
        self._rows = Rows(self.layout)

    def put(self, batch: Answered, count: int) -> bool:
        """Copy answers that have inputs and outputs; False: there is no room for them."""
        start = self.size
        end = start + count
        if end > self.room:
            return False
        taken, inputs, outputs = self._rows, batch.inputs, batch.outputs
        assert inputs is not None and outputs is not None  # noqa: S101, PT018 - the caller's part
        for name, column in self._inputs:
            column[start:end] = inputs[name]
        for name, column in self._outputs:
            column[start:end] = outputs[name]
        if batch.rows is not None or taken.rows is not None:
            taken.rows = [1] * len(taken.ids) if taken.rows is None else taken.rows
            taken.rows += batch.rows or [1] * len(batch.ids)
        if batch.units is not None or taken.units is not None:
            taken.units = [None] * len(taken.ids) if taken.units is None else taken.units
            taken.units += batch.units or [None] * len(batch.ids)
        taken.ids += batch.ids
        taken.ticks.append((count, batch.time_us, batch.source, batch.status, batch.latency_us))
        self.size = end
        return True

    def show(self) -> Rows:
        """Return what is in the columns; theirs until the block is used again."""
        taken, size = self._rows, self.size
        taken.inputs = {name: column[:size] for name, column in self._inputs}
        taken.outputs = {name: column[:size] for name, column in self._outputs}
        return taken

    def use_again(self) -> None:
        """Forget the rows."""
        for _, column in (*self._inputs, *self._outputs):
            if column.dtype == object:
                column[: self.size] = None
        self._clear()


def _empty(fields: tuple[Field, ...], rows: int) -> list[tuple[str, Array]]:
    shapes = [(rows,) if one.width is None else (rows, one.width) for one in fields]
    return [(one.name, np.empty(shape, NUMPY[one.dtype])) for one, shape in zip(fields, shapes, strict=True)]
