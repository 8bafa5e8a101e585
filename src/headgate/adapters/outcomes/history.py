"""Read every outcome that was kept, and turn finished segments into Parquet.

The same outcome twice is one, so nothing has to be read exactly once: Parquet is written before its segments go.
"""

import fcntl
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from headgate.adapters.outcomes.segments import SUFFIX
from headgate.base.errors import Conflict
from headgate.predictions.outcome import Outcome, from_lines

ATTEMPTS = 50
FILES = 32  # beyond so many, all become one


class History:
    """The outcomes of a project.

    Args:
        folder: Of the project's outcomes.
    """

    def __init__(self, folder: Path) -> None:
        self._segments = folder / "segments"
        self._parquet = folder / "parquet"

    def table(self) -> Any:
        """Return all of them as an Arrow table with the columns of an Outcome; some perhaps twice."""
        import pyarrow as pa
        from pyarrow import parquet

        for _ in range(ATTEMPTS):
            try:
                segments = [to_table(from_lines(path.read_bytes())) for path in self._found(self._segments, SUFFIX)]
                files = [parquet.read_table(path) for path in self._found(self._parquet, ".parquet")]
            except FileNotFoundError:
                continue  # compacted meanwhile: look again
            return pa.concat_tables([to_table(()), *segments, *files])
        raise Conflict("the outcomes are compacted faster than they are read", way_out="try again")

    def compact(self) -> int:
        """Turn finished segments into Parquet; return how many outcomes went over. One compaction at a time."""
        sources = [path for path in self._found(self._segments, SUFFIX) if _is_finished(path)]
        outcomes = [outcome for path in sources for outcome in from_lines(path.read_bytes())]
        if outcomes:
            self._write(to_table(outcomes), sources[0].stem)
        for path in sources:
            path.unlink()
        self._merge()
        return len(outcomes)

    def _merge(self) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        files = self._found(self._parquet, ".parquet")
        if len(files) > FILES:
            self._write(pa.concat_tables([parquet.read_table(path) for path in files]), f"{files[-1].stem}-all")
            for path in files:
                path.unlink()

    def _write(self, table: Any, stem: str) -> None:
        from pyarrow import parquet

        self._parquet.mkdir(parents=True, exist_ok=True)
        beside = self._parquet / f".{stem}.new"
        parquet.write_table(table, beside, compression="zstd")
        _sync(beside)
        beside.replace(self._parquet / f"{stem}.parquet")
        _sync(self._parquet)

    @staticmethod
    def _found(folder: Path, suffix: str) -> list[Path]:
        return sorted(folder.glob(f"*{suffix}"))


def to_table(outcomes: Iterable[Outcome]) -> Any:
    """Return outcomes as an Arrow table."""
    import pyarrow as pa

    whole, text = pa.int64(), pa.string()
    kinds = {"id": text, "row": whole, "model": text, "unit": text, "time": whole, "value": text}
    kinds |= {"number": pa.float64(), "true_at": whole, "received": whole, "source": text}
    rows: Sequence[Outcome] = tuple(outcomes)
    return pa.table({name: pa.array([getattr(one, name) for one in rows], kind) for name, kind in kinds.items()})


def _is_finished(path: Path) -> bool:
    """Say whether its writer has left it, or is gone."""
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
