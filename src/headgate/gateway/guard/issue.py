"""Make, revoke and list API keys: each change is an event, and the document that workers poll, in one append."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from headgate.base.digest import Json
from headgate.base.errors import BadInput
from headgate.gateway.guard.keys import (
    ADMIN,
    COLLECTION,
    CREATED,
    ID_BYTES,
    OUTCOMES,
    REVOKED,
    SALT_BYTES,
    SECRET_BYTES,
    STREAM,
    Key,
    fingerprint,
    spell,
)
from headgate.gateway.guard.roles import CONTROL
from headgate.journal.event import NewEvent
from headgate.journal.ports import Document, EventStore

SCOPES = "predict:MODEL, predict:*, outcomes, read, operate, approve, admin"


def create(
    store: EventStore,
    name: str,
    scopes: Sequence[str],
    models: Sequence[str],
    now: datetime,
    expires: datetime | None,
    entropy: Callable[[int], bytes],
    actor: str,
    because: str,
) -> tuple[Key, str]:
    """Record a new key; return what is kept of it, and the key itself, which is nowhere kept.

    Args:
        store: The journal.
        name: Who will use it; a name may have several keys, so that one can take over from another.
        scopes: What it allows.
        models: The project's models, which scopes may name.
        now: The time.
        expires: From when it is no longer taken; None: never.
        entropy: Returns that many random bytes.
        actor: Who makes it.
        because: Why.

    Raises:
        BadInput: No name, or a scope that does not exist.
        Conflict: Somebody else recorded something at the same moment.
    """
    if not name.strip():
        raise BadInput("a key needs the name of who uses it", way_out="headgate key create --name checkout")
    for scope in scopes or ("",):
        check_scope(scope, models)
    identity, secret = spell(entropy(ID_BYTES), entropy(SECRET_BYTES))
    salt = entropy(SALT_BYTES).hex()
    key = Key(identity, name, salt, fingerprint(salt, secret), tuple(scopes), now, expires)
    _append(store, NewEvent(CREATED, actor, because, key.to_json()), Document(COLLECTION, key.id, 1, key.to_json()))
    return key, secret


def check_scope(scope: str, models: Sequence[str]) -> None:
    """Refuse a scope that does not exist; raises BadInput."""
    kind, colon, model = scope.partition(":")
    known = scope in (OUTCOMES, ADMIN, *CONTROL) or (kind == "predict" and colon and (model == "*" or model in models))
    if not known:
        raise BadInput(f"there is no scope {scope!r}", where="--scope", way_out=f"one of: {SCOPES}")


def revoke(store: EventStore, identity: str, at: datetime, now: datetime, actor: str, because: str) -> Key:
    """End a key: at once when `at` is now, else then, so that its successor can take over; return what was kept.

    Raises:
        BadInput: There is no such key, or it was revoked.
        Conflict: Somebody else recorded something at the same moment.
    """
    document = next((one for one in store.documents(COLLECTION) if one.key == identity), None)
    body: Any = document.body if document else {}
    if document is None or body.get("revoked"):
        what = f"the API key {identity} was revoked already" if document else f"there is no API key {identity}"
        raise BadInput(what, way_out="`headgate key list` shows the keys")
    ends = {**body, "expires": at.isoformat()} if at > now else {**body, "revoked": True}
    event: dict[str, Json] = {"id": identity, "name": body["name"], "at": at.isoformat()}
    _append(
        store, NewEvent(REVOKED, actor, because, event), Document(COLLECTION, identity, document.revision + 1, ends)
    )
    return Key.from_json({name: value for name, value in body.items() if name != "revoked"})


def known(store: EventStore) -> list[tuple[Key, bool]]:
    """Return every key that was ever made, and whether it was revoked."""
    found: list[tuple[Key, bool]] = []
    for document in store.documents(COLLECTION):
        body: Any = document.body
        key = Key.from_json({name: value for name, value in body.items() if name != "revoked"})
        found.append((key, bool(body.get("revoked"))))
    return sorted(found, key=lambda one: one[0].created)


def _append(store: EventStore, event: NewEvent, document: Document) -> None:
    sequence = max((one.sequence for one in store.read(STREAM)), default=0)
    store.append(STREAM, sequence, [event], [document])
