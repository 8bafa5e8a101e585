"""Say exactly which data a run saw: reference, content digest, rows and schema, with a copy kept by content.

A snapshot is taken of the kept copy, not of the file that somebody may be writing: digest, rows, schema and what is
trained on are of the same bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from headgate.base.digest import Json, digest_file
from headgate.base.errors import BadInput, Conflict, Refused, Tampered
from headgate.base.files import ContentStore
from headgate.policy.model import ModelPolicy
from headgate.training.table import describe

Schema: TypeAlias = tuple[tuple[str, str], ...]
ROWS = "rows"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The data behind a reference, at one moment.

    Attributes:
        reference: The file as the policy names it.
        digest: Of its bytes; the copy is kept under it.
        rows: How many rows it has.
        schema: Name and type of every column; a CSV's are text.
        kept: Whether a copy lies in the content store.
    """

    reference: str
    digest: str
    rows: int
    schema: Schema
    kept: bool

    def to_json(self) -> Json:
        """Return what a run records."""
        return {
            "reference": self.reference,
            "digest": self.digest,
            "rows": self.rows,
            "schema": [list(column) for column in self.schema],
            "kept": self.kept,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Snapshot":
        """Read what to_json wrote."""
        schema = tuple((str(name), str(kind)) for name, kind in body["schema"])
        return cls(body["reference"], body["digest"], int(body["rows"]), schema, bool(body["kept"]))


def sources(policy: ModelPolicy) -> dict[str, str]:
    """Return every file that a model reads rows from: `rows` and `stored.<name>` -> reference."""
    stored = {f"stored.{name}": table.source for name, table in policy.features.stored.items()}
    return {ROWS: policy.data.source, **stored}


def take(path: Path, reference: str, store: ContentStore | None) -> Snapshot:
    """Take a snapshot of a file; with a store, keep a copy.

    Raises:
        BadInput: The file is missing or cannot be read.
        Conflict: The file was written to while it was being copied.
        Unavailable: The copy cannot be written (a full disk).
    """
    if store is None or not path.is_file():  # describing what is no file says why
        rows, schema = describe(path, reference)
        return Snapshot(reference, digest_file(path), rows, schema, kept=False)
    try:
        digest = store.put(path)
        copy = store.get(digest)
    except Tampered as error:
        raise Conflict(
            "changed while it was being copied, or its kept copy is damaged",
            where=reference,
            way_out=f"wait until nobody writes to it, then run again; if it stays so: {error.where}",
        ) from error
    except PermissionError as error:
        raise BadInput("cannot be read: permission denied", where=reference, way_out="check its permissions") from error
    rows, schema = describe(copy, reference)
    return Snapshot(reference, digest, rows, schema, kept=True)


def check_same(snapshot: Snapshot, path: Path) -> None:
    """Refuse when the data behind the reference is not what it was.

    Raises:
        Refused: Saying what differs: columns, types, rows, or the bytes alone.
        BadInput: The file is gone or cannot be read.
    """
    if not path.is_file():
        raise BadInput(
            f"the data is gone: there is no file {path}",
            where=snapshot.reference,
            way_out=f"bring back the file with digest {snapshot.digest}",
        )
    now = take(path, snapshot.reference, None)
    if now.digest == snapshot.digest:
        return
    kept = f"the copy {snapshot.digest} in the content store still holds what it was" if snapshot.kept else ""
    raise Refused(
        f"the data changed since the snapshot: {'; '.join(_differences(snapshot, now))}",
        where=snapshot.reference,
        way_out=kept or "bring the former file back, or train a new version on the new data",
    )


def _differences(was: Snapshot, now: Snapshot) -> list[str]:
    before, after = dict(was.schema), dict(now.schema)
    gone = [name for name in before if name not in after]
    new = [name for name in after if name not in before]
    other = [
        f"{name} was {before[name]} and is {after[name]}"
        for name in before
        if after.get(name, before[name]) != before[name]
    ]
    told = [
        f"columns gone: {', '.join(gone)}" if gone else "",
        f"columns new: {', '.join(new)}" if new else "",
        *other,
        f"{was.rows} rows then, {now.rows} now" if was.rows != now.rows else "",
    ]
    same = "" if any(told) else "rows and columns are as many, values differ"
    return [part for part in (*told, same, f"digest {was.digest} then, {now.digest} now") if part]
