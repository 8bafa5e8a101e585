"""Decide who leads: one controller at a time, and each reign has a higher number than the one before.

The number is the fence. A lease alone cannot keep a paused process from acting when it wakes: it believes what it knew.
So whatever a leader records carries its number, and is refused once there is a higher one, whatever any clock says. The
time handed in here is that of the place that keeps the lease, never a controller's own.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from headgate.base.errors import Deposed

CONTROLLER = "controller"


@dataclass(frozen=True, slots=True)
class Term:
    """A reign.

    Attributes:
        name: Of what is led.
        number: 1, 2, 3 ...: higher than that of every reign before.
        holder: Who leads; another one for every process.
        until: When somebody else may lead, by the clock of the place that keeps the lease.
    """

    name: str
    number: int
    holder: str
    until: datetime


def take(found: Term | None, name: str, holder: str, now: datetime, span: timedelta) -> Term | None:
    """Return the reign that begins now; None while another one lasts."""
    if found is not None and found.holder != holder and now < found.until:
        return None
    return Term(name, found.number + 1 if found else 1, holder, now + span)


def keep(found: Term | None, term: Term, now: datetime, span: timedelta) -> Term:
    """Return the reign with its lease pushed on; one that ran out and that nobody took goes on.

    Raises:
        Deposed: Somebody else leads by now.
    """
    refuse_old(found, term)
    return replace(term, until=now + span)


def leave(found: Term | None, term: Term, now: datetime) -> Term | None:
    """Return the reign as it ends at once, for the next one to begin; None: it is another's already."""
    return None if found is None or found.number != term.number else replace(term, until=now)


def refuse_old(found: Term | None, term: Term) -> None:
    """Raise Deposed unless a reign is the newest."""
    if found is not None and found.number == term.number:
        return
    newest = f"{found.holder} leads since, in term {found.number}" if found else "nobody knows of that term"
    raise Deposed(
        f"the {term.name} of term {term.number} ({term.holder}) may record nothing: {newest}",
        where=term.name,
        way_out="nothing to do: whoever leads carries on",
    )
