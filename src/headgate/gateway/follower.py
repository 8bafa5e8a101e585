"""Follow the routes: read them a few times a second, have what they name loaded, and hand over each new table.

One model's load keeps no other model waiting, and no look. When the routes cannot be read, the last table stands; a
worker that has none yet starts from the routes that were read last on this machine.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from threading import RLock

from headgate.gateway.follow import Open, Shade, due, follow, say
from headgate.gateway.table import Entry, Table
from headgate.journal.ports import Document

LOG = logging.getLogger("headgate.gateway")
RETRY_TURNS = 25
Aside = Callable[[str, Callable[[], None]], None]


def at_once(_: str, errand: Callable[[], None]) -> None:
    """Do an errand now, in the caller's thread."""
    errand()


class Follower:
    """Holds the table, and moves it on.

    Args:
        read: Returns the route documents; may raise when the database is away.
        open_version: Loads and warms a version, its digest checked.
        publish: Takes each new table; called by one thread at a time.
        shade: Finds a shadow's bundle, its digest checked; None: there are no shadows here.
        aside: Does a model's errand, one after the other, perhaps in another thread.
        last: Returns the documents that were read last on this machine, perhaps by another worker; None: not known.
    """

    def __init__(
        self,
        read: Callable[[], Sequence[Document]],
        open_version: Open,
        publish: Callable[[Table], None],
        shade: Shade | None = None,
        aside: Aside = at_once,
        last: Callable[[], Sequence[Document] | None] | None = None,
    ) -> None:
        self._read = read
        self._open = open_version
        self._shade = shade
        self._publish = publish
        self._aside = aside
        self._last = last
        self._table = Table()
        self._wanted: Sequence[Document] | None = None
        self._asked: dict[str, int] = {}  # model to the revision that is being followed
        self._turns = 0
        self._lock = RLock()

    def turn(self) -> None:
        """Look; now and then try once more what was refused."""
        self._turns += 1
        self.look(again=self._turns % RETRY_TURNS == 1)

    def look(self, *, again: bool) -> None:
        """Read the routes, and have followed what is new in them.

        Args:
            again: Whether to try once more what was refused.
        """
        try:
            documents = self._read()
        except Exception as error:  # noqa: BLE001 - any database's own classes: the last good table stands, and the page says why
            self._lose(error, again=again)
            return
        self._take(away="")
        self._ask(documents, again=again)

    def _lose(self, error: Exception, *, again: bool) -> None:
        if not self._table.away:
            LOG.warning("the routes cannot be read; the last ones stand: %s", error)
        self._take(away=f"cannot be read: {type(error).__name__}")
        if self._wanted is None and self._last is not None:
            self._wanted = self._last()
        if self._wanted is not None:
            self._ask(self._wanted, again=again)

    def _ask(self, documents: Sequence[Document], *, again: bool) -> None:
        with self._lock:
            self._wanted = documents
            entries, asked = self._table.entries, self._asked
            fresh = [one for one in documents if asked.get(one.key) != one.revision]
            fresh = [one for one in fresh if due(one, entries.get(one.key), again=again)]
            asked.update({one.key: one.revision for one in fresh})
        for document in fresh:
            self._aside(document.key, partial(self._follow, document))
        self._take()

    def _follow(self, document: Document) -> None:
        entry = follow(document, self._table.entries.get(document.key), self._open, self._shade)
        with self._lock:
            if self._asked.get(document.key) == document.revision:
                del self._asked[document.key]
            self._take(entry)

    def _take(self, entry: Entry | None = None, away: str | None = None) -> None:
        """Publish the table with this entry, and with this why it is not read, if that changes it."""
        with self._lock:
            table = old = self._table
            if entry is not None and table.entries.get(entry.model) != entry:
                _report(entry)
                table = replace(table, entries=dict(sorted({**table.entries, entry.model: entry}.items())))
            if away is not None and away != table.away:
                table = replace(table, away=away)
            if not table.read and self._wanted is not None and all(one.key in table.entries for one in self._wanted):
                table = replace(table, read=True)
            if table is not old:
                self._table = table
                self._publish(table)


def _report(entry: Entry) -> None:
    if entry.why:
        LOG.error("model %s, revision %d: %s", entry.model, entry.revision, entry.why)
    elif entry.serving:
        LOG.info("model %s, revision %d: %s", entry.model, entry.revision, say(entry))
