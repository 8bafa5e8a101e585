"""Write record batches of any days into one Parquet file a day, memory bounded by what one row group holds."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from headgate.adapters.parquet.place import Place
from headgate.predictions.catalog import Kept

GROUP_ROWS = 131_072
DAY_US = 86_400_000_000


class Days:
    """Sorts batches of one model by day and columns into files.

    Args:
        place: Where the files go in the end.
        model: The model's name.
        stem: How the names of the files begin.
    """

    def __init__(self, place: Place, model: str, stem: str) -> None:
        self._place = place
        self._model = model
        self._stem = stem
        self._open: dict[tuple[str, str], _Day] = {}
        self._beside = tempfile.TemporaryDirectory(prefix="headgate-compact-") if not place.local else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        for day in self._open.values():
            day.drop()
        if self._beside:
            self._beside.cleanup()

    def add(self, key: str, batches: Iterable[Any]) -> None:
        """Take batches in."""
        import pyarrow.compute as pc

        for batch in batches:
            days = pc.divide(batch.column("time").cast("int64"), DAY_US)
            found = pc.unique(days).to_pylist()
            for day in found:
                one = batch if len(found) == 1 else batch.filter(pc.equal(days, day))
                self._day(day, key, batch.schema).add(one)

    def finish(self) -> tuple[Kept, ...]:
        """Close every file and put it in its place."""
        made = []
        for (day, key), one in list(self._open.items()):
            name = f"{self._model}/day={day}/{self._stem}-{key}.parquet"
            size = one.close()
            self._place.take(one.path, name)
            del self._open[day, key]
            made.append(Kept(name, day, key, one.rows, size, one.last))
        return tuple(made)

    def _day(self, number: int, key: str, schema: Any) -> "_Day":
        from datetime import date, timedelta

        day = (date(1970, 1, 1) + timedelta(days=number)).isoformat()
        if (day, key) not in self._open:
            folder = Path(self._beside.name if self._beside else self._place.path(f"{self._model}/day={day}"))
            folder.mkdir(parents=True, exist_ok=True)
            self._open[day, key] = _Day(folder / f".{self._stem}-{day}-{key}.new", schema)
        return self._open[day, key]


class _Day:
    """A file that is being written."""

    def __init__(self, path: Path, schema: Any) -> None:
        from pyarrow import parquet

        self.path = path
        self.rows = self.last = 0
        self._schema = schema
        self._writer = parquet.ParquetWriter(str(path), schema, compression="zstd")
        self._waiting: list[Any] = []
        self._count = 0

    def add(self, batch: Any) -> None:
        self._waiting.append(batch)
        self._count += batch.num_rows
        self.rows += batch.num_rows
        if self._count >= GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        if self._waiting:
            table = pa.Table.from_batches(self._waiting, self._schema)
            self.last = max(self.last, pc.max(table.column("time")).cast("int64").as_py())
            self._writer.write_table(table)
        self._waiting, self._count = [], 0

    def close(self) -> int:
        """Finish the file durably; return its size."""
        self._flush()
        self._writer.close()
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
        return self.path.stat().st_size

    def drop(self) -> None:
        """Leave nothing."""
        self._writer.close()
        self.path.unlink(missing_ok=True)
