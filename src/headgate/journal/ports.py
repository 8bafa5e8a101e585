"""What the rest of Headgate needs of a place that keeps events, and of what sends them to webhooks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from headgate.base.digest import Json
from headgate.journal.event import Event, NewEvent
from headgate.journal.head import Head


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

    def head(self) -> Head:
        """Return the signed head; read it before the events that it is compared with (journal.chain)."""
        ...

    @property
    def outbox(self) -> "Outbox":
        """Return what sends the events on."""
        ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one webhook.

    Attributes:
        webhook: The webhook's name.
        id: The same for every attempt and every replay: what a receiver recognises a repeated delivery by.
        event: What is sent.
        attempt: 1, 2, 3 ...
        lease: Whose attempt this is; only its holder may settle it.
    """

    webhook: str
    id: str
    event: Event
    attempt: int
    lease: str


@dataclass(frozen=True, slots=True)
class Settled:
    """What an attempt came to.

    Attributes:
        state: ``done``, ``pending`` (again at `due`) or ``dead`` (only a replay sends it again).
        due: When the next attempt may start.
        why: What went wrong, for a person.
    """

    state: Literal["done", "pending", "dead"]
    due: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a webhook is: events up to `position` were looked at; some of them wait, some are dead."""

    webhook: str
    position: int
    done: int
    pending: int
    dead: int
    why: str


class Outbox(Protocol):
    """Keeps what must still be sent; the journal is its source, so nothing that was recorded can be missed.

    Contract: `fill` moves a webhook's cursor and writes the rows for what it passed in one transaction. `claim` gives a
    row to one caller only until its lease ends, lowest position first, and none while an earlier claim of the same
    webhook is out. `settle` changes nothing when the lease was lost.
    """

    def fill(self, webhook: str, patterns: Sequence[str], start: int, now: datetime) -> bool:
        """Take up a page of events after the cursor (after `start` when there is none); tell whether there are more."""
        ...

    def claim(self, webhook: str, now: datetime, lease: str, until: datetime) -> Delivery | None:
        """Take the next due delivery."""
        ...

    def settle(self, delivery: Delivery, outcome: Settled) -> bool:
        """Record what an attempt came to; False when somebody else holds the delivery now."""
        ...

    def replay(self, webhook: str, position: int) -> None:
        """Send everything from this position on once more."""
        ...

    def standings(self) -> tuple[Standing, ...]:
        """Return how far each webhook is, by name."""
        ...


class Webhook(Protocol):
    """What the policy says about a webhook."""

    @property
    def url(self) -> str:
        """Where events are sent; empty: where `url_env` says."""
        ...

    @property
    def url_env(self) -> str:
        """Return the environment variable that holds the URL; empty: `url` says it."""
        ...

    @property
    def secret_env(self) -> str:
        """Return the environment variable that holds the signing secret."""
        ...

    @property
    def events(self) -> tuple[str, ...]:
        """Patterns of the kinds that are sent."""
        ...

    @property
    def format(self) -> str:
        """The form of its messages, such as json."""
        ...

    @property
    def allow_private(self) -> bool:
        """Whether the URL may lead to loopback or private addresses."""
        ...


@dataclass(frozen=True, slots=True)
class Sent:
    """What a receiver answered.

    Attributes:
        status: The HTTP status; None: there was no answer.
        why: What went wrong; empty when the status says enough.
        wait: What the receiver asked us to wait (Retry-After).
    """

    status: int | None
    why: str = ""
    wait: timedelta | None = None


class Sender(Protocol):
    """Sends one message. Contract: bounded in time, follows no redirect, never raises for what the receiver does."""

    def send(self, url: str, headers: Mapping[str, str], body: bytes, *, allow_private: bool) -> Sent:
        """POST the body."""
        ...
