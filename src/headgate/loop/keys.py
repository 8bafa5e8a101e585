"""Whether the API keys that the gateway takes are those that the journal says were made. Pure.

A key is taken for what its document says. Somebody who can write to the database could add one, or bring a revoked one
back; the events, which are chained, tell.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from headgate.journal.event import Event
from headgate.journal.ports import Document
from headgate.loop.replay import Finding

COLLECTION = "key"
CREATED, REVOKED = "key.created", "key.revoked"
WAY_OUT = "`headgate key revoke` ends a key"
Body = Mapping[str, Any]


def check_keys(events: Iterable[Event], documents: Iterable[Document]) -> list[Finding]:
    """Return where the documents of keys are not what the events lead to."""
    try:
        wanted = fold_keys(events)
    except (KeyError, TypeError, ValueError) as error:
        return [Finding(None, "API keys", f"an event of a key cannot be read: {error!r}")]
    stored: dict[str, Any] = {document.key: document.body for document in documents}
    findings = []
    for name in sorted({*wanted, *stored}):
        what = _flaw(wanted.get(name), stored.get(name))
        if what:
            findings.append(Finding(None, f"API key {name}", what))
    return findings


def fold_keys(events: Iterable[Event]) -> dict[str, Body]:
    """Return the document that each key should have."""
    keys: dict[str, Body] = {}
    for event in events:
        body: Any = event.body
        if event.kind == CREATED:
            keys[body["id"]] = dict(body)
        elif event.kind == REVOKED and body["id"] in keys:
            keys[body["id"]] = _ended(keys[body["id"]], body["at"], event.at)
    return keys


def _ended(key: Body, at: str, recorded: datetime) -> Body:
    """Return a key that was revoked: at once, or from a time on."""
    return {**key, "expires": at} if datetime.fromisoformat(at) > recorded else {**key, "revoked": True}


def _flaw(wanted: Body | None, stored: Body | None) -> str:
    if wanted is None:
        return f"the gateway takes it, and the journal says nothing of it; {WAY_OUT}"
    if stored is None:
        return "the journal says that it was made, and the gateway knows nothing of it"
    other = sorted(name for name in {*wanted, *stored} if wanted.get(name) != stored.get(name))
    return f"its document says otherwise than the journal: {', '.join(other)}; {WAY_OUT}" if other else ""
