"""Whole files or none: atomic writes, folders that appear at once, and a content-addressed store."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from headgate.base.digest import digest_file
from headgate.base.errors import Tampered, Unavailable


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a reader, or a crash, sees the old bytes or the new ones, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise Unavailable(
            f"cannot write: {error.strerror}", where=str(path), way_out="free disk space or fix permissions, then retry"
        ) from error
    _sync_folder(path.parent)


def make_folder(path: Path, fill: Callable[[Path], None]) -> None:
    """Fill a folder beside its place, sync it, then move it there; a folder that is already there stays."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        fill(beside)
        for file in beside.rglob("*"):
            if file.is_file():
                _sync_file(file)
        beside.rename(path)
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        if path.exists():  # another process made the same folder first: same content, same name
            return
        raise Unavailable(
            f"cannot write: {error.strerror}", where=str(path), way_out="free disk space or fix permissions, then retry"
        ) from error
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    _sync_folder(path.parent)


class ContentStore:
    """Files kept under the digest of their bytes: ``<root>/ab/cdef...``."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, source: Path) -> str:
        """Keep a copy of the file; return its digest (``sha256:<hex>``)."""
        key = digest_file(source)
        target = self._place(key)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=target.parent)
            os.close(handle)
            try:
                shutil.copyfile(source, name)
                _sync_file(Path(name))
                Path(name).replace(target)
            except OSError as error:
                Path(name).unlink(missing_ok=True)
                raise Unavailable(
                    f"cannot keep a copy: {error.strerror}", where=str(source), way_out="free disk space, then retry"
                ) from error
        return key

    def get(self, key: str) -> Path:
        """Return the path of a kept file, its bytes checked against the digest."""
        path = self._place(key)
        if not path.exists():
            raise Tampered("the kept copy is gone", where=f"{path} ({key})", way_out="restore it from a backup")
        if digest_file(path) != key:
            raise Tampered("the kept copy was changed", where=f"{path} ({key})", way_out="restore it from a backup")
        return path

    def _place(self, key: str) -> Path:
        hexadecimal = key.removeprefix("sha256:")
        return self._root / hexadecimal[:2] / hexadecimal[2:]


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
