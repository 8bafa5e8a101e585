"""Gather what an audit looks at: events, signed head, routes, aliases. It reads, and changes nothing."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from headgate.base.errors import Tampered, Unavailable
from headgate.journal.chain import verify_chain
from headgate.journal.event import Event
from headgate.journal.head import Head
from headgate.journal.ports import Document, EventStore
from headgate.loop.audit import AuditReport, audit, from_break
from headgate.loop.replay import Finding
from headgate.registry.ports import Registry
from headgate.routing.route import COLLECTION

UNTOLD = "what should serve cannot be told from a journal that is broken"
MOST = 10_000  # rows in one piece that cannot be read


class HeadedStore(EventStore, Protocol):
    """An event store that keeps a signed head."""

    def head(self) -> Head:
        """Return the signed head; Tampered when it is not what was signed."""
        ...


def inspect(store: EventStore | HeadedStore, registry: Registry, models: Sequence[str]) -> AuditReport:
    """Audit a project: what cannot be read is a finding, a registry that does not answer is a note."""
    broken, head = list[Finding](), None
    if hasattr(store, "head"):
        try:
            head = store.head()  # before the events: a writer moves it only after its commit
        except Tampered as error:
            broken.append(Finding(None, "signed head", f"{error.what}; {error.way_out}"))
    events: list[Event] = []
    found = verify_chain(_kept(store.read(), events), head)
    if found is not None:
        broken.append(from_break(found))
        trusted = [event for event in events if event.position < found.position]
        return audit(trusted, broken, UNTOLD, UNTOLD, beyond=_beyond(store, trusted))
    return audit(events, broken, _routes(store, broken), _aliases(registry, models))


def _beyond(store: EventStore, trusted: Sequence[Event]) -> tuple[Event, ...]:
    """Return what can be read past a break: it is counted, and nothing more."""
    found, after = list[Event](), trusted[-1].position if trusted else 0
    for _ in range(MOST):
        try:
            for event in store.read(after=after):
                found.append(event)
                after = event.position
        except Tampered:
            after += 1
        else:
            break
    return tuple(found)


def _kept(events: Iterator[Event], kept: list[Event]) -> Iterator[Event]:
    for event in events:
        kept.append(event)
        yield event


def _routes(store: EventStore, broken: list[Finding]) -> tuple[Document, ...]:
    try:
        return store.documents(COLLECTION)
    except Tampered as error:
        broken.append(Finding(None, "routes", error.what))
        return ()


def _aliases(registry: Registry, models: Sequence[str]) -> dict[str, str | None] | str:
    try:
        return {model: registry.alias(model, "champion") for model in models}
    except Unavailable as error:
        return error.what
