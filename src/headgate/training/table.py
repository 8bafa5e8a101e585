"""Read a source (CSV or Parquet) into a table of the declared columns and types; nothing is inferred.

Only declared columns are read. Types become float64, int64, string, bool and timestamp[us, UTC]; NaN is missing. It
refuses what would have to be guessed: times without a zone, values that do not parse, names that nearly match. Ranges
and missing values are judged by validate.py.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headgate.base.errors import BadInput
from headgate.policy.model import ColumnPolicy, ColumnType, ModelPolicy
from headgate.policy.problem import list_words, nearest
from headgate.training.csvfile import read_header, read_text
from headgate.training.text import ARROW, convert, parse

PARQUET = b"PAR1"
TIME = ColumnPolicy(type="timestamp", missing=True)


def read_table(path: Path, columns: Mapping[str, ColumnPolicy], where: str) -> pa.Table:
    """Return the declared columns of a file, in the order and types of the declaration.

    The format is told by the file's bytes, not by its name.

    Args:
        path: The file.
        columns: What is declared.
        where: The file as people know it, for messages.

    Raises:
        BadInput: The file is missing, empty, ragged or no UTF-8; lacks a column; or holds values that do not fit, all
            columns in one error.
    """
    raw = _read(path, columns, where)
    if raw.num_rows == 0:
        raise BadInput("the file has a header but no rows", where=where, way_out="check the export that wrote it")
    made: dict[str, pa.Array] = {}
    problems: list[BadInput] = []
    for name, column in columns.items():
        try:
            made[name] = typed(raw.column(name).combine_chunks(), column.type)
        except BadInput as error:
            problems.append(BadInput(f"column {name} {error.what}", way_out=f"{name}: {error.way_out}"))
    if problems:
        raise together(problems, where)
    return pa.table(made)


def read_stored(path: Path, policy: ModelPolicy, name: str, where: str) -> pa.Table:
    """Return a stored feature table: its keys (typed like the rows' columns they match), time and columns.

    Raises:
        BadInput: As `read_table`.
    """
    return read_table(path, stored_columns(policy, name), where)


def stored_columns(policy: ModelPolicy, name: str) -> dict[str, ColumnPolicy]:
    """Return what a stored feature table must have: keys, time and the columns that are taken."""
    stored = policy.features.stored[name]
    keys = {
        theirs: ColumnPolicy(type=policy.data.columns[mine].type, missing=True) for mine, theirs in stored.pairs.items()
    }
    return {**keys, stored.time: TIME, **stored.columns}


def check_header(path: Path, columns: Mapping[str, ColumnPolicy], where: str) -> tuple[str, ...]:
    """Check the names of a file's columns, and a Parquet file's types, without reading rows; return the names it has.

    Raises:
        BadInput: As `read_table`, as far as the header tells.
    """
    if not is_parquet(path, where):
        names = read_header(path, where)
        check_names(columns, names, where)
        return tuple(names)
    schema, _ = parquet_schema(path, where)
    check_names(columns, schema.names, where)
    problems: list[BadInput] = []
    for name, column in columns.items():
        try:
            typed(pa.array([], schema.field(name).type), column.type)
        except BadInput as error:
            problems.append(BadInput(f"column {name} {error.what}", way_out=f"{name}: {error.way_out}"))
    if problems:
        raise together(problems, where)
    return tuple(schema.names)


def describe(path: Path, where: str) -> tuple[int, tuple[tuple[str, str], ...]]:
    """Return how many rows a file has, and the names and types of its columns (a CSV's are all text).

    Raises:
        BadInput: As `read_table`.
    """
    if is_parquet(path, where):
        schema, rows = parquet_schema(path, where)
        return rows, tuple((field.name, str(field.type)) for field in schema)
    names = read_header(path, where)
    return read_text(path, names[:1], where).num_rows, tuple((name, "text") for name in names)


def together(problems: Sequence[BadInput], where: str) -> BadInput:
    """Return several problems as one error."""
    ways = dict.fromkeys(problem.way_out for problem in problems)
    return BadInput("\n  ".join(problem.what for problem in problems), where=where, way_out="\n  ".join(ways))


def _read(path: Path, columns: Mapping[str, ColumnPolicy], where: str) -> pa.Table:
    if is_parquet(path, where):
        schema, _ = parquet_schema(path, where)
        check_names(columns, schema.names, where)
        return _read_parquet(path, list(columns), where)
    check_names(columns, read_header(path, where), where)
    return read_text(path, columns, where)


def is_parquet(path: Path, where: str) -> bool:
    """Tell Parquet from CSV; refuse what is no file."""
    if path.is_dir():
        raise BadInput("is a folder, not a file", where=where, way_out="name one CSV or Parquet file")
    try:
        with path.open("rb") as file:
            start = file.read(len(PARQUET))
    except FileNotFoundError as error:
        beside = [entry.name for entry in path.parent.glob("*")] if path.parent.is_dir() else []
        there = f" There is: {list_words(sorted(beside)[:10])}." if beside else f" {_folder_of(path, where)}"
        hint = nearest(path.name, beside) or there
        raise BadInput(
            f"there is no such file.{hint}", where=where, way_out="make it, or correct `source` in headgate.yaml"
        ) from error
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", where=where, way_out="check its permissions") from error
    if not start:
        raise BadInput("the file is empty", where=where, way_out="check the export that wrote it")
    if start != PARQUET and ".parquet" in where.lower():
        raise BadInput(
            f"is no Parquet file: it starts with {start!r}", where=where, way_out="export it again, or call it .csv"
        )
    return start == PARQUET


def _folder_of(path: Path, where: str) -> str:
    folder = Path(where).parent
    return f"The folder {folder} is empty." if path.parent.is_dir() else f"There is no folder {folder} either."


def parquet_schema(path: Path, where: str) -> tuple[pa.Schema, int]:
    """Return the schema and the row count of a Parquet file; BadInput when it is broken or names a column twice."""
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
    except (pa.ArrowInvalid, OSError) as error:
        raise BadInput(
            f"is a broken Parquet file: {error}", where=where, way_out="copy it again; it may be cut short"
        ) from error
    twice = [name for name, count in Counter(schema.names).items() if count > 1]
    if twice:
        raise BadInput(f"names column {twice[0]!r} more than once", where=where, way_out="give every column one name")
    return schema, rows


def _read_parquet(path: Path, columns: list[str], where: str) -> pa.Table:
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            return file.read(columns=columns)
    except (pa.ArrowInvalid, OSError) as error:
        raise BadInput(
            f"is a broken Parquet file: {error}", where=where, way_out="copy it again; it may be damaged"
        ) from error


def check_names(columns: Iterable[str], there: Sequence[str], where: str) -> None:
    """Refuse a file that lacks a column, with the nearest name that it has."""
    lacking = [name for name in columns if name not in there]
    if not lacking:
        return
    lines = [f"there is no column {name!r}.{nearest(name, there)}" for name in lacking]
    way_out = f"declare what the file has: {list_words(there)}"
    if len(there) == 1 and (found := next((mark for mark in (";", "\t", "|") if mark in there[0]), "")):
        way_out = f"the fields seem to be separated by {found!r}; write the file with commas"
    raise BadInput("\n  ".join(lines), where=where, way_out=way_out)


def typed(values: pa.Array, wanted: ColumnType) -> pa.Array:
    """Return a column as its declared type, missing values as nulls; BadInput when it holds something else."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    kind = values.type
    if pa.types.is_null(kind):
        return values.cast(ARROW[wanted])
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return parse(values.cast(pa.string()), wanted)
    if wanted == "timestamp" and _is_zoneless(kind):
        raise BadInput(
            f"has times without a zone ({kind})",
            way_out='say which clock it is before writing it, for example .dt.tz_localize("America/New_York")',
        )
    if not _fits(kind, wanted):
        raise BadInput(f"is declared {wanted}, but the file holds {kind}", way_out="declare the type that it has")
    if pa.types.is_floating(kind):
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, kind), values)
    return convert(values, wanted, lambda part: part.cast(ARROW[wanted]))


def _is_zoneless(kind: Any) -> bool:
    return pa.types.is_date(kind) or (pa.types.is_timestamp(kind) and kind.tz is None)


def _fits(kind: Any, wanted: ColumnType) -> bool:
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    match wanted:
        case "float" | "int":
            return bool(number)
        case "string":
            return bool(pa.types.is_integer(kind))
        case "bool":
            return bool(pa.types.is_boolean(kind))
        case "timestamp":
            return bool(pa.types.is_timestamp(kind))
