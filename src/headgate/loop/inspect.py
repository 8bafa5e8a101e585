"""Gather what an audit looks at: events, signed head, routes, aliases, bundles. It reads, and changes nothing."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from headgate.base.errors import BadInput, Tampered, Unavailable
from headgate.journal.chain import verify_chain
from headgate.journal.event import Event
from headgate.journal.head import Head
from headgate.journal.ports import Document, EventStore
from headgate.loop.audit import AuditReport, audit, from_break
from headgate.loop.keys import COLLECTION as KEYS
from headgate.loop.replay import Finding
from headgate.loop.state import ProjectState, fold
from headgate.registry.ports import Registry
from headgate.registry.steps import bundle_flaw
from headgate.registry.version import Version
from headgate.routing.route import COLLECTION

UNTOLD = "what should serve cannot be told from a journal that is broken"
MOST = 10_000  # rows in one piece that cannot be read


class HeadedStore(EventStore, Protocol):
    """An event store that keeps a signed head."""

    def head(self) -> Head:
        """Return the signed head; Tampered when it is not what was signed."""
        ...


def inspect(
    store: EventStore | HeadedStore, registry: Registry, models: Sequence[str], bundles: Path | None = None
) -> AuditReport:
    """Audit a project: what cannot be read is a finding, a registry that does not answer is a note.

    Args:
        store: The journal.
        registry: Whose aliases are compared.
        models: Of the policy.
        bundles: Folder of local copies, to look at the champions'; None: they are not looked at.
    """
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
    flaws = _bundles(events, bundles) if bundles else {}
    routes, keys = _documents(store, COLLECTION, "routes", broken), _documents(store, KEYS, "API keys", broken)
    return audit(events, broken, routes, _aliases(registry, models), bundles=flaws, keys=keys)


def bundle_flaws(state: ProjectState, bundles: Path) -> dict[str, str]:
    """Return what is wrong with the local copy of each champion's bundle, by model."""
    champions = {name: model.ledger.champion for name, model in sorted(state.models.items())}
    found = {name: bundle_flaw(bundles, one.digest) for name, one in champions.items() if one is not None}
    return {name: flaw for name, flaw in found.items() if flaw}


def _bundles(events: Sequence[Event], bundles: Path) -> dict[str, str]:
    try:
        return bundle_flaws(fold(events), bundles)
    except Tampered:
        return {}  # an event that cannot be read is a finding of the replay


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


def _documents(store: EventStore, collection: str, where: str, broken: list[Finding]) -> tuple[Document, ...]:
    try:
        return store.documents(collection)
    except Tampered as error:
        broken.append(Finding(None, where, error.what))
        return ()


def _aliases(registry: Registry, models: Sequence[str]) -> dict[str, Version | None] | str:
    try:
        return {model: _named(registry, model) for model in models}
    except Unavailable as error:
        return error.what


def _named(registry: Registry, model: str) -> Version | None:
    number = registry.alias(model, "champion")
    try:
        return None if number is None else registry.version(model, number)
    except BadInput:
        return None  # an alias on a version that was deleted names nothing
