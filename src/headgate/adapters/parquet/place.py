"""A folder of the log, on this machine or behind a URL: whole files appear at once, or not at all."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from headgate.base.errors import BadInput, Unavailable
from headgate.base.files import write_atomically


class Place:
    """A folder.

    Args:
        to: Path or URL, such as ``s3://bucket/predictions``.

    Raises:
        BadInput: The URL is of no kind that pyarrow reads.
    """

    def __init__(self, to: str | Path) -> None:
        from pyarrow import fs

        self.name = str(to)
        self.local = "://" not in self.name
        try:
            if self.local:
                self.files: Any = fs.LocalFileSystem()
                self._root = str(Path(self.name).resolve())
            else:
                self.files, self._root = fs.FileSystem.from_uri(self.name)
        except (ValueError, OSError) as error:  # pyarrow's ArrowInvalid is a ValueError
            raise BadInput(f"cannot be used: {error}", where=self.name, way_out="write s3://BUCKET/FOLDER") from error

    def path(self, name: str) -> str:
        """Return a file's path as `files` takes it."""
        return f"{self._root}/{name}"

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes; None when there is no such file."""
        try:
            with self.files.open_input_stream(self.path(name)) as stream:
                data: bytes = stream.read()
                return data
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._away(error) from error

    def write(self, name: str, data: bytes) -> None:
        """Write a file; a reader sees the old bytes or the new ones."""
        if self.local:
            write_atomically(Path(self.path(name)), data)
            return
        try:
            with self.files.open_output_stream(self.path(name)) as stream:
                stream.write(data)
        except OSError as error:
            raise self._away(error) from error

    def take(self, source: Path, name: str) -> None:
        """Move a finished file of this machine here."""
        try:
            if self.local:
                target = Path(self.path(name))
                target.parent.mkdir(parents=True, exist_ok=True)
                source.replace(target)
                _sync_folder(target.parent)
                return
            from pyarrow import fs

            fs.copy_files(str(source), self.path(name), fs.LocalFileSystem(), self.files)
            source.unlink()
        except OSError as error:
            raise self._away(error) from error

    def delete(self, names: Sequence[str]) -> None:
        """Delete files; one that is gone already is no error."""
        for name in names:
            try:
                self.files.delete_file(self.path(name))
            except FileNotFoundError:
                continue
            except OSError as error:
                raise self._away(error) from error

    def list(self, folder: str, *, deep: bool = True) -> list[str]:
        """Return the names of the files in a folder, none when it is not there; deep: and below it."""
        from pyarrow import fs

        try:
            where = fs.FileSelector(self.path(folder), allow_not_found=True, recursive=deep)
            found = self.files.get_file_info(where)
        except OSError as error:
            raise self._away(error) from error
        start = len(self._root) + 1
        return sorted(info.path[start:] for info in found if info.type == fs.FileType.File)

    def _away(self, error: OSError) -> Unavailable:
        return Unavailable(
            f"the prediction log's place does not answer: {error}",
            where=self.name,
            way_out="check serving.log.to, its credentials and the network, then run `headgate compact` again",
        )


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
