"""Read a CSV file as text columns: comma, UTF-8 (plain or gzip), a header, every line as long as the header.

What cannot be read is explained by reading the file again, slowly, until the bad line is found.
"""

import codecs
import csv
import gzip
import io
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa

from headgate.base.errors import BadInput

GZIP = b"\x1f\x8b"
WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
PIECE = 1 << 20


def read_text(path: Path, columns: Collection[str], where: str) -> pa.Table:
    """Return these columns as text; an empty field is null.

    Raises:
        BadInput: A line of another length than the header's, or bytes that are not UTF-8, with the line.
    """
    from pyarrow import csv as arrow_csv

    try:
        with pa.input_stream(str(path), compression="gzip" if _is_gzip(path) else None) as stream:
            return arrow_csv.read_csv(stream, **_how(columns))
    except (pa.ArrowInvalid, OSError, UnicodeDecodeError) as error:
        raise _diagnose(path, where, error) from error


def stream_text(path: Path, columns: Collection[str], where: str) -> Iterator[tuple[pa.RecordBatch, int]]:
    """Yield these columns as text, piece by piece, each with how many bytes of the file were read so far.

    Raises:
        BadInput: As `read_text`.
    """
    from pyarrow import csv as arrow_csv

    try:
        with path.open("rb") as file:
            stream = pa.PythonFile(file, mode="r")
            whole = pa.CompressedInputStream(stream, "gzip") if _is_gzip(path) else stream
            for batch in arrow_csv.open_csv(
                whole, read_options=arrow_csv.ReadOptions(block_size=PIECE, use_threads=False), **_how(columns)
            ):
                yield batch, file.tell()
    except (pa.ArrowInvalid, OSError, UnicodeDecodeError) as error:
        raise _diagnose(path, where, error) from error


def _how(columns: Collection[str]) -> dict[str, Any]:
    """Return what both readers of pyarrow are told: these columns, as text, an empty field is null."""
    from pyarrow import csv as arrow_csv

    names = list(columns)
    return {
        "parse_options": arrow_csv.ParseOptions(newlines_in_values=True),
        "convert_options": arrow_csv.ConvertOptions(
            include_columns=names,
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=[""],
        ),
    }


def read_header(path: Path, where: str) -> list[str]:
    """Return the names in the header.

    Raises:
        BadInput: The file is empty or not UTF-8, or a name stands twice.
    """
    try:
        with _open(path) as file, io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
            names = next(csv.reader(text), [])
    except (UnicodeDecodeError, OSError, EOFError, csv.Error) as error:
        raise _diagnose(path, where, error) from error
    if not any(name.strip() for name in names):
        raise BadInput("the file is empty", where=where, way_out="check the export that wrote it")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        places = ", ".join(str(place + 1) for place, name in enumerate(names) if name == twice[0])
        raise BadInput(
            f"the header names {twice[0]!r} more than once (columns {places})",
            where=where,
            way_out="give every column a name of its own",
        )
    return names


def _diagnose(path: Path, where: str, error: Exception) -> BadInput:
    return (
        _encoding(path, where)
        or _ragged(path, where)
        or BadInput(f"cannot be read as CSV: {error}", where=where, way_out="check the export that wrote it")
    )


def _encoding(path: Path, where: str) -> BadInput | None:
    """Find the first byte that is not UTF-8."""
    decoder, line, offset = codecs.getincrementaldecoder("utf-8")(), 1, 0
    try:
        with _open(path) as file:
            for piece in iter(lambda: file.read(PIECE), b""):
                if offset == 0 and piece.startswith(WIDE):
                    return _not_utf8("is UTF-16, not UTF-8", "UTF-16", path, where)
                pending = len(decoder.getstate()[0])
                try:
                    line += decoder.decode(piece).count("\n")
                except UnicodeDecodeError as error:
                    line += error.object[: error.start].count(b"\n")
                    at = offset - pending + error.start
                    what = f"byte 0x{error.object[error.start]:02x} at offset {at} (line {line}) is not UTF-8"
                    return _not_utf8(what, "WINDOWS-1252", path, where)
                offset += len(piece)
    except (OSError, EOFError) as error:
        return BadInput(f"cannot be unpacked: {error}", where=where, way_out="copy the file again; it may be cut short")
    return None


def _not_utf8(what: str, guess: str, path: Path, where: str) -> BadInput:
    name = Path(path if path.suffix else where).name
    return BadInput(what, where=where, way_out=f"convert it: iconv -f {guess} -t UTF-8 {name} > utf8-{name}")


def _ragged(path: Path, where: str) -> BadInput | None:
    """Find the first line with more or fewer fields than the header."""
    with _open(path) as file:
        reader = csv.reader(io.TextIOWrapper(file, encoding="utf-8-sig", newline=""))
        try:
            header, before = next(reader, []), reader.line_num
            for fields in reader:
                if fields and len(fields) != len(header):
                    return BadInput(
                        f"line {before + 1} has {len(fields)} fields, the header has {len(header)}",
                        where=where,
                        way_out="fix that line; a comma or line break inside a value needs quotes around the value",
                    )
                before = reader.line_num
        except csv.Error as error:
            return BadInput(f"line {reader.line_num}: {error}", where=where, way_out="fix that line, or its quotes")
    return None


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == GZIP


def _open(path: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(path, "rb")) if _is_gzip(path) else path.open("rb")
