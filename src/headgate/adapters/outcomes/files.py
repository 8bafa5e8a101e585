"""Read outcomes from CSV and Parquet files, on this machine or behind a URL, a piece at a time."""

import csv
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from headgate.base.errors import BadInput, Unavailable
from headgate.predictions.filed import check_columns

PIECE = 10_000


def pieces(name: str) -> Iterator[tuple[float, list[dict[str, Any]]]]:
    """Yield the share of the file that was read, and rows as cells by column.

    Args:
        name: Path or URL, such as ``s3://bucket/outcomes.parquet``, which is copied here first.

    Raises:
        BadInput: The file is not there, is neither CSV nor Parquet, or has other columns.
        Unavailable: What the URL names does not answer.
    """
    if "://" not in name:
        yield from _read(Path(name))
        return
    with tempfile.TemporaryDirectory(prefix="headgate-outcomes-") as place:
        yield from _read(_fetch(name, Path(place)))


def _fetch(url: str, place: Path) -> Path:
    """Copy a file from behind a URL into a folder; return its path."""
    from pyarrow import fs

    target = place / Path(urlsplit(url).path).name
    try:
        files, path = fs.FileSystem.from_uri(url)
        fs.copy_files(path, str(target), files, fs.LocalFileSystem())
    except FileNotFoundError as error:
        raise BadInput("there is no such file", where=_shown(url), way_out="name a CSV or Parquet file") from error
    except ValueError as error:  # pyarrow's ArrowInvalid is one
        raise BadInput(
            f"cannot be used: {error}", where=_shown(url), way_out="write s3://BUCKET/FILE.parquet"
        ) from error
    except OSError as error:
        way_out = "check its credentials and the network, then import again"
        raise Unavailable(f"it does not answer: {error}", where=_shown(url), way_out=way_out) from error
    return target


def _shown(url: str) -> str:
    """Return a URL without the credentials and options that it may carry."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _read(path: Path) -> Iterator[tuple[float, list[dict[str, Any]]]]:
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
