"""Combine the answers of an ensemble's members: their weighted mean, or what the user's combine.py makes of them.

combine.py is held to the rules of features.py (headgate.features.source). What it returns is held to the signature.
Imports only numpy and the standard library: a gateway worker imports this file.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from headgate.base.errors import BadInput
from headgate.features.request import Call, define, line_of
from headgate.registry.field import Columns, Field

Array: TypeAlias = npt.NDArray[Any]
Combining: TypeAlias = Callable[[Columns, int], dict[str, Array]]
FUNCTION = "combine"


class Combine:
    """Makes an ensemble's outputs of its columns.

    Args:
        function: Returns the first output by name; the user's, or `weighted`.
        outputs: The signature's: the number or the probabilities first, a label of the likeliest class after them.
        classes: Labels in the order of the probabilities.
        where: The file that the function came from.
    """

    def __init__(self, function: Call, outputs: Sequence[Field], classes: Sequence[str], where: str) -> None:
        self._function = function
        self._first = outputs[0]
        self._labels = [field.name for field in outputs[1:]]
        self._classes = np.array(classes, dtype=object)
        self._where = where

    def __call__(self, columns: Columns, rows: int) -> dict[str, Array]:
        """Return every output, n rows.

        Args:
            columns: The ensemble's features, and MEMBER.OUTPUT of every member.
            rows: How many.

        Raises:
            BadInput: The function failed, or returned something else than the output.
        """
        try:
            with np.errstate(all="ignore"):
                made = self._function(columns)
        except Exception as error:  # it is the user's code: whatever it raises concerns these columns
            raise BadInput(
                f"combine() failed{line_of(error, self._where)}: {type(error).__name__}: {error}",
                where=self._where,
                way_out=f"it was given {rows} rows of {', '.join(columns)}; it must take any number of rows",
            ) from error
        values = self._checked(made, rows)
        chosen = {name: self._classes[values.argmax(axis=1)] for name in self._labels}
        return {self._first.name: values, **chosen}

    def _checked(self, made: object, rows: int) -> Array:
        name, shape = self._first.name, (rows,) if self._first.width is None else (rows, self._first.width)
        if not isinstance(made, Mapping) or list(made) != [name]:
            got = f"the columns {', '.join(map(str, made))}" if isinstance(made, Mapping) else type(made).__name__
            raise self._bad(f"combine() returned {got}, not {{{name!r}: ...}}")
        values = made[name]
        if type(values) is not np.ndarray or values.dtype.kind not in "fiub":
            got = f"an array of {values.dtype}" if isinstance(values, np.ndarray) else type(values).__name__
            raise self._bad(f"{name} is {got}, not a numpy array of numbers")
        if values.shape != shape:
            raise self._bad(f"{name} has shape {list(values.shape)}, expected {list(shape)}: one answer a row")
        return values.astype(np.float32, copy=False)

    def _bad(self, what: str) -> BadInput:
        shape = "[n]" if self._first.width is None else f"[n, {self._first.width}]"
        way_out = f"return {{{self._first.name!r}: values}} with values of shape {shape}"
        return BadInput(what, where=self._where, way_out=way_out)


class Flat:
    """A combination whose output is a column a class, for headgate.features.request.prove_chunks."""

    _who = "combine()"

    def __init__(self, combine: Combine, where: str) -> None:
        self._combine = combine
        self._where = where

    def __call__(self, columns: Columns) -> dict[str, Array]:
        """Return the first output, a column for each of its values."""
        name, values = next(iter(self._combine(columns, len(next(iter(columns.values())))).items()))
        if values.ndim == 1:
            return {name: values}
        return {f"{name}[{at}]": values[:, at] for at in range(values.shape[1])}


def load_combine(
    source: str, version_key: str, where: str, outputs: Sequence[Field], classes: Sequence[str]
) -> Combine:
    """Load combine.py.

    Raises:
        BadInput: The source is not allowed, or fails when it is loaded.
    """
    return Combine(define(source, version_key, where, FUNCTION), outputs, classes, where)


def weighted(weights: Mapping[str, float], output: str) -> Call:
    """Return what makes the weighted mean of the members' outputs of this name, summed in float64.

    The members come in order of name: the order of a sum of floats is part of its value.
    """
    whole = sum(weights.values())
    shares = [(f"{name}.{output}", weights[name] / whole) for name in sorted(weights)]

    def mean(columns: Columns) -> Mapping[str, Array]:
        (first, its), *others = shares
        total = columns[first].astype(np.float64) * its
        for name, share in others:
            total += columns[name] * share
        return {output: total}

    return mean
