"""Join stored features as of a row's own time: what was known then, nothing later, and every row kept.

The join never builds a new table of rows. It only finds, for each row, *which* observation it sees; the rows stay the
object that was handed in and the observations are gathered by index. So no row can be lost, doubled or reordered: what
could go wrong is only which observation a row is given, and that is checked against brute force in the tests.

It refuses rows without a time, times without a zone or finer than a microsecond, keys that cannot be compared exactly,
and column names that are taken. It reads no file.
"""

from collections.abc import Mapping
from datetime import timedelta
from tempfile import gettempdir
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headgate.base.errors import BadInput
from headgate.policy.model import StoredFeatures

MICROSECOND = pa.timestamp("us", "UTC")
NONE_SEEN = -1
Index = npt.NDArray[np.int64]


def join(
    rows: pa.Table, time: str, stored: Mapping[str, StoredFeatures], tables: Mapping[str, pa.Table], threads: int = 2
) -> pa.Table:
    """Append to every row the latest observation of each stored table that was known at the row's time.

    An observation is seen when its keys equal the row's, its time is not later than the row's (the same microsecond
    counts as known), and it is not older than `max_age` (exactly that old still counts). Of several observations with
    the same keys and time, the last one in the table is seen. A null key equals nothing; an observation without a time
    is never seen. A row that sees nothing gets nulls.

    Args:
        rows: The rows; they come back in the same order, duplicates included, their columns untouched.
        time: The rows' timestamp column.
        stored: How each table is joined.
        tables: The tables, under the names of `stored`.
        threads: How many threads the join may use.

    Raises:
        BadInput: Naming the stored table and column.
    """
    when = _times(rows, time, "data")
    if when.null_count:
        raise BadInput(
            f"{when.null_count} of {len(when)} rows have no time, the first at row {_first_null(when) + 1}",
            where=f"data, column {time}",
            way_out="give every row the time at which its prediction is made",
        )
    joined = rows
    for name, how in stored.items():
        where = f"stored features {name}"
        _check(joined, how, tables[name], where)
        seen = match(rows, when, how, tables[name], where, threads)
        joined = _append(joined, how, tables[name], seen)
    return joined


def match(rows: pa.Table, when: pa.Array, how: StoredFeatures, table: pa.Table, where: str, threads: int) -> Index:
    """Return, for each row, the index of the observation that it sees, or -1: int64, shape [rows]."""
    known = _times(table, how.time, where)
    left, right = _sides(rows, when, how, table, known, where)
    seen = np.full(rows.num_rows, NONE_SEEN, np.int64)
    if rows.num_rows and table.num_rows:
        row, observation = _latest(left, right, threads)
        seen[row] = observation
    if how.max_age is not None:
        _forget_old(seen, when, known, how.max_age)
    return seen


def _check(rows: pa.Table, how: StoredFeatures, table: pa.Table, where: str) -> None:
    """Refuse columns that are missing on either side, and names that are taken."""
    for key in how.pairs:
        if key not in rows.column_names:
            raise BadInput(f"the rows have no key column {key}", where=where, way_out=_among(rows))
    for column in (how.time, *how.pairs.values(), *how.columns):
        if column not in table.column_names:
            raise BadInput(f"the table has no column {column}", where=where, way_out=_among(table))
    taken = [how.prefix + column for column in how.columns if how.prefix + column in rows.column_names]
    if taken:
        raise BadInput(
            f"the rows already have a column {', '.join(taken)}", where=where, way_out="set another `prefix` for it"
        )


def _among(table: pa.Table) -> str:
    return f"name one of: {', '.join(table.column_names)}"


def _times(table: pa.Table, column: str, where: str) -> pa.Array:
    """Return a timestamp column as microseconds in UTC, exactly."""
    values, where = _whole(table.column(column)), f"{where}, column {column}"
    if not pa.types.is_timestamp(values.type) or values.type.tz is None:
        raise BadInput(f"is {values.type}, not a time with a zone", where=where, way_out="convert it to UTC")
    try:
        return values.cast(MICROSECOND)
    except pa.ArrowInvalid as error:
        raise BadInput(
            "holds times finer than a microsecond", where=where, way_out="round observations up to microseconds"
        ) from error


