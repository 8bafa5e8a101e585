"""API keys: what one looks like, what is kept of it, and whether a request's key allows what it asks.

A key is `hg_<id>_<secret>`. The id finds the record; of the secret only a salted SHA-256 is kept. That is enough here,
and a slow password hash would buy nothing: the secret is 256 random bits, which nobody can try out, not a word that
somebody thought of. Nothing here reads a clock or draws a number.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from headgate.base.digest import Json
from headgate.gateway.refusal import Refusal

COLLECTION = "key"
CREATED, REVOKED = "key.created", "key.revoked"
STREAM = "project"
MARK = "hg"
ID_BYTES, SECRET_BYTES, SALT_BYTES = 6, 32, 16
OUTCOMES, ADMIN = "outcomes", "admin"
ANY = ""
CACHED = 4096


@dataclass(frozen=True, slots=True)
class Key:
    """What is kept of an API key.

    Attributes:
        id: Finds it; no secret.
        name: Who uses it; two keys of one name may hold at once, so that one can take over from the other.
        salt: Hex.
        hash: SHA-256 of salt and secret, hex.
        scopes: ``predict:MODEL``, ``predict:*``, ``outcomes``, those of the control API (guard.roles), ``admin``.
        created: When.
        expires: From when it is no longer taken; None: never.
    """

    id: str
    name: str
    salt: str
    hash: str
    scopes: tuple[str, ...]
    created: datetime
    expires: datetime | None = None

    def allows(self, scope: str) -> bool:
        """Say whether the key carries a scope; admin carries all, and any key carries ANY."""
        kind, _, _ = scope.partition(":")
        return scope == ANY or ADMIN in self.scopes or scope in self.scopes or f"{kind}:*" in self.scopes

    def to_json(self) -> dict[str, Json]:
        """Return what is kept."""
        expires = self.expires.isoformat() if self.expires else None
        return {**asdict(self), "scopes": list(self.scopes), "created": self.created.isoformat(), "expires": expires}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Key":
        """Read what to_json wrote; raises KeyError, TypeError or ValueError for anything else."""
        created, expires = datetime.fromisoformat(body["created"]), body["expires"]
        made = cls(**{**body, "scopes": tuple(body["scopes"]), "created": created, "expires": None})
        if not expires:
            return made
        return cls(**{**body, "scopes": made.scopes, "created": created, "expires": datetime.fromisoformat(expires)})


def spell(identity: bytes, secret: bytes) -> tuple[str, str]:
    """Return a key's id, and the whole key as it is shown once."""
    name = identity.hex()
    return name, f"{MARK}_{name}_{secret.hex()}"


def fingerprint(salt: str, key: str) -> str:
    """Return the hash of a whole key."""
    return hashlib.sha256(bytes.fromhex(salt) + key.encode()).hexdigest()


def credential(headers: Mapping[bytes, bytes]) -> bytes:
    """Return the key that a request shows: `Authorization: Bearer` or `headgate-key`; empty when it shows none."""
    own = headers.get(b"headgate-key")
    if own is not None:
        return own.strip()
    kind, _, value = headers.get(b"authorization", b"").partition(b" ")
    return value.strip() if kind.lower() == b"bearer" else b""


_NOBODY = Key("", "", "00", fingerprint("00", ""), (), datetime.min.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class KeyTable:
    """The keys of a moment; replaced whole.

    Attributes:
        keys: By id.
        needed: Whether a request without a key is refused.
    """

    keys: Mapping[str, Key] = field(default_factory=dict)
    needed: bool = False
    _known: dict[bytes, Key] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, keys: Iterable[Key], *, needed: bool) -> "KeyTable":
        """Return the table of these keys."""
        return cls({key.id: key for key in keys}, needed)

    def admit(self, shown: bytes, scope: str, now: datetime) -> Key | None:
        """Return the key of a request; None when it shows none and needs none.

        Raises:
            Refusal: 401 without a key that is taken, 403 when the key does not carry the scope.
        """
        if not shown:
            if self.needed:
                raise Refusal(401, "key_missing", "show an API key: the header Authorization: Bearer KEY")
            return None
        key = self._known.get(shown) or self._find(shown)
        if key.expires is not None and now >= key.expires:
            raise Refusal(401, "key_expired", f"the API key {key.id} has expired")
        if not key.allows(scope):
            raise Refusal(403, "key_scope", f"the API key {key.id} does not carry the scope {scope}")
        return key

    def _find(self, shown: bytes) -> Key:
        text = shown.decode("latin-1")
        parts = text.split("_")
        found = self.keys.get(parts[1]) if len(parts) == 3 and parts[0] == MARK else None  # noqa: PLR2004 - as spelt
        key = found or _NOBODY  # an unknown id costs the same comparison as a wrong secret
        same = hmac.compare_digest(fingerprint(key.salt, text), key.hash)
        if found is None or not same:
            raise Refusal(401, "key_unknown", "this API key is not known, or was revoked")
        if len(self._known) >= CACHED:
            self._known.clear()
        self._known[shown] = key
        return key

    def next_expiry(self, now: datetime) -> datetime | None:
        """Return when the next key expires."""
        return min((key.expires for key in self.keys.values() if key.expires and key.expires > now), default=None)
