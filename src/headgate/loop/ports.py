"""What the loop needs of the world: a place that says who leads."""

from datetime import timedelta
from typing import Protocol

from headgate.journal.ports import EventStore
from headgate.loop.lease import Term


class Leases(Protocol):
    """Keeps who leads, beside the journal.

    Contract: each reign has a higher number than every one before, also after a restart. Whether a lease ran out is
    judged by this place's own clock, never by a holder's. An append `under` a term is refused with Deposed, in the same
    transaction and with nothing written, once another reign began; a lease that ran out and that nobody took is none.
    Each method raises Unavailable when the place does not answer.
    """

    def acquire(self, name: str, holder: str, span: timedelta) -> Term | None:
        """Begin a reign; None while another holder's lasts."""
        ...

    def renew(self, term: Term, span: timedelta) -> Term:
        """Push on the lease of a reign, or raise Deposed."""
        ...

    def resign(self, term: Term) -> None:
        """End a reign at once; nothing happens where it has ended."""
        ...

    def read(self, name: str) -> Term | None:
        """Return the newest reign, which may have run out; None: there never was one."""
        ...

    def under(self, term: Term) -> EventStore:
        """Return the journal as the leader of a term may write it."""
        ...
