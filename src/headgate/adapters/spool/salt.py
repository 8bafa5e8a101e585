"""The project's salt of redaction: made once, kept in a file that only its owner reads."""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from headgate.base.errors import Tampered

BYTES = 32


def salt_of(path: Path) -> bytes:
    """Return the salt; make it when there is none, whoever comes first.

    Raises:
        Tampered: The file does not hold a salt: what was hashed with it could not be matched any more.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=path.parent)  # readable by its owner only
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_bytes(BYTES).hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another worker was first: its salt is the salt
            os.link(beside, path)
        Path(beside).unlink()
    try:
        salt = bytes.fromhex(path.read_text())
    except ValueError:
        salt = b""
    if len(salt) != BYTES:
        raise Tampered("the salt of the prediction log cannot be read", where=str(path), way_out="restore a backup")
    return salt
