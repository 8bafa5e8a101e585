"""The event store in a database: events, and the documents that are written with them.

It decides nothing about events; it keeps what journal.chain links.
"""

from collections.abc import Callable, Iterator, Sequence

import sqlalchemy as sa

from headgate.adapters.head.keeper import HeadKeeper
from headgate.adapters.sql.database import Database
from headgate.adapters.sql.outbox import SqlOutbox
from headgate.adapters.sql.rows import to_document, to_event, to_row
from headgate.adapters.sql.schema import DOCUMENTS, EVENTS
from headgate.base.clock import Clock
from headgate.base.digest import canonical
from headgate.base.errors import HeadgateError, Tampered
from headgate.journal.chain import check_head, document_body, link, outdated, stale
from headgate.journal.event import GENESIS, Event, NewEvent
from headgate.journal.head import EMPTY, RENEWED, RESTORE, Head, fingerprint
from headgate.journal.ports import Document

PAGE = 500
STREAM = "project"


class SqlEventStore:
    """Keeps events in SQLite or PostgreSQL; the contract is EventStore's.

    Args:
        url: SQLAlchemy URL; the tables are made at first use.
        clock: Stamps the events.
        head: Keeps the signed head outside the database.
    """

    def __init__(self, url: str, clock: Clock, head: HeadKeeper) -> None:
        self.database = Database(url)
        self.outbox = SqlOutbox(self.database)
        self._clock = clock
        self._head = head
        self._known = ""
        self.fence: Callable[[sa.Connection], None] = lambda _: None  # raises where this store may write no more

    def append(
        self, stream: str, expected: int, events: Sequence[NewEvent], documents: Sequence[Document] = ()
    ) -> tuple[Event, ...]:
        """Record events, and documents with them, all or nothing.

        Raises:
            Conflict: The stream is not at `expected`, a document's revision is not higher, or (Deposed) the fence fell.
            BadInput: An event cannot be recorded exactly.
            Tampered: The journal ends before its signed head: nothing is added to a journal that was cut.
            Unavailable: The database did not answer; the message says when the outcome is not known.
        """
        with self.database.writing() as connection:
            self.fence(connection)
            last = _last(connection)
            if _unused(connection, last):
                self._head.begin()
            self._check_head(connection, last)
            found = _sequence(connection, stream)
            if found != expected:
                raise stale(stream, expected, found)
            linked = link(last, stream, found, events, self._clock.now(), fingerprint(self._head.public()))
            connection.execute(sa.insert(EVENTS), [to_row(event) for event in linked])
            for document in documents:
                _put(connection, document)
        self._advance(linked[-1])
        return linked

    def read(
        self, stream: str | None = None, *, after: int = 0, kinds: Sequence[str] = (), limit: int | None = None
    ) -> Iterator[Event]:
        """Yield events in order, read page by page, so that a slow reader holds nothing open.

        Raises:
            Tampered: A row is not what `append` writes.
        """
        query = sa.select(EVENTS).order_by(EVENTS.c.position)
        if stream is not None:
            query = query.where(EVENTS.c.stream == stream)
        if kinds:
            query = query.where(EVENTS.c.kind.in_(kinds))
        left = limit
        while left is None or left > 0:
            size = PAGE if left is None else min(PAGE, left)
            with self.database.reading() as connection:
                rows = connection.execute(query.where(EVENTS.c.position > after).limit(size)).all()
            yield from map(to_event, rows)
            if len(rows) < size:
                return
            after, left = rows[-1].position, None if left is None else left - size

    def last(self) -> Event | None:
        """Return the event at the highest position."""
        with self.database.reading() as connection:
            return _last(connection)

    def documents(self, collection: str) -> tuple[Document, ...]:
        """Return the current documents of a collection, by key; Tampered where one cannot be read."""
        query = sa.select(DOCUMENTS).where(DOCUMENTS.c.collection == collection).order_by(DOCUMENTS.c.key)
        with self.database.reading() as connection:
            rows = connection.execute(query).all()
        return tuple(to_document(row) for row in rows)

    def head(self) -> Head:
        """Return the signed head; read it before the events it is compared with.

        Raises:
            Tampered: It is gone, was changed, or was signed with another key.
        """
        with self.database.reading() as connection:
            last = _last(connection)  # before the files: whoever recorded the first event had made them before
            if not self._head.begun() and _unused(connection, last):
                return EMPTY
            head = self._head.read()
            self._check_key(connection)
        return head

    def renew_head(self, actor: str, reason: str) -> Event:
        """Start a new head with a new key at the journal's present end, and record who did it and why.

        The former head and key are kept beside the new ones. Nothing is checked: a broken chain stays broken.
        """
        with self.database.writing() as connection:
            last = _last(connection)
            head = Head(last.position, last.hash) if last else EMPTY
            self._head.renew(head, f"before-{self._clock.now():%Y%m%dT%H%M%S%f}")
            key = self._head.public()
            new = NewEvent(RENEWED, actor, reason, {"key": key, "position": head.position, "hash": head.hash})
            (event,) = link(last, STREAM, _sequence(connection, STREAM), [new], self._clock.now(), fingerprint(key))
            connection.execute(sa.insert(EVENTS), [to_row(event)])
        self._advance(event)
        return event

    def close(self) -> None:
        """Close every connection."""
        self.database.close()

    def _advance(self, last: Event) -> None:
        """Move the head; where that fails the events stand nevertheless, and the caller must know."""
        try:
            self._head.advance(Head(last.position, last.hash))
        except HeadgateError as error:
            what = f"event {last.position} is recorded, but the signed head could not be moved: {error.what}"
            way_out = f"do not repeat the command; {error.way_out}"
            raise type(error)(what, where=error.where, way_out=way_out) from error

    def _check_head(self, connection: sa.Connection, last: Event | None) -> None:
        head = self._head.read()
        self._check_key(connection)
        at_head = last
        if last is not None and 0 < head.position < last.position:
            row = connection.execute(sa.select(EVENTS).where(EVENTS.c.position == head.position)).first()
            at_head = to_event(row) if row else None
        broken = check_head(last, head, at_head)
        if broken is not None:
            where = f"event {broken.position}"
            raise Tampered(
                f"nothing is added to a journal that was {broken.fault}: {broken.why}", where=where, way_out=RESTORE
            )

    def _check_key(self, connection: sa.Connection) -> None:
        """Refuse a head of a key that the journal does not know: not the one it began with, nor one of a renewal."""
        public = self._head.public()
        if self._known == public:
            return
        first = connection.scalar(sa.select(EVENTS.c.previous).where(EVENTS.c.position == 1))
        renewed = sa.select(EVENTS).where(EVENTS.c.stream == STREAM, EVENTS.c.kind == RENEWED)
        keys = [to_event(row).body.get("key") for row in connection.execute(renewed)]
        if first not in {None, GENESIS, fingerprint(public)} and public not in keys:
            what = "the head was signed with a key that this journal does not know"
            raise Tampered(what, where=str(self._head.path), way_out=RESTORE)
        self._known = public if first else ""


