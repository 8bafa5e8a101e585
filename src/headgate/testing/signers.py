"""Keys for tests that need no file."""

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class SeededSigner:
    """An Ed25519 key that is the same for the same name: signatures in tests are reproducible."""

    def __init__(self, name: str) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b".")[:32])

    @property
    def public_key(self) -> str:
        """The public key: base64 of its 32 bytes."""
        return base64.b64encode(self._key.public_key().public_bytes_raw()).decode()

    def sign(self, payload: bytes) -> str:
        """Return the base64 signature of the bytes."""
        return base64.b64encode(self._key.sign(payload)).decode()
