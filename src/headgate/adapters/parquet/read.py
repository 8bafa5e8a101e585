"""Read a model's predictions, spool and Parquet together, each row once also while a compaction runs."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headgate.adapters.parquet.compact import known_node, read_catalogs
from headgate.adapters.parquet.place import Place
from headgate.adapters.parquet.spool import batches, files, key_of
from headgate.base.errors import Conflict
from headgate.predictions import pairs
from headgate.predictions.catalog import Kept
from headgate.predictions.outcome import micros
from headgate.predictions.pairs import Between
from headgate.predictions.query import Wanted, brought_together, quoted, select
from headgate.predictions.row import META

LOG = logging.getLogger("headgate.predictions")
ATTEMPTS = 50


class Predictions:
    """The predictions of one model.

    Args:
        spool: The spool folder of all models on this machine.
        place: Where Parquet lies.
        model: The model's name.
    """

    def __init__(self, spool: Path, place: Place, model: str) -> None:
        self._spool = spool
        self._folder = spool / model
        self._place = place
        self._model = model

    def table(self, wanted: Wanted) -> Any:
        """Return the wanted predictions as an Arrow table; without a limit in no order."""
        with self.opened(wanted) as (connection, relations):
            query, values = select(relations, wanted)
            return connection.sql(query, params=values).to_arrow_table()

    def pairs(self, wanted: Between) -> Any:
        """Return live and shadow predictions of one request as an Arrow table, as `predictions.pairs` says."""
        with self.opened(Wanted(wanted.since)) as (connection, relations):
            rows = " UNION ALL BY NAME ".join(f"FROM {relation}" for relation in relations)
            described = connection.sql(f"DESCRIBE {rows}").fetchall()
            query, values = pairs.select(relations, {name: kind for name, kind, *_ in described}, wanted)
            return connection.sql(query, params=values).to_arrow_table()

    @contextmanager
    def opened(self, wanted: Wanted) -> Iterator[tuple[Any, list[str]]]:
        """Give a DuckDB connection and the relations in it that hold the predictions, and more than the wanted ones."""
        import duckdb

        kept, tables = self._snapshot(wanted)
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.register("nothing", _nothing())
            relations = ["nothing"]
            for at, source in enumerate((*self._datasets(kept), *tables)):
                connection.register(f"part{at}", source)
                relations.append(f"part{at}")
            yield connection, list(_alike(connection, relations))

    def _snapshot(self, wanted: Wanted) -> tuple[list[Kept], list[Any]]:
        """Return the Parquet files and the spool's tables of one moment: no catalog changed while they were read."""
        for _ in range(ATTEMPTS):
            before = read_catalogs(self._place, self._model)
            node = known_node(self._spool)
            covered = set(before[node].covered) if node in before else set()
            try:
                tables = self._read_spool(covered, wanted)
            except FileNotFoundError:
                continue  # a compaction took it away meanwhile: look again
            if read_catalogs(self._place, self._model) == before:
                return [one for catalog in before.values() for one in catalog.files], tables
        raise Conflict("the log is compacted faster than it is read", where=self._model, way_out="try again")

    def _read_spool(self, covered: set[str], wanted: Wanted) -> list[Any]:
        import pyarrow as pa

        found: dict[str, list[Any]] = {}
        choose = _chooser(wanted)
        for path in files(self._folder):
            if path.name not in covered:
                found.setdefault(key_of(path), []).extend(map(choose, batches(path)))
        return [pa.Table.from_batches(parts) for parts in found.values() if parts]

    def _datasets(self, kept: list[Kept]) -> Iterator[Any]:
        from pyarrow import dataset

        paths: dict[str, list[str]] = {}
        for one in kept:
            paths.setdefault(one.key, []).append(self._place.path(one.path))
        for same in paths.values():
            yield dataset.dataset(same, format="parquet", filesystem=self._place.files)


def _alike(connection: Any, relations: list[str]) -> Iterator[str]:
    """Yield relations whose rows can stand below each other: views of those with columns of other types than others."""
    types = {one: {name: kind for name, kind, *_ in connection.sql(f"DESCRIBE {one}").fetchall()} for one in relations}
    over = brought_together(types.values())
    for one, columns in types.items():
        casts = [f"{quoted(name)}::{over[name]} AS {quoted(name)}" for name in columns if name in over]
        if casts:
            view = f"CREATE TEMP VIEW {one}_alike AS SELECT * REPLACE ({', '.join(casts)}) FROM {one}"  # noqa: S608 - columns are quoted
            connection.execute(view)
        yield f"{one}_alike" if casts else one


def _chooser(wanted: Wanted) -> Callable[[Any], Any]:
    """Return what leaves out the rows of a batch that are too old, before they are held in memory."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if wanted.since is None:
        return lambda batch: batch
    since = pa.scalar(micros(wanted.since), pa.int64()).cast(pa.timestamp("us", "UTC"))
    return lambda batch: batch.filter(pc.greater_equal(batch.column("time"), since))


def _nothing() -> Any:
    """Return an empty table with the columns that every log has, so that a query over nothing has its columns."""
    import pyarrow as pa

    kinds = {"utf8": pa.string(), "timestamp": pa.timestamp("us", "UTC")}
    types = {"int16": pa.int16(), "int32": pa.int32(), "int64": pa.int64(), **kinds}
    return pa.table({column.name: pa.array([], types[column.kind]) for column in META})
