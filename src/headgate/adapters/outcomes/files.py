"""Read outcomes from CSV and Parquet files, a piece at a time."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from headgate.base.errors import BadInput
from headgate.predictions.filed import check_columns

PIECE = 10_000


def pieces(path: Path) -> Iterator[tuple[float, list[dict[str, Any]]]]:
    """Yield the share of the file that was read, and rows as cells by column.

    Raises:
        BadInput: The file is not there, is neither CSV nor Parquet, or has other columns.
    """
    if not path.is_file():
        raise BadInput("there is no such file", where=str(path), way_out="name a CSV or Parquet file")
    yield from _parquet(path) if path.suffix == ".parquet" else _csv(path)


def _parquet(path: Path) -> Iterator[tuple[float, list[dict[str, Any]]]]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            check_columns(file.schema_arrow.names, str(path))
            done, whole = 0, max(1, file.metadata.num_rows)
            for batch in file.iter_batches(PIECE):
                done += batch.num_rows
                yield done / whole, batch.to_pylist()
    except pa.ArrowInvalid as error:
        raise BadInput(f"this is no Parquet file: {error}", where=str(path)) from error


def _csv(path: Path) -> Iterator[tuple[float, list[dict[str, Any]]]]:
    size = max(1, path.stat().st_size)
    with path.open("rb") as raw:
        lines = (line.decode("utf-8-sig" if at == 0 else "utf-8") for at, line in enumerate(raw))
        try:
            reader = csv.DictReader(lines, strict=True)
            check_columns(reader.fieldnames or (), str(path))
            rows: list[dict[str, Any]] = []
            for row in reader:
                rows.append(row)
                if len(rows) == PIECE:
                    yield raw.tell() / size, rows
                    rows = []
            yield 1.0, rows
        except (csv.Error, UnicodeDecodeError) as error:
            raise BadInput(f"this is no CSV file in UTF-8: {error}", where=str(path)) from error