def _unused(connection: sa.Connection, last: Event | None) -> bool:
    """Tell whether nothing was ever recorded here; documents without events were left by somebody who deleted."""
    return last is None and connection.scalar(sa.select(sa.func.count()).select_from(DOCUMENTS)) == 0


def _sequence(connection: sa.Connection, stream: str) -> int:
    return connection.scalar(sa.select(sa.func.max(EVENTS.c.sequence)).where(EVENTS.c.stream == stream)) or 0


def _last(connection: sa.Connection) -> Event | None:
    row = connection.execute(sa.select(EVENTS).order_by(EVENTS.c.position.desc()).limit(1)).first()
    return to_event(row) if row else None


def _put(connection: sa.Connection, document: Document) -> None:
    where = (DOCUMENTS.c.collection == document.collection) & (DOCUMENTS.c.key == document.key)
    found = connection.scalar(sa.select(DOCUMENTS.c.revision).where(where))
    if found is not None and found >= document.revision:
        raise outdated(document, found)
    values = {"revision": document.revision, "body": canonical(document_body(document)).decode()}
    if found is None:
        connection.execute(sa.insert(DOCUMENTS).values(collection=document.collection, key=document.key, **values))
    else:
        connection.execute(sa.update(DOCUMENTS).where(where).values(**values))
