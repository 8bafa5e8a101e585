"""Where decisions are kept and made: the journal, who leads, who judges."""

from functools import cached_property
from typing import TYPE_CHECKING

from headgate.wiring.place import anchor
from headgate.wiring.traffic import Traffic

if TYPE_CHECKING:
    from headgate.adapters.sql.store import SqlEventStore
    from headgate.journal.event import Event
    from headgate.journal.ports import EventStore
    from headgate.loop.ports import Leases
    from headgate.release.forecast import Traffic as Today
    from headgate.release.ports import Judge


class Decisions(Traffic):
    """A project's journal and what stands on it."""

    def journal(self) -> "EventStore":
        """The journal."""
        return self._journal

    def renew_head(self, actor: str, reason: str) -> "Event":
        """Start a new signed head at the journal's present end; return the event that says so."""
        return self._journal.renew_head(actor, reason)

    def leases(self) -> "Leases":
        """Who leads, beside the journal."""
        from headgate.adapters.sql.lease import SqlLeases

        return SqlLeases(self._journal)

    def judge(self) -> "Judge":
        """Who judges releases."""
        from headgate.release.blind import Blind

        return Blind()

    def today(self, model: str) -> "Today":
        """What a model's traffic was like lately: in the last hour; where that had none, in the last day."""
        from headgate.release.today import HOUR, measured

        second, rollups = int(self.clock.now().timestamp()), self.rollups()
        spans = (list(rollups.read(model, second - span, second)) for span in (HOUR, 24 * HOUR))
        rows = next((found for found in spans if found), [])
        return measured(rows, second)

    @cached_property
    def _journal(self) -> "SqlEventStore":
        from headgate.adapters.head.keeper import HeadKeeper
        from headgate.adapters.sql.store import SqlEventStore

        settings = self.policy.settings
        url = anchor(settings.database, self.folder) or f"sqlite:///{self.state / 'headgate.db'}"
        head = self.folder / settings.head if settings.head else self.state / "head.json"
        return SqlEventStore(url, self.clock, HeadKeeper(head, self.state / "keys" / "head.pem"))
