"""Keeps the signed head in a file that only moves forward, and the key that signs it.

It never signs a head behind the one that is there, and never makes a new key while a head of another one stands.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from headgate.base.errors import Tampered, Unavailable
from headgate.base.files import write_atomically
from headgate.journal.head import EMPTY, RESTORE, Head, public_text, read_head, sign_head

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class HeadKeeper:
    """The head file and its key, safe for any number of processes.

    Args:
        path: The head file; best on storage that the database's administrator cannot write.
        key: The private key file, created with mode 0600 beside an empty head at first use.
    """

    def __init__(self, path: Path, key: Path) -> None:
        self.path = path
        self._key_path = key
        self._loaded: Ed25519PrivateKey | None = None

    def read(self, start: Callable[[], Head] = lambda: EMPTY) -> Head:
        """Return the head, its signature checked; the first call ever makes the key and signs `start()`.

        Raises:
            Tampered: The head or its key is gone, was changed, or belongs to another key.
        """
        key = self._loaded or self._load(start)
        try:
            data = self.path.read_bytes()
        except FileNotFoundError as error:
            raise Tampered("the signed head is gone", where=str(self.path), way_out=RESTORE) from error
        except OSError as error:
            raise _unreadable(self.path, error) from error
        return read_head(data, public_text(key), str(self.path))

    def advance(self, head: Head) -> None:
        """Sign a later head; one that is already reached changes nothing."""
        with locked(self._lock_path):
            if self.read().position < head.position:
                write_atomically(self.path, sign_head(head, self._load(lambda: EMPTY)))

    @property
    def _lock_path(self) -> Path:
        return self._key_path.with_name(self._key_path.name + ".lock")

    def _load(self, start: Callable[[], Head]) -> "Ed25519PrivateKey":
        if self._loaded is None:
            if not self._key_path.exists():
                self._create(start())
            self._loaded = self._read_key()
        return self._loaded

    def _create(self, head: Head) -> None:
        """Make the key and the first head, unless another process did meanwhile; the key comes last and settles it."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        with locked(self._lock_path):
            if self._key_path.exists():
                return
            beside = self.path.with_name(self.path.name + ".first")
            if self.path.exists() and not beside.exists():
                raise Tampered("the key of the signed head is gone", where=str(self._key_path), way_out=RESTORE)
            key = Ed25519PrivateKey.generate()
            write_atomically(beside, b"the first head is being made\n")
            write_atomically(self.path, sign_head(head, key))
            write_atomically(self._key_path, key.private_bytes_raw().hex().encode() + b"\n")
            beside.unlink()

    def _read_key(self) -> "Ed25519PrivateKey":
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        try:
            return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(self._key_path.read_text().strip()))
        except (ValueError, UnicodeDecodeError) as error:
            raise Tampered("the key of the head cannot be read", where=str(self._key_path), way_out=RESTORE) from error
        except OSError as error:
            raise _unreadable(self._key_path, error) from error


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock between processes and threads; the kernel frees it when the holder dies."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _unreadable(path: Path, error: OSError) -> Unavailable:
    return Unavailable(
        f"cannot open: {error.strerror}", where=str(path), way_out="fix the permissions or the disk, then retry"
    )
