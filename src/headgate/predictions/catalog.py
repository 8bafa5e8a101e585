"""Which files hold a model's predictions, so that every row is read once while files come and go. Pure.

One catalog a model and machine is replaced as a whole, so that a reader or a crash sees the state before a step or the
one after it. What a step made before the catalog names it, and what it has yet to take away, is nobody's: not read.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from headgate.base.digest import Json

GRACE_US = 10 * 60 * 1_000_000  # a reader that began before a file was replaced has this long
SMALL = 32 * 1024 * 1024
MANY = 8


@dataclass(frozen=True, slots=True)
class Kept:
    """A Parquet file.

    Attributes:
        path: Below the folder of the log.
        day: Of its rows, ``2026-03-01`` in UTC.
        key: Of its columns: files of one key can be merged.
        rows: How many.
        bytes: Its size.
        last: Time of its latest row, microseconds.
    """

    path: str
    day: str
    key: str
    rows: int
    bytes: int
    last: int


@dataclass(frozen=True, slots=True)
class Catalog:
    """What is where.

    Attributes:
        generation: Rises with every step.
        files: That hold predictions.
        covered: Names of spool files whose rows are in these files, and that may still be there.
        garbage: Path to since when nobody needs it, microseconds; deleted after a while.
    """

    generation: int = 0
    files: tuple[Kept, ...] = ()
    covered: tuple[str, ...] = ()
    garbage: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> Json:
        """Return the document that is stored."""
        return {
            "generation": self.generation,
            "files": [asdict(one) for one in self.files],
            "covered": list(self.covered),
            "garbage": dict(self.garbage),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Catalog":
        """Read what to_json wrote."""
        files = tuple(Kept(**one) for one in body["files"])
        return cls(body["generation"], files, tuple(body["covered"]), body["garbage"])

    def add(self, made: Sequence[Kept], sources: Iterable[str]) -> "Catalog":
        """Return the catalog after spool files became Parquet files."""
        return replace(
            self, generation=self.generation + 1, files=(*self.files, *made), covered=(*self.covered, *sources)
        )

    def uncover(self) -> "Catalog":
        """Return the catalog once the covered spool files are gone."""
        return replace(self, generation=self.generation + 1, covered=())

    def swap(self, old: Sequence[Kept], made: Sequence[Kept], now: int) -> "Catalog":
        """Return the catalog after files were replaced by others; the old ones are deleted after a while."""
        gone = {one.path for one in old}
        files = (*(one for one in self.files if one.path not in gone), *made)
        garbage = {**self.garbage, **dict.fromkeys(gone, now)}
        return replace(self, generation=self.generation + 1, files=files, garbage=garbage)

    def sweep(self, deleted: Iterable[str]) -> "Catalog":
        """Return the catalog after garbage was deleted."""
        gone = set(deleted)
        left = {path: since for path, since in self.garbage.items() if path not in gone}
        return replace(self, generation=self.generation + 1, garbage=left)

    def due(self, now: int) -> tuple[str, ...]:
        """Return the garbage that nobody can be reading any more."""
        return tuple(path for path, since in self.garbage.items() if now - since > GRACE_US)

    def expired(self, now: int, keep_us: int) -> tuple[Kept, ...]:
        """Return the files all of whose rows are older than they are kept."""
        return tuple(one for one in self.files if now - one.last > keep_us)

    def crumbs(self) -> tuple[tuple[Kept, ...], ...]:
        """Return small files, in groups that belong together: a day and its columns, when there are many."""
        groups: dict[tuple[str, str], list[Kept]] = {}
        for one in self.files:
            if one.bytes < SMALL:
                groups.setdefault((one.day, one.key), []).append(one)
        return tuple(tuple(group) for group in groups.values() if len(group) >= MANY)
