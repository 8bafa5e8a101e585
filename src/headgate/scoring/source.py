"""Read a file of rows piece by piece, from any row on; what is held at once does not grow with the file."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from headgate.base.errors import BadInput
from headgate.training.csvfile import read_header, stream_text
from headgate.training.table import is_parquet, parquet_schema

BUFFER = 1 << 20  # bytes of a column chunk that are read at once


@dataclass(frozen=True, slots=True)
class Source:
    """A file that can be read.

    Attributes:
        path: Where it is.
        where: As people know it.
        schema: Its columns; those of a CSV are all text.
        rows: How many it has; None where only reading tells.
    """

    path: Path
    where: str
    schema: pa.Schema
    rows: int | None


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a file.

    Attributes:
        rows: The rows.
        first: The row, from 0, that they begin with.
        share: Of the file, how much was read up to their end.
    """

    rows: pa.RecordBatch
    first: int
    share: float


def open_source(path: Path, where: str) -> Source:
    """Look at a file's head.

    Raises:
        BadInput: It is missing, broken, or neither Parquet nor CSV.
    """
    if is_parquet(path, where):
        schema, rows = parquet_schema(path, where)
        return Source(path, where, schema, rows)
    return Source(path, where, pa.schema([(name, pa.string()) for name in read_header(path, where)]), None)


def read(source: Source, columns: Sequence[str], start: int, size: int) -> Iterator[Piece]:
    """Yield the rows from `start` on in pieces of `size` rows, the last one smaller.

    Raises:
        BadInput: The file is damaged further on.
    """
    first = start
    read_so_far = _parquet(source, columns, start) if source.rows is not None else _csv(source, columns, start)
    share = 0.0
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch, share in read_so_far:
        if batch.num_rows:
            waiting.append(batch)
            count += batch.num_rows
        while count >= size:
            whole = _join(waiting)
            yield Piece(whole.slice(0, size), first, share)
            first, count = first + size, count - size
            waiting = [whole.slice(size)] if count else []
    if count:
        yield Piece(_join(waiting), first, share)


def _join(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    whole: pa.RecordBatch = pa.concat_batches(batches)
    return whole


def _parquet(source: Source, columns: Sequence[str], start: int) -> Iterator[tuple[pa.RecordBatch, float]]:
    import pyarrow.parquet as pq

    total = max(source.rows or 0, 1)
    try:
        with pq.ParquetFile(source.path, buffer_size=BUFFER, pre_buffer=False) as file:
            groups, before = _groups_from(file, start)
            seen = before
            for batch in _from(file.iter_batches(row_groups=groups, columns=list(columns)), start - before):
                seen = max(seen, start) + batch.num_rows
                yield batch, seen / total
    except (pa.ArrowInvalid, OSError) as error:
        raise BadInput(
            f"is a broken Parquet file: {error}", where=source.where, way_out="copy it again; it may be damaged"
        ) from error


def _groups_from(file: Any, start: int) -> tuple[list[int], int]:
    """Return the row groups that hold row `start` and later ones, and how many rows lie before them."""
    before = 0
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if before + rows > start:
            return list(range(group, file.num_row_groups)), before
        before += rows
    return [], before


def _csv(source: Source, columns: Sequence[str], start: int) -> Iterator[tuple[pa.RecordBatch, float]]:
    total = max(source.path.stat().st_size, 1)
    left = start
    for batch, at in stream_text(source.path, columns, source.where):
        rest = batch.slice(min(left, batch.num_rows))
        left -= batch.num_rows - rest.num_rows
        yield rest, at / total


def _from(batches: Iterable[pa.RecordBatch], skip: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        rest = batch.slice(min(skip, batch.num_rows))
        skip -= batch.num_rows - rest.num_rows
        yield rest
