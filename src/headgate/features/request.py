"""Run a project's features.py: the very same function in training and in the gateway.

`check` reads the source and refuses what would make training and serving differ by accident (imports that the gateway
does not have, files, clocks, chance, state). It is a guard against accidents and drift, not a sandbox: features.py runs
with the rights of its process, and the security boundary is that it runs only from an approved bundle.

Imports only numpy and the standard library: a gateway worker imports this file.
"""

import hashlib
import re
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from headgate.base.errors import BadInput
from headgate.features.source import check
from headgate.registry.field import Columns

__all__ = ["Call", "RequestFeatures", "as_features", "check", "define", "line_of", "load", "prove_chunks"]

Array: TypeAlias = npt.NDArray[Any]
Call: TypeAlias = Callable[[Columns], Mapping[str, Array]]
FLOAT32 = np.dtype(np.float32)
TEXT = frozenset({str, type(None)})
CHUNKS = (1, 7, 64)
SHOWN = 5
FEATURES = 3  # that an error tells of row by row
STEPS = 2  # float32 steps by which vectorised and scalar arithmetic may differ


class RequestFeatures:
    """The function `features` of one version's features.py, its results checked.

    Args:
        function: The user's function.
        where: The file it came from.
    """

    def __init__(self, function: Call, where: str) -> None:
        self._function = function
        self._where = where

    def __call__(self, columns: Columns) -> dict[str, Array]:
        """Return the model's feature columns: 1-D, n rows, float32 or objects of str (None: missing).

        Args:
            columns: Every input column, 1-D arrays of the same n rows.

        Raises:
            BadInput: The function failed (naming its line), or returned something else than named 1-D columns.
        """
        try:
            with np.errstate(all="ignore"):  # missing values are NaN: arithmetic on them is no news
                made = self._function(columns)
        except Exception as error:  # it is the user's code: whatever it raises concerns these columns
            raise BadInput(
                f"features() failed{line_of(error, self._where)}: {type(error).__name__}: {error}",
                where=self._where,
                way_out=f"it was given {_shapes(columns)}; it must take any number of rows and missing values",
            ) from error
        return as_features(made, len(next(iter(columns.values()), ())), self._where)


def load(source: str, version_key: str, where: str) -> RequestFeatures:
    """Load features.py under a module name of its own, so that two versions live side by side.

    Args:
        source: The text of features.py.
        version_key: Tells versions apart (a digest, a run id).
        where: The file's path, for messages.

    Raises:
        BadInput: The source is not allowed (see `check`), or fails when it is loaded.
    """
    return RequestFeatures(define(source, version_key, where, "features"), where)


def define(source: str, version_key: str, where: str, function: str) -> Call:
    """Return a function that a file defines, the file checked and loaded under a module name of its own.

    Raises:
        BadInput: As `load` says.
    """
    check(source, where, function)
    digest = hashlib.sha256(source.encode()).hexdigest()[:8]
    module = ModuleType(f"headgate_{function}_{re.sub(r'[^0-9A-Za-z]', '_', version_key)}_{digest}")
    module.__file__ = where
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, where, "exec"), module.__dict__)  # noqa: S102 - checked above, approved by a person
    except Exception as error:
        del sys.modules[module.__name__]
        raise BadInput(
            f"cannot be loaded{line_of(error, where)}: {type(error).__name__}: {error}",
            where=where,
            way_out="run it with plain Python to see the same error",
        ) from error
    call: Call = module.__dict__[function]
    return call


def as_features(made: object, rows: int, where: str) -> dict[str, Array]:
    """Return columns as features: numbers and booleans as float32, strings as objects of str or None.

    Raises:
        BadInput: It is no mapping of names to 1-D arrays of `rows` rows, or holds something else than numbers and text.
    """
    if not isinstance(made, Mapping) or not made:
        raise _bad(where, f"features() returned {type(made).__name__}, not a dict of columns", "return {name: column}")
    with np.errstate(over="raise", under="ignore"):
        return {name: _as_feature(name, column, rows, where) for name, column in made.items()}


def _as_feature(name: object, column: object, rows: int, where: str) -> Array:
    if type(column) is np.ndarray and column.shape == (rows,) and type(name) is str and name:
        kind = column.dtype.kind
        if column.dtype == FLOAT32:
            return column
        if kind in "fiub":
            return _narrow(name, column, where)
        if kind == "O":
            return _text(name, column, where)
        if kind == "U":
            return column.astype(object)
    raise _complain(name, column, rows, where)


def _complain(name: object, column: object, rows: int, where: str) -> BadInput:
    if not isinstance(name, str) or not name:
        return _bad(where, f"features() named a column {name!r}", "a column's name is a string")
    if type(column) is not np.ndarray:
        return _bad(where, f"feature {name} is {type(column).__name__}, not a numpy array", "return np.asarray(...)")
    if column.shape != (rows,):
        way_out = "return one value a row: no mean, sort, filter or reshape over rows"
        return _bad(where, f"feature {name} has shape {list(column.shape)} for {rows} rows", way_out)
    way_out = "hand the model numbers: hours since, day of week, ..."
    return _bad(where, f"feature {name} is {column.dtype}, neither number nor text", way_out)


