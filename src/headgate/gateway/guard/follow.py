"""Follow the API keys as the routes are followed: what cannot be read leaves the last table."""

import logging
from collections.abc import Callable, Mapping, Sequence

from headgate.gateway.guard.keys import Key, KeyTable
from headgate.journal.ports import Document

LOG = logging.getLogger("headgate.gateway")


class KeyFollower:
    """Hands over a new table when the key documents have changed.

    Args:
        read: Returns the key documents; may raise when the database is away.
        publish: Takes each new table; called in the caller's thread.
        needed: Whether a request without a key is refused.
    """

    def __init__(
        self, read: Callable[[], Sequence[Document]], publish: Callable[[KeyTable], object], *, needed: bool
    ) -> None:
        self._read = read
        self._publish = publish
        self._needed = needed
        self._seen: Mapping[str, int] | None = None
        self._away = False

    def look(self) -> None:
        """Take one turn."""
        try:
            documents = self._read()
        except Exception as error:  # noqa: BLE001 - any database's own classes: the last good table stands
            if not self._away:
                LOG.warning("the API keys cannot be read; the last ones stand: %s", error)
            self._away = True
            return
        self._away = False
        seen = {document.key: document.revision for document in documents}
        if seen == self._seen:
            return
        keys = [key for key in map(read_key, documents) if key is not None]
        if self._needed and not keys:
            LOG.warning("there is no API key, so every request is refused; `headgate key create` makes one")
        self._seen = seen
        self._publish(KeyTable.of(keys, needed=self._needed))


def read_key(document: Document) -> Key | None:
    """Return the key of a document; None for one that was revoked or cannot be read, which lets nobody in."""
    body = document.body
    if not isinstance(body, Mapping) or body.get("revoked"):
        return None
    try:
        return Key.from_json({name: value for name, value in body.items() if name != "revoked"})
    except (KeyError, TypeError, ValueError) as error:
        LOG.error("the API key %s cannot be read: %r", document.key, error)  # noqa: TRY400 - its trace says nothing
        return None