def _sides(
    rows: pa.Table, when: pa.Array, how: StoredFeatures, table: pa.Table, known: pa.Array, where: str
) -> tuple[pa.Table, pa.Table]:
    """Return both sides of the join: integer keys k0, k1, ..., the time `t` in microseconds and the position `n`."""
    left = {"t": when.cast(pa.int64()), "n": _positions(rows)}
    right = {"t": known.cast(pa.int64()), "n": _positions(table)}
    for number, (mine, theirs) in enumerate(how.pairs.items()):
        pair = f"key {mine}" if mine == theirs else f"key {mine}: {theirs}"
        codes = _codes(_whole(rows.column(mine)), _whole(table.column(theirs)), f"{where}, {pair}")
        left[f"k{number}"], right[f"k{number}"] = codes
    return pa.table(left), pa.table(right)


def _positions(table: pa.Table) -> pa.Array:
    return pa.array(np.arange(table.num_rows, dtype=np.int32 if table.num_rows < 2**31 else np.int64))


def _codes(mine: pa.Array, theirs: pa.Array, where: str) -> tuple[pa.Array, pa.Array]:
    """Return both key columns as integers that are equal where the keys are: twice as fast to join as strings."""
    kinds = _kind(mine.type), _kind(theirs.type)
    if "" in kinds or kinds[0] != kinds[1]:
        raise BadInput(
            f"cannot match {mine.type} with {theirs.type}",
            where=where,
            way_out="declare the key with the same type on both sides: int, string, bool or timestamp",
        )
    match kinds[0]:
        case "string":
            encoded = theirs.cast(pa.string()).dictionary_encode()
            return pc.index_in(mine.cast(pa.string()), encoded.dictionary), encoded.indices
        case "timestamp":
            return mine.cast(MICROSECOND).cast(pa.int64()), theirs.cast(MICROSECOND).cast(pa.int64())
        case _:
            return mine.cast(pa.int64()), theirs.cast(pa.int64())


def _kind(kind: Any) -> str:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "string"
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return "timestamp"
    return "int" if pa.types.is_integer(kind) else "bool" if pa.types.is_boolean(kind) else ""


def _latest(left: pa.Table, right: pa.Table, threads: int) -> tuple[Index, Index]:
    """Return (row, observation) for every row that sees one; of observations at one time the last in the table.

    DuckDB's ASOF picks any one of those that share keys and time. A second, cheap join looks for others at the same
    keys and time behind the ones that were picked.
    """
    import duckdb

    keys = [name for name in left.column_names if name.startswith("k")]
    equal = "".join(f" and l.{key} = r.{key}" for key in keys)
    with duckdb.connect(
        config={"threads": threads, "preserve_insertion_order": False, "temp_directory": gettempdir()}
    ) as connection:
        connection.register("rows", left)
        connection.register("observations", right)
        pairs = connection.sql(
            f"select l.n as l, r.n as r from rows l asof join observations r on l.t >= r.t{equal}"  # noqa: S608 - k0...
        ).to_arrow_table()
        row, picked = pairs["l"].to_numpy().astype(np.int64), pairs["r"].to_numpy().astype(np.int64)
        last = np.arange(right.num_rows)
        distinct = np.zeros(right.num_rows, np.bool_)
        distinct[picked] = True
        connection.register("picked", right.take(pa.array(np.flatnonzero(distinct))))
        tied = connection.sql(
            f"select l.n as l, r.n as r from picked l join observations r on l.t = r.t and r.n > l.n{equal}"  # noqa: S608
        ).to_arrow_table()
    np.maximum.at(last, tied["l"].to_numpy(), tied["r"].to_numpy().astype(np.int64))
    return row, last[picked]


def _forget_old(seen: Index, when: pa.Array, known: pa.Array, max_age: timedelta) -> None:
    """Set to -1 where the observation is older than `max_age` at the row's time."""
    row = np.flatnonzero(seen >= 0)
    age = _micros(when)[row] - _micros(known)[seen[row]]
    seen[row[age > max_age // timedelta(microseconds=1)]] = NONE_SEEN


def _append(rows: pa.Table, how: StoredFeatures, table: pa.Table, seen: Index) -> pa.Table:
    chosen = pa.array(seen, mask=seen == NONE_SEEN)
    for column in how.columns:
        rows = rows.append_column(how.prefix + column, _whole(table.column(column)).take(chosen))
    return rows


def _micros(times: pa.Array) -> Index:
    """Return the times as int64 microseconds; what stands for a null is never looked at."""
    micros: Index = times.cast(pa.int64()).fill_null(0).to_numpy()
    return micros


def _first_null(values: pa.Array) -> int:
    return int(pc.index(values.is_null(), value=True).as_py())


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