def _narrow(name: str, column: Array, where: str) -> Array:
    try:
        return column.astype(FLOAT32)
    except FloatingPointError as error:
        row = int(np.flatnonzero(np.abs(column) > np.finfo(FLOAT32).max)[0])
        way_out = "scale it, or take its logarithm: the model takes float32"
        raise _bad(where, f"feature {name} is {column[row]} at row {row + 1}, beyond float32", way_out) from error


def _text(name: str, column: Array, where: str) -> Array:
    values = column.tolist()
    if TEXT.issuperset(map(type, values)):
        return column
    row, value = next((row, value) for row, value in enumerate(values) if type(value) not in TEXT)
    what = f"feature {name} holds {type(value).__name__} {value!r} at row {row + 1}, not text"
    raise _bad(where, what, f"return text only, or numbers: {name}.astype(float)")


def prove_chunks(call: Call, columns: Columns, ids: Sequence[Any] | Array) -> None:
    """Prove on these rows that a row's features depend on that row alone.

    f(all rows) must equal f(chunks of 1, 7 and 64 rows), NaN equal to NaN and numbers within 2 steps of float32; f must
    give the same twice, and leave its inputs as they were. Otherwise training would see other features than serving.

    Args:
        call: What `load` returned.
        columns: Every input column, n rows.
        ids: The rows' ids, for the message.

    Raises:
        BadInput: Naming what differs: feature, rows, chunk size, both values.
    """
    where, who = getattr(call, "_where", "features.py"), getattr(call, "_who", "features()")
    rows = len(ids)
    before = {name: values.copy() for name, values in columns.items()}
    whole = {name: values.copy() for name, values in call(columns).items()}
    changed = [name for name, values in columns.items() if differing(before[name], values, steps=0).size]
    if changed:
        raise _bad(where, f"{who} changed its input {', '.join(changed)}", "work on a copy: column.copy()")
    _compare(whole, call(columns), ids, where, "is not the same twice", "the first time", "the second")
    for size in CHUNKS:
        pieces = [call({name: c[at : at + size] for name, c in columns.items()}) for at in range(0, rows, size)]
        for piece in pieces:
            if list(piece) != list(whole):
                what = f"{who} returned {', '.join(piece)} for {size} rows, and {', '.join(whole)} for {rows}"
                raise _bad(where, what, "return the same columns in the same order whatever the rows hold")
        chunked = {name: np.concatenate([piece[name] for piece in pieces]) for name in whole} if pieces else whole
        _compare(whole, chunked, ids, where, "depends on other rows", "with all rows", f"in chunks of {size}")


def _compare(
    one: Mapping[str, Array],
    two: Mapping[str, Array],
    ids: Sequence[Any] | Array,
    where: str,
    what: str,
    a: str,
    b: str,
) -> None:
    found = {name: differing(values, two[name]) for name, values in one.items()}
    bad = {name: rows for name, rows in found.items() if rows.size}
    if not bad:
        return
    told = [
        f"{name} differs on {rows.size} of {len(ids)} rows: "
        + "; ".join(f"id {ids[r]}: {one[name][r]!s} {a}, {two[name][r]!s} {b}" for r in rows[:SHOWN].tolist())
        for name, rows in list(bad.items())[:FEATURES]
    ]
    told += [f"and {len(bad) - FEATURES} more"] if len(bad) > FEATURES else []
    raise BadInput(
        f"feature {', '.join(bad)} {what}\n  " + "\n  ".join(told),
        where=where,
        way_out="compute each row from that row alone: no mean, rank, cumsum, shift, random number or kept state",
    )


def differing(one: Array, two: Array, steps: int = STEPS) -> npt.NDArray[np.intp]:
    """Return the rows on which two columns differ; missing equals missing, numbers within some steps of float32."""
    if one.dtype.kind != two.dtype.kind:
        return np.arange(len(one))
    if one.dtype.kind != "f":
        same = one == two
        if one.dtype.kind == "M":
            same |= np.isnat(one) & np.isnat(two)
        return np.flatnonzero(~np.asarray(same, np.bool_))
    with np.errstate(all="ignore"):
        step = steps * np.spacing(np.maximum(np.abs(one), np.abs(two)).astype(FLOAT32))
        same = (one == two) | (np.isnan(one) & np.isnan(two)) | (np.abs(one - two) <= step)
    return np.flatnonzero(~same)


def line_of(error: Exception, where: str) -> str:
    """Return `` on line 12 of name`` for the deepest line of features.py that the error passed."""
    mine = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == where]
    return f" on line {mine[-1].lineno} (in {mine[-1].name})" if mine else ""


def _shapes(columns: Columns) -> str:
    return ", ".join(f"{name}: {values.dtype}{list(values.shape)}" for name, values in columns.items())


def _bad(where: str, what: str, way_out: str) -> BadInput:
    return BadInput(what, where=where, way_out=way_out)
