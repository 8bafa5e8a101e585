"""People's private keys."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headgate.adapters.keys.ed25519 import KeySigner


def key_path(name: str) -> Path:
    """Return where a person's private key lies unless they say otherwise."""
    from headgate.adapters.keys.ed25519 import default_path

    return default_path(name)


def load_key(path: Path) -> "KeySigner":
    """Read a private key."""
    from headgate.adapters.keys.ed25519 import load_key as load

    return load(path)


def create_key(path: Path) -> "KeySigner":
    """Make a private key."""
    from headgate.adapters.keys.ed25519 import create_key as create

    return create(path)
