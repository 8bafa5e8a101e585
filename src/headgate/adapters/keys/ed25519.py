"""Private keys as PEM files (PKCS #8) that only their owner can read; they never enter the journal or the project."""

import base64
import os
import stat
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from headgate.base.errors import BadInput, Refused, Unavailable

FOLDER = "HEADGATE_KEYS"


class KeySigner:
    """Signs with a private key that it holds (RFC 8032)."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @property
    def public_key(self) -> str:
        """The public key: base64 of its 32 bytes."""
        return base64.b64encode(self._key.public_key().public_bytes_raw()).decode()

    def sign(self, payload: bytes) -> str:
        """Return the base64 signature of the bytes."""
        return base64.b64encode(self._key.sign(payload)).decode()


def default_path(name: str) -> Path:
    """Return where a person's key lies unless they say otherwise: ``$HEADGATE_KEYS`` or ``~/.config/headgate/keys``."""
    folder = os.environ.get(FOLDER)
    return (Path(folder) if folder else Path.home() / ".config" / "headgate" / "keys") / f"{name}.pem"


def create_key(path: Path) -> KeySigner:
    """Make a key and write it to a file that is not there yet, readable by its owner only."""
    key = Ed25519PrivateKey.generate()
    data = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise Refused(
            "there is a key already and it is not overwritten",
            where=str(path),
            way_out="move it away, or name another file with --key",
        ) from error
    except OSError as error:
        raise Unavailable(
            f"the key cannot be written: {error.strerror}", where=str(path), way_out="name another file with --key"
        ) from error
    return KeySigner(key)


def load_key(path: Path) -> KeySigner:
    """Read a private key.

    Raises:
        BadInput: There is no such file, or it holds no Ed25519 private key without a password.
        Refused: Others may read the file.
    """
    try:
        mode, data = stat.S_IMODE(path.stat().st_mode), path.read_bytes()
    except OSError as error:
        raise BadInput(
            f"the key cannot be read: {error.strerror}",
            where=str(path),
            way_out="name the file with --key; `headgate person add NAME` makes one",
        ) from error
    if mode & 0o077:
        raise Refused(
            f"others may read this private key (mode {mode:04o})", where=str(path), way_out=f"chmod 600 {path}"
        )
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadInput(
            f"not a private key: {error}", where=str(path), way_out="name another file with --key"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BadInput("not an Ed25519 key", where=str(path), way_out="`headgate person add NAME` makes one")
    return KeySigner(key)
