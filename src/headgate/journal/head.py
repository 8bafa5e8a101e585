"""The signed head: position and hash of the last event, kept apart from the events, so that a cut end is found.

Signed with Ed25519 (RFC 8032) over the canonical JSON of position, hash and public key. Nothing here reads a file.
"""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headgate.base.digest import Json, canonical, digest
from headgate.base.errors import Tampered
from headgate.journal.event import GENESIS

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PURPOSE = b"headgate journal head 1\n"
RENEWED = "head.renewed"
BACK = "`headgate restore FILE` brings the state folder back from a backup; an event itself cannot be mended"
RESTORE = (
    "`headgate restore FILE` brings the state folder back from a backup; or, if you know why and accept what may be "
    'lost, `headgate audit --new-head --because "..."`: it is journalled, and every audit shows it'
)


@dataclass(frozen=True, slots=True)
class Head:
    """Where the journal ended when this was signed; position 0 with GENESIS: it was empty."""

    position: int
    hash: str


EMPTY = Head(0, GENESIS)


def public_text(key: "Ed25519PrivateKey") -> str:
    """Return the public half as hex."""
    return key.public_key().public_bytes_raw().hex()


def fingerprint(public: str) -> str:
    """Return ``sha256:<hex>`` of a public key given as hex: how a journal names the keys of its heads."""
    return digest(bytes.fromhex(public))


def sign_head(head: Head, key: "Ed25519PrivateKey") -> bytes:
    """Return the head file's bytes."""
    public = public_text(key)
    signature = key.sign(_signed(head, public)).hex()
    body: Json = {"position": head.position, "hash": head.hash, "key": public, "signature": signature}
    return canonical(body) + b"\n"


def read_head(data: bytes, public: str, where: str) -> Head:
    """Return the head whose signature holds under the public key.

    Raises:
        Tampered: The bytes are not a head, were signed with another key, or were changed after signing.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        body = json.loads(data)
        head, key = Head(int(body["position"]), str(body["hash"])), str(body["key"])
        signature = bytes.fromhex(body["signature"])
    except (ValueError, KeyError, TypeError) as error:
        raise Tampered("the signed head cannot be read", where=where, way_out=RESTORE) from error
    if key != public:
        raise Tampered("the head was signed with another key", where=where, way_out=RESTORE)
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(signature, _signed(head, public))
    except InvalidSignature as error:
        raise Tampered("the head was changed after it was signed", where=where, way_out=RESTORE) from error
    return head


def _signed(head: Head, public: str) -> bytes:
    return PURPOSE + canonical({"position": head.position, "hash": head.hash, "key": public})
