"""Writes the state folder into one tar file that can be restored whole, while other processes go on working.

Files at the top of the folder come first (the signed head is one: it must not be ahead of the journal in the same
backup), then SQLite databases through SQLite's own backup, then the rest: what the journal speaks of was written
before it was journalled, so it is there. The last member, ``backup.json``, lists every file with its digest.
"""

import hashlib
import io
import os
import re
import sqlite3
import tarfile
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from headgate.base.digest import Json, canonical
from headgate.base.errors import BadInput, Refused, Unavailable

MANIFEST, STATE = "backup.json", "state"
MAGIC = b"SQLite format 3\x00"
BESIDE = re.compile(r"(.+)-(wal|shm|journal)")
HALF_WRITTEN = re.compile(r"\..+\.[a-z0-9_]{8}")  # what base.files fills before it takes its name


@dataclass(frozen=True, slots=True)
class Saved:
    """What a backup holds: how many files, how many bytes in them, and what was left out with a why."""

    files: int
    size: int
    left_out: tuple[str, ...]


def save(state: Path, target: Path, now: datetime, outside: Mapping[str, Path], *, force: bool = False) -> Saved:
    """Write a backup.

    Args:
        state: The state folder.
        target: The tar file, compressed when its name ends in .gz or .tgz; readable by its owner only.
        now: Recorded in the backup.
        outside: Files of the state that lie elsewhere, by the name they get in the backup.
        force: Overwrite the target.
    """
    if not state.is_dir():
        raise BadInput("there is no state to back up", where=str(state), way_out="run a command that makes some first")
    if target.exists() and not force:
        raise Refused("this file exists", where=str(target), way_out="choose another name, or --force")
    target = target.resolve()
    try:
        return _write(state.resolve(), target, now, outside)
    except OSError as error:
        way_out = "free disk space or fix permissions, then retry"
        raise Unavailable(
            f"the backup failed: {error.strerror or error}", where=str(target), way_out=way_out
        ) from error
    except sqlite3.Error as error:
        way_out = "run `headgate doctor`"
        raise Unavailable(f"a database cannot be copied: {error}", where=str(state), way_out=way_out) from error


def _write(state: Path, target: Path, now: datetime, outside: Mapping[str, Path]) -> Saved:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")  # mode 0600: it holds private keys
    beside, listed, left_out = Path(name), dict[str, Json](), list[str]()
    size = 0
    try:
        with os.fdopen(handle, "wb") as file:
            with tarfile.open(fileobj=file, mode="w:gz" if target.suffix in (".gz", ".tgz") else "w") as tar:
                sources = [
                    *outside.items(),
                    *((f"{STATE}/{path.relative_to(state)}", path) for path in _ordered(state)),
                ]
                for member, path in sources:
                    if path in (target, beside):
                        continue
                    if path.is_symlink() or not path.is_file():
                        left_out.append(f"{member}: no plain file")
                        continue
                    added = _add(tar, member, path)
                    listed[member], size = {"size": added[0], "digest": added[1]}, size + added[0]
                body = canonical({"format": 1, "at": now.isoformat(), "files": listed})
                tar.addfile(_info(MANIFEST, len(body), 0o600), io.BytesIO(body))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    return Saved(len(listed), size, tuple(left_out))


def _ordered(state: Path) -> Iterator[Path]:
    """Yield what is kept: top-level files, then databases, then the rest, each by name."""
    kept = sorted(path for path in state.rglob("*") if path.is_symlink() or not path.is_dir())
    kept = [path for path in kept if not any(HALF_WRITTEN.fullmatch(part) for part in path.relative_to(state).parts)]
    databases = {path for path in kept if _is_database(path)}
    others = [path for path in kept if path not in databases and not _is_beside(path, databases)]
    yield from (path for path in others if path.parent == state)
    yield from (path for path in kept if path in databases)
    yield from (path for path in others if path.parent != state)


def _is_beside(path: Path, databases: Collection[Path]) -> bool:
    """Tell whether a file is a database's own log; its snapshot holds what is in there."""
    found = BESIDE.fullmatch(path.name)
    return found is not None and path.with_name(found[1]) in databases


def _is_database(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _add(tar: tarfile.TarFile, member: str, path: Path) -> tuple[int, str]:
    """Add one file; return its size and digest as they went into the backup."""
    with tempfile.TemporaryFile() as copy:
        if _is_database(path):
            _snapshot(path, copy)
        else:
            with path.open("rb") as file:
                while piece := file.read(1 << 20):
                    copy.write(piece)
        size = copy.tell()
        copy.seek(0)
        digest = "sha256:" + hashlib.file_digest(copy, "sha256").hexdigest()
        copy.seek(0)
        tar.addfile(_info(member, size, path.stat().st_mode & 0o755), copy)
    return size, digest


def _snapshot(path: Path, copy: IO[bytes]) -> None:
    """Copy a database as it is between two transactions, whoever writes to it meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "copy.db"
        source = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=30)
        with closing(source), closing(sqlite3.connect(whole)) as target:
            source.backup(target)
        with whole.open("rb") as file:
            while piece := file.read(1 << 20):
                copy.write(piece)


def _info(name: str, size: int, mode: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, mode
    return info
