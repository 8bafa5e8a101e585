"""Fakes that keep the contracts in memory."""

from collections.abc import Iterator, Sequence
from threading import Lock

from headgate.base.clock import Clock
from headgate.journal.chain import document_body, link, outdated, stale
from headgate.journal.event import Event, NewEvent
from headgate.journal.ports import Document


class MemoryEventStore:
    """An event store that forgets everything with the process; the contract is EventStore's."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._events: tuple[Event, ...] = ()
        self._documents: dict[tuple[str, str], Document] = {}
        self._lock = Lock()

    def append(
        self, stream: str, expected: int, events: Sequence[NewEvent], documents: Sequence[Document] = ()
    ) -> tuple[Event, ...]:
        """Record events, and documents with them, all or nothing."""
        with self._lock:
            found = max((event.sequence for event in self._events if event.stream == stream), default=0)
            if found != expected:
                raise stale(stream, expected, found)
            linked = link(self._events[-1] if self._events else None, stream, found, events, self._clock.now())
            changed = dict(self._documents)
            for document in documents:
                place = (document.collection, document.key)
                if place in changed and changed[place].revision >= document.revision:
                    raise outdated(document, changed[place].revision)
                changed[place] = Document(*place, document.revision, document_body(document))
            self._events, self._documents = self._events + linked, changed
        return linked

    def read(
        self, stream: str | None = None, *, after: int = 0, kinds: Sequence[str] = (), limit: int | None = None
    ) -> Iterator[Event]:
        """Yield events in order."""
        found = [
            event
            for event in self._events
            if event.position > after and stream in (None, event.stream) and (not kinds or event.kind in kinds)
        ]
        yield from found[:limit]

    def last(self) -> Event | None:
        """Return the event at the highest position."""
        return self._events[-1] if self._events else None

    def documents(self, collection: str) -> tuple[Document, ...]:
        """Return the current documents of a collection, by key."""
        found = (document for (kept, _), document in self._documents.items() if kept == collection)
        return tuple(sorted(found, key=lambda document: document.key))
