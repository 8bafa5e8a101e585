"""One row as plain values, made into columns together with the others of its tick. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from headgate.registry.cast import NUMPY
from headgate.registry.field import Field
from headgate.registry.signature import Columns

Array = npt.NDArray[Any]


class Row(Mapping[str, Array]):
    """The columns of one row that was read and found good; each is made when it is asked for.

    Attributes:
        fields: The signature's inputs; no time is among them.
        cells: A Python value of each, in their order; an array [width] where it is a vector.
    """

    __slots__ = ("cells", "fields")

    def __init__(self, fields: Sequence[Field], cells: Sequence[Any]) -> None:
        self.fields = fields
        self.cells = cells

    def __getitem__(self, name: str) -> Array:
        for field, value in zip(self.fields, self.cells, strict=True):
            if field.name == name:
                return column_of(field, (value,))
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter([field.name for field in self.fields])

    def __len__(self) -> int:
        return len(self.fields)


def columns_of(rows: Sequence[Row]) -> Columns:
    """Return the columns of rows of one signature; at least one row."""
    every = zip(*[row.cells for row in rows], strict=True)
    return {field.name: column_of(field, values) for field, values in zip(rows[0].fields, every, strict=True)}


def column_of(field: Field, values: Sequence[Any]) -> Array:
    """Return a column of n such values: [n], or [n, width]."""
    if field.width is not None:
        return np.concatenate(values).reshape(len(values), field.width)
    if field.dtype == "string":
        column = np.empty(len(values), object)
        column[:] = values
        return column
    return np.array(values, NUMPY[field.dtype])
