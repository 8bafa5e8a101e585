"""Move an alias and record that it was moved: an effect that follows the journal and may be repeated at will."""

from headgate.base.errors import Conflict
from headgate.journal.event import Event, NewEvent
from headgate.journal.ports import EventStore
from headgate.registry.ports import Registry

TRIES = 5
SET = "alias.set"


def set_alias(
    store: EventStore, registry: Registry, model: str, alias: str, version: str | None, actor: str, reason: str
) -> Event:
    """Let the registry's alias name the version (None: remove it), then record it.

    Raises:
        Unavailable: The registry did not answer; nothing was recorded.
    """
    registry.set_alias(model, alias, version)
    return record_alias(store, model, alias, version, actor, reason)


def record_alias(store: EventStore, model: str, alias: str, version: str | None, actor: str, reason: str) -> Event:
    """Record that an alias names a version."""
    return note(store, f"model/{model}", NewEvent(SET, actor, reason, {"alias": alias, "version": version}))


def note(store: EventStore, stream: str, new: NewEvent) -> Event:
    """Record what was seen or done: nobody else's event makes it untrue, so a stale sequence is read again."""
    for left in reversed(range(TRIES)):
        sequence = max((event.sequence for event in store.read(stream)), default=0)
        try:
            return store.append(stream, sequence, [new])[0]
        except Conflict:
            if not left:
                raise
    raise AssertionError("unreachable: the last try returns or raises")
