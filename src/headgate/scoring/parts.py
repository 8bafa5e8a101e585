"""Keep what is answered so far beside the output, so that a killed scoring goes on; make the output at once at the end.

    .OUTPUT.parts/      plan.json: the key of this scoring, and when it began      lock: held while somebody works
        0000000.arrow   the answers to the first rows that are PART long           0000000.skipped   rows left out

A part that is there is whole: it appears under its name after it was synced. Parts of another key are thrown away.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from headgate.base.errors import BadInput, Conflict, Unavailable
from headgate.base.files import write_atomically

KEY = b"headgate.key"
PLAN, LOCK = "plan.json", "lock"
VERSION, TIME = "version", "scored_at"
AT = pa.timestamp("us", "UTC")


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one scoring.

    Attributes:
        folder: Where they are.
        plan: The key, and when the first of them was begun (ISO 8601).
    """

    folder: Path
    plan: dict[str, str]

    def done(self) -> int:
        """Return how many parts are there, one after the other from the first."""
        there = {path.name for path in self.folder.glob("*.arrow")}
        return next(number for number in range(len(there) + 1) if _name(number) not in there)

    def write(self, number: int, answers: pa.Table, skipped: pa.Table | None) -> None:
        """Keep a part."""
        if skipped is not None:
            _write(self.folder / f"{_name(number)}.skipped", skipped)
        _write(self.folder / _name(number), answers)

    def read(self, suffix: str = "") -> Iterator[pa.Table]:
        """Yield every part, in order."""
        for path in sorted(self.folder.glob(f"*.arrow{suffix}")):
            with pa.memory_map(str(path)) as file:
                yield pa.ipc.open_file(file).read_all()


def _name(number: int) -> str:
    return f"{number:07d}.arrow"


def _write(path: Path, table: pa.Table) -> None:
    beside = path.with_name(f".{path.name}")
    with beside.open("wb") as file:
        with pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


@contextmanager
def parts_of(output: Path, key: str, began: str) -> Iterator[Parts]:
    """Open the parts of a scoring, and keep others off while they are written.

    Raises:
        Conflict: Another process writes this output.
        Unavailable: The folder cannot be written to.
    """
    folder = output.with_name(f".{output.name}.parts")
    try:
        folder.mkdir(exist_ok=True)
        with (folder / LOCK).open("w") as lock:
            _hold(lock.fileno(), output)
            yield Parts(folder, _plan(folder, key, began))
    except OSError as error:
        raise Unavailable(
            f"cannot write: {error.strerror or error}",
            where=str(folder),
            way_out="free disk space or fix permissions, then run it again: it goes on where it was",
        ) from error


def _hold(handle: int, output: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Conflict(
            "another process writes this output", where=str(output), way_out="wait for it, or name another output"
        ) from error


def _plan(folder: Path, key: str, began: str) -> dict[str, str]:
    """Return the plan that the parts there belong to; parts of another one are thrown away."""
    try:
        plan: dict[str, str] = json.loads((folder / PLAN).read_bytes())
    except (FileNotFoundError, ValueError):
        plan = {}
    if plan.get("key") == key and "began" in plan:
        return plan
    for path in folder.iterdir():
        if path.name != LOCK:
            path.unlink()
    plan = {"key": key, "began": began}
    write_atomically(folder / PLAN, json.dumps(plan).encode())
    return plan


def finish(parts: Parts, output: Path, skipped: Path, version: str, moment: Any) -> tuple[int, int]:
    """Make the output of the parts, whole or not at all; return how many rows were answered and how many skipped."""
    key = parts.plan["key"]

    def stamped() -> Iterator[pa.Table]:
        for table in parts.read():
            rows = table.num_rows
            yield table.append_column(VERSION, pa.repeat(pa.scalar(version), rows)).append_column(
                TIME, pa.repeat(pa.scalar(moment, AT), rows)
            )

    left_out = _combine(parts.folder / ".skipped", skipped, parts.read(".skipped"), key)
    if not left_out and key_of(skipped) is not None:
        skipped.unlink()
    return _combine(parts.folder / ".answers", output, stamped(), key), left_out


def remove(output: Path) -> None:
    """Take the parts away once the output is there."""
    shutil.rmtree(output.with_name(f".{output.name}.parts"), ignore_errors=True)


def _combine(beside: Path, target: Path, tables: Iterator[pa.Table], key: str) -> int:
    import pyarrow.parquet as pq

    rows, first = 0, next(tables, None)
    if first is None:
        return 0
    schema = first.schema.with_metadata({KEY: key.encode()})
    repeating = [each.name for each in schema if not pa.types.is_primitive(each.type) or each.name == TIME]
    with pq.ParquetWriter(beside, schema, use_dictionary=repeating) as writer:
        while first is not None:
            rows += first.num_rows
            writer.write_table(first.cast(schema))
            first = next(tables, None)
    with beside.open("rb") as file:
        os.fsync(file.fileno())
    beside.replace(target)
    return rows


def key_of(output: Path) -> str | None:
    """Return the key of the scoring that wrote a file; "" for a file of somebody else, None where there is none."""
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_schema(output).metadata or {}
    except FileNotFoundError:
        return None
    except (pa.ArrowInvalid, OSError):
        return ""
    return str(metadata.get(KEY, b"").decode())


def count(output: Path) -> int:
    """Return how many rows a file has; none where there is no file."""
    import pyarrow.parquet as pq

    return int(pq.read_metadata(output).num_rows) if output.exists() else 0


def check_output(output: Path, skipped: Path, source: Path) -> None:
    """Refuse an output that would destroy something.

    Args:
        output: Of the answers.
        skipped: Of the rows that are left out; one of an earlier scoring goes when none is.
        source: The input.

    Raises:
        BadInput: One is the input, a folder, or a file that no scoring wrote; or its folder is not there.
    """
    if output.suffix != ".parquet":
        raise BadInput("answers are written as Parquet", where=str(output), way_out="name it OUTPUT.parquet")
    if not output.parent.is_dir():
        raise BadInput("there is no such folder", where=str(output.parent), way_out="make it, or name another output")
    for path in (output, skipped):
        if path.exists() and path.samefile(source):
            what = "the output is the input" if path is output else "the input lies where skipped rows are written"
            raise BadInput(what, where=str(path), way_out="name another output")
        if key_of(path) == "":
            what = "there is a file that `headgate score` did not write"
            raise BadInput(what, where=str(path), way_out="move it, or name another output")
