"""Who may sign: the people the journal knows, their Ed25519 keys, and what makes a signature theirs.

The first person is free. Everybody later is vouched for by a signature of somebody who is already there; a person added
without one is known, but not *trusted*: what they sign is genuine and still counts as unauthenticated. A key counts
while it is its person's key: after `person revoke`, or a new key, whatever the old key signed no longer supports a
decision to come (what was decided before stays decided). Nothing here reads a key file or a clock.
"""

import base64
import binascii
import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol

from headgate.base.digest import Json, canonical
from headgate.base.errors import BadInput, Refused, Tampered
from headgate.journal.event import Event

STREAM = "project"
ADDED, REVOKED = "person.added", "person.revoked"
NAME = re.compile(r"[a-z][a-z0-9._-]{0,62}")


class Signer(Protocol):
    """Holds a private key and signs with it; the key itself never leaves it."""

    @property
    def public_key(self) -> str:
        """The public key: base64 of its 32 bytes."""
        ...

    def sign(self, payload: bytes) -> str:
        """Return the base64 signature of the bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a key.

    Attributes:
        key_id: Short digest of the public key.
        public_key: Base64 of the 32 bytes of an Ed25519 public key.
        added_by: Who vouched for them; empty for the first person.
        trusted: The first person, or one whose addition a trusted person signed.
        revoked: Whether the key no longer counts.
        why: What a person should know about the key.
    """

    name: str
    key_id: str
    public_key: str
    added_by: str
    trusted: bool
    revoked: bool
    since: datetime
    why: str


@dataclass(frozen=True, slots=True)
class People:
    """Everybody the journal knows, by plain name."""

    known: Mapping[str, Person] = field(default_factory=dict)

    def find(self, name: str) -> Person | None:
        """Return the person with this name, however it is written, their key revoked or not."""
        return self.known.get(plain_name(name))

    def active(self, name: str) -> Person | None:
        """Return the person whose key counts now, or None."""
        person = self.find(name)
        return None if person is None or person.revoked else person

    def owner(self, key_id: str) -> Person | None:
        """Return whose key it is now, or None."""
        return next((person for person in self.known.values() if person.key_id == key_id), None)

    def trusted(self) -> tuple[str, ...]:
        """Return the names of everybody whose key counts as authenticated."""
        return tuple(name for name in self.names() if self.known[name].trusted)

    def names(self) -> tuple[str, ...]:
        """Return the names of everybody whose key counts."""
        return tuple(sorted(name for name, person in self.known.items() if not person.revoked))


def plain_name(actor: str) -> str:
    """Return the name in the one form that is compared: ``Person:Ada `` and ``ada`` are one person."""
    return unicodedata.normalize("NFKC", actor).casefold().strip().removeprefix("person:").strip()


def check_name(name: str) -> str:
    """Return the name of a person to be, or raise BadInput."""
    if not NAME.fullmatch(name):
        raise BadInput(
            f"{name!r} cannot be a person's name",
            where="person add",
            way_out="start with a lower-case letter; then letters, digits, dot, dash and underscore, 63 at most",
        )
    return name


def key_id_of(public_key: str) -> str:
    """Return the short name of a key: ``ed25519:`` and 16 hex digits of its SHA-256."""
    return f"ed25519:{hashlib.sha256(base64.b64decode(public_key)).hexdigest()[:16]}"


@lru_cache(maxsize=8192)  # one ballot is looked at many times, and a signature that was made stays made
def genuine(public_key: str, payload: bytes, signature: str) -> bool:
    """Return whether the key made this signature of these bytes (RFC 8032)."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
        key.verify(base64.b64decode(signature, validate=True), payload)
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True


def vouch(kind: str, body: Mapping[str, Json]) -> bytes:
    """Return the bytes that somebody signs who adds or revokes a person: the event's kind and its body."""
    signed = {key: value for key, value in body.items() if key not in ("signature", "authenticated")}
    return canonical({"format": f"headgate.{kind}/1", **signed})


def unsigned(people: People, kind: str, body: Mapping[str, Any]) -> str:
    """Return "" when a key that counts signed this event in the name it gives; else why not."""
    by, signature = str(body.get("by") or ""), body.get("signature")
    if not signature:
        return "nobody signed it"
    signer = people.active(by)
    if signer is None or signer.key_id != body.get("by_key"):
        return f"signed in the name of {by or 'nobody'}, who has no such key"
    return "" if genuine(signer.public_key, vouch(kind, body), str(signature)) else f"the signature is not {by}'s"


def unvouched(people: People, kind: str, body: Mapping[str, Any]) -> str:
    """Return "" when somebody trusted signed this event (or, for a revocation, whose key it is); else why not."""
    by = str(body.get("by") or "")
    why = unsigned(people, kind, body)
    signer = people.active(by)
    own = kind == REVOKED and plain_name(by) == plain_name(str(body["name"]))
    if why or own or (signer is not None and signer.trusted):
        return why
    return f"signed by {by}, whom nobody trusted vouched for"


def may_add(people: People, name: str, public_key: str) -> None:
    """Raise Refused when a key cannot become this person's."""
    owner = people.owner(key_id_of(public_key))
    if owner is not None:
        raise Refused(
            f"this key is already {owner.name}'s" + (" and was revoked" if owner.revoked else ""),
            where=f"person {name}",
            way_out="make a key of their own: leave out --key, or name a file that does not exist yet",
        )


def advance(people: People, event: Event) -> People:
    """Return the people after one more event; events that do not concern people change nothing."""
    if event.kind not in (ADDED, REVOKED) or event.stream != STREAM:
        return people
    try:
        return _added(people, event) if event.kind == ADDED else _revoked(people, event)
    except (KeyError, TypeError, ValueError) as error:
        raise Tampered(f"{event.kind} cannot be read: {error!r}", where=f"journal event {event.position}") from error


def people_of(events: Iterable[Event]) -> People:
    """Return everybody these events (of the stream `project`, or of all) make known."""
    people = People()
    for event in events:
        people = advance(people, event)
    return people


def _added(people: People, event: Event) -> People:
    body = event.body
    name, public_key = str(body["name"]), str(body["public_key"])
    first = not people.known
    flaw = "" if first else unvouched(people, ADDED, body)
    if key_id_of(public_key) != body["key_id"]:
        flaw = "the key's name is not the key's digest"
    if flaw and people.active(name) is not None:
        return people  # nobody takes another's name by adding a key that nobody trusted vouched for
    by = "" if first else str(body.get("by") or "")
    why = flaw or ("the first person" if first else f"vouched for by {by}")
    person = Person(name, key_id_of(public_key), public_key, by, not flaw, revoked=False, since=event.at, why=why)
    return People({**people.known, plain_name(name): person})


def _revoked(people: People, event: Event) -> People:
    name = plain_name(str(event.body["name"]))
    if unvouched(people, REVOKED, event.body):
        return people  # nobody silences another by a line that nobody trusted signed; audit names it
    person = replace(people.known[name], revoked=True, why=f"revoked by {event.body['by']}: {event.reason}")
    return People({**people.known, name: person})
