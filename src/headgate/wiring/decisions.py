"""Where decisions are kept and made: the journal, who leads, who judges."""

from dataclasses import replace
from datetime import timedelta
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

DAY = timedelta(days=1)


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
        from headgate.release.bandit_steps import Bandit
        from headgate.release.judging.steps import Observer
        from headgate.wiring.judging import ProjectLog

        tasks = {name: model.task for name, model in self.policy.models.items()}
        final = {name: model.serving.final_after.total_seconds() for name, model in self.policy.models.items()}
        log = ProjectLog(self)
        return Bandit(Observer(self.rollups(), log, tasks, final), log, tasks)

    def today(self, model: str) -> "Today":
        """What a model's traffic was like lately: in the last hour; where that had none, in the last day.

        Where a guard waits for outcomes: which share of a day's predictions had one when the longest was due.
        """
        from headgate.release.today import HOUR, measured
        from headgate.wiring.judging import known_share, readable

        now = self.clock.now()
        second, rollups = int(now.timestamp()), self.rollups()
        spans = (list(rollups.read(model, second - span, second)) for span in (HOUR, 24 * HOUR))
        found = measured(next((rows for rows in spans if rows), []), second)
        guards = self.policy.models[model].release.guards
        waits = [guard.maturity for guard in guards.business.values()]
        waits += [guards.quality.maturity] if guards.quality else []
        if not waits:
            return found
        due = max(waits)
        with readable(model):
            share = known_share(self.joined(model, now - due - DAY, now - due, now, due))
        return replace(found, outcomes=share, maturity=due)

    @cached_property
    def _journal(self) -> "SqlEventStore":
        from headgate.adapters.head.keeper import HeadKeeper
        from headgate.adapters.sql.store import SqlEventStore

        settings = self.policy.settings
        url = anchor(settings.database, self.folder) or f"sqlite:///{self.state / 'headgate.db'}"
        head = self.folder / settings.head if settings.head else self.state / "head.json"
        return SqlEventStore(url, self.clock, HeadKeeper(head, self.state / "keys" / "head.pem"))
