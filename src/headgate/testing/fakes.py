"""Fakes that keep the contracts in memory."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock

from headgate.base.clock import Clock
from headgate.journal.chain import document_body, link, outdated, stale
from headgate.journal.event import Event, NewEvent
from headgate.journal.head import EMPTY, Head
from headgate.journal.outbox import delivery_id, wanted
from headgate.journal.ports import Delivery, Document, Sent, Settled, Standing


class MemoryEventStore:
    """An event store that forgets everything with the process; the contract is EventStore's."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._events: tuple[Event, ...] = ()
        self._documents: dict[tuple[str, str], Document] = {}
        self._lock = Lock()
        self.outbox = MemoryOutbox(self)

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

    def copy(self, clock: Clock) -> "MemoryEventStore":
        """Return a journal of its own that begins with the same events and documents, and nothing delivered."""
        other = MemoryEventStore(clock)
        other._events, other._documents = self._events, dict(self._documents)
        return other

    def head(self) -> Head:
        """Return where it ends: memory has no second place to keep it."""
        last = self.last()
        return Head(last.position, last.hash) if last else EMPTY


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A delivery in memory."""

    event: Event
    outcome: Settled
    attempts: int = 0
    lease: str = ""
    until: datetime | None = None


class MemoryOutbox:
    """An outbox that forgets everything with the process; the contract is Outbox's."""

    def __init__(self, store: MemoryEventStore) -> None:
        self._store = store
        self._cursors: dict[str, int] = {}
        self._rows: dict[tuple[str, int], _Waiting] = {}
        self._lock = Lock()

    def fill(self, webhook: str, patterns: Sequence[str], start: int, now: datetime) -> bool:
        """Take up the events after the cursor."""
        with self._lock:
            after = self._cursors.get(webhook, start)
            for event in self._store.read(after=after):
                after = event.position
                if wanted(event.kind, patterns):
                    self._rows[webhook, after] = _Waiting(event, Settled("pending", now, ""))
            self._cursors[webhook] = after
        return False

    def claim(self, webhook: str, now: datetime, lease: str, until: datetime) -> Delivery | None:
        """Take the next due delivery."""
        with self._lock:
            rows = [row for row in self._of(webhook) if row.outcome.state == "pending"]
            if any(row.until is not None and row.until > now for row in rows):
                return None
            due = [row for row in rows if row.outcome.due <= now]
            if not due:
                return None
            row = replace(due[0], attempts=due[0].attempts + 1, lease=lease, until=until)
            self._rows[webhook, row.event.position] = row
            return Delivery(webhook, delivery_id(webhook, row.event), row.event, row.attempts, lease)

    def settle(self, delivery: Delivery, outcome: Settled) -> bool:
        """Record what an attempt came to."""
        with self._lock:
            place = (delivery.webhook, delivery.event.position)
            row = self._rows.get(place)
            if row is None or row.lease != delivery.lease:
                return False
            self._rows[place] = replace(row, outcome=outcome, lease="", until=None)
            return True

    def replay(self, webhook: str, position: int) -> None:
        """Send everything from this position on once more."""
        with self._lock:
            self._rows = {place: row for place, row in self._rows.items() if place[0] != webhook or place[1] < position}
            last = self._store.last()
            end = last.position if last else 0
            self._cursors[webhook] = min(self._cursors.get(webhook, end), position - 1)

    def standings(self) -> tuple[Standing, ...]:
        """Return how far each webhook is, by name."""
        with self._lock:
            return tuple(self._standing(webhook, at) for webhook, at in sorted(self._cursors.items()))

    def _of(self, webhook: str) -> list[_Waiting]:
        return [row for place, row in sorted(self._rows.items()) if place[0] == webhook]

    def _standing(self, webhook: str, position: int) -> Standing:
        outcomes = [row.outcome for row in self._of(webhook)]
        done, pending, dead = (sum(each.state == state for each in outcomes) for state in ("done", "pending", "dead"))
        why = next((each.why for each in outcomes if each.why), "")
        return Standing(webhook, position, done, pending, dead, why)


class FakeSender:
    """A receiver that answers what it is told to, and remembers what it got."""

    def __init__(self, answer: Sent | None = None) -> None:
        self.answer = answer or Sent(204)
        self.got: list[tuple[str, Mapping[str, str], bytes, bool]] = []

    def send(self, url: str, headers: Mapping[str, str], body: bytes, *, allow_private: bool) -> Sent:
        """Remember the message; give the answer."""
        self.got.append((url, headers, body, allow_private))
        return self.answer
