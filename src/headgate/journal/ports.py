"""What the rest of Headgate needs of a place that keeps events."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from headgate.base.digest import Json
from headgate.journal.event import Event, NewEvent


@dataclass(frozen=True, slots=True)
class Document:
    """A current value that readers poll (a route), written in the same transaction as the event that set it."""

    collection: str
    key: str
    revision: int
    body: Json


class EventStore(Protocol):
    """Keeps events in one chained order; one stream per model with an expected sequence.

    Contract: `append` is all or nothing, and durable when it returns. `expected` is the stream's last sequence as the
    caller read it (0: empty); when it is stale nothing is written and Conflict is raised, so two who decide on the same
    state cannot both win. Documents are written in the same transaction; a document's revision must be higher than the
    stored one (else Conflict).
    """

    def append(
        self, stream: str, expected: int, events: Sequence[NewEvent], documents: Sequence[Document] = ()
    ) -> tuple[Event, ...]:
        """Record events; return them as recorded."""
        ...

    def read(
        self, stream: str | None = None, *, after: int = 0, kinds: Sequence[str] = (), limit: int | None = None
    ) -> Iterator[Event]:
        """Yield events with position > after in order, of one stream or of all, of some kinds or of all."""
        ...

    def last(self) -> Event | None:
        """Return the event at the highest position."""
        ...

    def documents(self, collection: str) -> tuple[Document, ...]:
        """Return the current documents of a collection, by key."""
        ...
