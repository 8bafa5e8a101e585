"""Keeps the signed head in a file that only moves forward, and the key that signs it.

It never signs a head behind the one that is there. Reading makes nothing: `begin` starts an empty journal, and `renew`
replaces what was lost, knowingly.
"""

import fcntl
import os
from collections.abc import Iterator
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
        key: The private key file, made with mode 0600.
    """

    def __init__(self, path: Path, key: Path) -> None:
        self.path = path
        self._key_path = key

    def begun(self) -> bool:
        """Tell whether there is a head; not whether it holds."""
        return self.path.exists()

    def read(self) -> Head:
        """Return the head, its signature checked.

        Raises:
            Tampered: The head or its key is gone, was changed, or belongs to another key.
        """
        if not self.path.exists() and not self._key_path.exists():
            raise Tampered("there is no signed head, and no key of one", where=str(self.path), way_out=RESTORE)
        public = self.public()
        try:
            data = self.path.read_bytes()
        except FileNotFoundError as error:
            raise Tampered("the signed head is gone", where=str(self.path), way_out=RESTORE) from error
        except OSError as error:
            raise _unreadable(self.path, error) from error
        return read_head(data, public, str(self.path))

    def public(self) -> str:
        """Return the public half of the key as hex."""
        return public_text(self._read_key())

    def begin(self) -> None:
        """Make the key and the head of an empty journal, unless they are there; the key first, so a crash is made good.

        The caller makes sure that nothing was recorded yet.
        """
        with locked(self._lock_path):
            if self.path.exists():
                return
            if not self._key_path.exists():
                self._make_key()
            write_atomically(self.path, sign_head(EMPTY, self._read_key()))

    def advance(self, head: Head) -> None:
        """Sign a later head; one that is already reached changes nothing."""
        with locked(self._lock_path):
            if self.read().position < head.position:
                write_atomically(self.path, sign_head(head, self._read_key()))

    def renew(self, head: Head, aside: str) -> None:
        """Move head and key aside, as proof of what was, under names that end in `aside`; start anew at this head."""
        with locked(self._lock_path):
            for path in (self.path, self._key_path):
                if path.exists():
                    path.replace(path.with_name(f"{path.name}.{aside}"))
            self._make_key()
            write_atomically(self.path, sign_head(head, self._read_key()))

    @property
    def _lock_path(self) -> Path:
        return self._key_path.with_name(self._key_path.name + ".lock")

    def _make_key(self) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        fresh = Ed25519PrivateKey.generate().private_bytes_raw()
        write_atomically(self._key_path, fresh.hex().encode() + b"\n")

    def _read_key(self) -> "Ed25519PrivateKey":
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        try:
            return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(self._key_path.read_text().strip()))
        except FileNotFoundError as error:
            raise Tampered("the key of the signed head is gone", where=str(self._key_path), way_out=RESTORE) from error
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
