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
            broken.append(Finding(None, "signed head", error.what))
    events: list[Event] = []
    found = verify_chain(_kept(store.read(), events), head)
    if found is not None:
        broken.append(from_break(found))
    return audit(events, broken, _routes(store, broken), _aliases(registry, models))


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
