"""Turn finished spool files into Parquet: no row lost and none twice, wherever the process is killed.

The order that makes it so: the Parquet files are durable, then the catalog names them and the spool files that they
cover (one atomic write), then the spool files go. Until the catalog names a file nobody reads it; from then on nobody
reads what it covers. What a killed run left behind is found by the next one.
"""

import fcntl
import json
import logging
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from headgate.adapters.parquet.place import Place
from headgate.adapters.parquet.spool import DAMAGED, batches, files, is_finished, key_of, schema_of, tidy
from headgate.adapters.parquet.write import Days
from headgate.base.errors import Conflict
from headgate.base.files import write_atomically
from headgate.predictions.catalog import Catalog, Kept

LOG = logging.getLogger("headgate.predictions")
AT_ONCE = 512 * 1024 * 1024  # bytes of spool that one step takes
MARK, NODE = ".compacting", ".node"


@dataclass(slots=True)
class Compacted:
    """What was done.

    Attributes:
        rows: That went from the spool to Parquet.
        files: That were written.
        merged: Small files that became one.
        deleted: Files deleted: too old, or replaced a while ago.
    """

    rows: int = 0
    files: int = 0
    merged: int = 0
    deleted: int = 0


class Compactor:
    """Compacts one model's log on this machine.

    Args:
        spool: The spool folder of all models.
        place: Where Parquet goes.
        model: The model's name.
        now: Microseconds since 1970.
        keep: Microseconds for which predictions are kept.
    """

    def __init__(self, spool: Path, place: Place, model: str, now: int, keep: int) -> None:
        self._folder = spool / model
        self._place = place
        self._model = model
        self._now = now
        self._began = time.monotonic()
        self._keep = keep
        self._node = node_of(spool)
        self._catalog = read_catalog(place, model, self._node)
        self.done = Compacted()

    def run(self) -> Compacted:
        """Do everything that is due."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if (self._folder / MARK).exists():
            self._sweep_crumbs()
        (self._folder / MARK).touch()
        self._uncover()
        for sources in self._finished():
            self._compact(sources)
        for group in self._catalog.crumbs():
            self._merge(group)
        self._retire()
        (self._folder / MARK).unlink()
        return self.done

    def _finished(self) -> Iterator[list[Path]]:
        """Yield finished spool files, as many at a time as one step takes."""
        tidy(self._folder)
        sources: list[Path] = []
        size = 0
        for path in files(self._folder):
            if not is_finished(path):
                continue
            if schema_of(path) is None:
                LOG.error("%s cannot be read; it is left aside as *%s", path, DAMAGED)
                path.rename(path.with_name(path.name + DAMAGED))
                continue
            sources.append(path)
            size += path.stat().st_size
            if size >= AT_ONCE:
                yield sources
                sources, size = [], 0
        if sources:
            yield sources

    def _compact(self, sources: Sequence[Path]) -> None:
        with Days(self._place, self._model, self._stem()) as days:
            for path in sources:
                days.add(key_of(path), batches(path, _keep_damaged))
            made = days.finish()
        self._commit(self._catalog.add(made, [path.name for path in sources]))
        self._uncover()
        self.done.rows += sum(one.rows for one in made)
        self.done.files += len(made)

    def _merge(self, group: Sequence[Kept]) -> None:
        from pyarrow import parquet

        with Days(self._place, self._model, self._stem()) as days:
            for one in group:
                with parquet.ParquetFile(self._place.path(one.path), filesystem=self._place.files) as source:
                    days.add(one.key, source.iter_batches())
            made = days.finish()
        self._commit(self._catalog.swap(group, made, self._present()))
        self.done.merged += len(group)

    def _retire(self) -> None:
        """Let go of files that are too old, and delete what nobody can be reading any more."""
        if expired := self._catalog.expired(self._now, self._keep):
            self._commit(self._catalog.swap(expired, (), self._present()))
        if due := self._catalog.due(self._now):
            self._place.delete(due)
            self._commit(self._catalog.sweep(due))
            self.done.deleted += len(due)

    def _uncover(self) -> None:
        """Delete the spool files that Parquet files cover."""
        if not self._catalog.covered:
            return
        for name in self._catalog.covered:
            (self._folder / name).unlink(missing_ok=True)
        self._commit(self._catalog.uncover())

    def _sweep_crumbs(self) -> None:
        """Delete files that a killed run wrote and no catalog names."""
        known = {one.path for one in self._catalog.files} | set(self._catalog.garbage)
        found = self._place.list(self._model)
        mine = [name for name in found if f"/{self._node}-" in name or f"/.{self._node}-" in name]
        self._place.delete([name for name in mine if name not in known])

    def _present(self) -> int:
        """Return when it is by now: who reads what is replaced has its time from then on, however long this took."""
        return self._now + int((time.monotonic() - self._began) * 1e6)

    def _stem(self) -> str:
        return f"{self._node}-{self._catalog.generation + 1:08d}"

    def _commit(self, catalog: Catalog) -> None:
        self._place.write(_catalog_name(self._model, self._node), json.dumps(catalog.to_json()).encode())
        self._catalog = catalog


def _keep_damaged(path: Path) -> None:
    """Keep a file that goes on after its last readable batch, under a name that nothing deletes."""
    LOG.error("%s is damaged in the middle; what can be read is kept, and the file is left aside as *%s", path, DAMAGED)
    with suppress(FileExistsError):  # the compaction was killed, and begins again
        os.link(path, path.with_name(path.name + DAMAGED))


@contextmanager
def alone(spool: Path) -> Iterator[None]:
    """Hold the lock of compaction on this machine.

    Raises:
        Conflict: Another compaction runs.
    """
    spool.mkdir(parents=True, exist_ok=True)
    handle = os.open(spool / ".compact.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict("another compaction runs", where=str(spool), way_out="let it finish") from error
        yield
    finally:
        os.close(handle)


def node_of(spool: Path) -> str:
    """Return the name of this machine's spool, made once: several may write to one place."""
    if not known_node(spool):
        write_atomically(spool / NODE, secrets.token_hex(4).encode())
    return known_node(spool)


def known_node(spool: Path) -> str:
    """Return the name of this machine's spool; empty before the first compaction. Writes nothing."""
    path = spool / NODE
    return path.read_text() if path.exists() else ""


def read_catalog(place: Place, model: str, node: str) -> Catalog:
    """Return a machine's catalog of a model."""
    data = place.read(_catalog_name(model, node))
    return Catalog() if data is None else Catalog.from_json(json.loads(data))


def read_catalogs(place: Place, model: str) -> dict[str, Catalog]:
    """Return every machine's catalog of a model, by machine."""
    start = f"{model}/_catalog-"
    names = [name for name in place.list(model, deep=False) if name.startswith(start)]
    found = {name.removeprefix(start).removesuffix(".json"): place.read(name) for name in names}
    return {node: Catalog.from_json(json.loads(data)) for node, data in found.items() if data is not None}


def _catalog_name(model: str, node: str) -> str:
    return f"{model}/_catalog-{node}.json"
