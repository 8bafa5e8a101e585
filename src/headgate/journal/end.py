"""Whether a journal still holds what was recorded, asked by those who are about to read it.

Each reads the signed head before the events: a writer moves it only after its commit. It says what is broken and mends
nothing.
"""

from headgate.base.errors import Tampered
from headgate.journal.chain import Break, check_head, verify_chain
from headgate.journal.event import Event
from headgate.journal.head import BACK, RESTORE, Head
from headgate.journal.ports import EventStore


def broken_end(store: EventStore) -> str:
    """Return how the journal's end falls short of its signed head, "" when it does not; the same cost at any length."""
    try:
        head = store.head()
        at_head = next(store.read(after=head.position - 1, limit=1), None) if head.position else None
        return _said(check_head(store.last(), head, at_head))
    except Tampered as error:
        return _broken(error.what)


def refuse_broken(store: EventStore) -> None:
    """Raise Tampered where the journal's end falls short of its signed head: nothing is decided on half a journal."""
    what = broken_end(store)
    if what:
        raise Tampered(what, where="journal", way_out=f"`headgate audit` names the place; {RESTORE}")


def refuse_edited(store: EventStore) -> None:
    """Raise Tampered where any event is not what was recorded: for decisions that stand on old ones; reads them all."""
    _, what = read_checked(store)
    if what:
        way_out = RESTORE if broken_end(store) else BACK
        raise Tampered(what, where="journal", way_out=f"`headgate audit` names the place; {way_out}")


def read_checked(store: EventStore) -> tuple[tuple[Event, ...], str]:
    """Return all events, and what is wrong with the chain or the head; "" when nothing is."""
    head: Head | None = None
    said = ""
    try:
        head = store.head()
    except Tampered as error:
        said = _broken(error.what)
    events = tuple(store.read())
    return events, said or _said(verify_chain(events, head))


def _said(broken: Break | None) -> str:
    return "" if broken is None else _broken(f"event {broken.position} {broken.fault}: {broken.why}")


def _broken(why: str) -> str:
    return f"the journal does not hold: {why}; run `headgate audit`"
