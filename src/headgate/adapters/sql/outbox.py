"""The outbox in the journal's database: cursors and deliveries beside the events they come from."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from headgate.adapters.sql.database import Database
from headgate.adapters.sql.rows import to_event, to_text
from headgate.adapters.sql.schema import CURSORS, DELIVERIES, EVENTS
from headgate.base.errors import Tampered
from headgate.journal.event import Event
from headgate.journal.outbox import delivery_id, wanted
from headgate.journal.ports import Delivery, Settled, Standing

PAGE = 500


class SqlOutbox:
    """Keeps what must still be sent; the contract is Outbox's. Every change is one serial transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def fill(self, webhook: str, patterns: Sequence[str], start: int, now: datetime) -> bool:
        """Take up a page of events after the cursor; tell whether there are more."""
        with self._database.reading() as connection:
            end = connection.scalar(sa.select(sa.func.max(EVENTS.c.position))) or 0
            if _cursor(connection, webhook) == end:
                return False
        with self._database.writing() as connection:
            after = _cursor(connection, webhook)
            after = start if after is None else after
            page = sa.select(EVENTS).where(EVENTS.c.position > after).order_by(EVENTS.c.position).limit(PAGE)
            events = [to_event(row) for row in connection.execute(page)]
            rows = [
                {"webhook": webhook, "position": event.position, "id": delivery_id(webhook, event)}
                for event in events
                if wanted(event.kind, patterns)
            ]
            if rows:
                fresh = {"state": "pending", "attempts": 0, "due": to_text(now), "why": ""}
                connection.execute(sa.insert(DELIVERIES), [row | fresh for row in rows])
            _set_cursor(connection, webhook, events[-1].position if events else after)
            return len(events) == PAGE

    def claim(self, webhook: str, now: datetime, lease: str, until: datetime) -> Delivery | None:
        """Take the next due delivery; the attempt counts from here, whether or not its holder lives to settle it."""
        with self._database.writing() as connection:
            waiting = sa.select(DELIVERIES).where(DELIVERIES.c.webhook == webhook, DELIVERIES.c.state == "pending")
            if connection.execute(waiting.where(DELIVERIES.c.leased_until > to_text(now)).limit(1)).first():
                return None
            due = waiting.where(DELIVERIES.c.due <= to_text(now)).order_by(DELIVERIES.c.position).limit(1)
            row = connection.execute(due).first()
            if row is None:
                return None
            connection.execute(
                sa.update(DELIVERIES)
                .where(DELIVERIES.c.webhook == webhook, DELIVERIES.c.position == row.position)
                .values(lease=lease, leased_until=to_text(until), attempts=row.attempts + 1)
            )
            return Delivery(webhook, row.id, _event(connection, row.position), row.attempts + 1, lease)

    def settle(self, delivery: Delivery, outcome: Settled) -> bool:
        """Record what an attempt came to; False when somebody else holds the delivery now."""
        mine = (DELIVERIES.c.webhook == delivery.webhook) & (DELIVERIES.c.lease == delivery.lease)
        values = {"state": outcome.state, "due": to_text(outcome.due), "why": outcome.why}
        with self._database.writing() as connection:
            done = connection.execute(
                sa.update(DELIVERIES)
                .where(mine, DELIVERIES.c.position == delivery.event.position)
                .values(lease=None, leased_until=None, **values)
            )
            return done.rowcount == 1

    def replay(self, webhook: str, position: int) -> None:
        """Send everything from this position on once more: forget what was done and put the cursor back."""
        with self._database.writing() as connection:
            found = _cursor(connection, webhook)
            gone = (DELIVERIES.c.webhook == webhook) & (DELIVERIES.c.position >= position)
            connection.execute(sa.delete(DELIVERIES).where(gone))
            if found is None:
                found = connection.scalar(sa.select(sa.func.max(EVENTS.c.position))) or 0
            _set_cursor(connection, webhook, min(found, position - 1))

    def standings(self) -> tuple[Standing, ...]:
        """Return how far each webhook is, by name."""
        with self._database.reading() as connection:
            cursors = connection.execute(sa.select(CURSORS).order_by(CURSORS.c.webhook)).all()
            return tuple(_standing(connection, row.webhook, row.position) for row in cursors)


def _event(connection: sa.Connection, position: int) -> Event:
    row = connection.execute(sa.select(EVENTS).where(EVENTS.c.position == position)).first()
    if row is None:
        where = f"event {position}"
        raise Tampered("it is due for delivery and gone from the journal", where=where, way_out="run `headgate audit`")
    return to_event(row)


def _standing(connection: sa.Connection, webhook: str, position: int) -> Standing:
    mine = DELIVERIES.c.webhook == webhook
    query = sa.select(DELIVERIES.c.state, sa.func.count()).where(mine).group_by(DELIVERIES.c.state)
    counts = {str(state): int(count) for state, count in connection.execute(query)}
    trouble = sa.select(DELIVERIES.c.why).where(mine, DELIVERIES.c.why != "").order_by(DELIVERIES.c.position).limit(1)
    why = str(connection.scalar(trouble) or "")
    return Standing(webhook, position, counts.get("done", 0), counts.get("pending", 0), counts.get("dead", 0), why)


def _cursor(connection: sa.Connection, webhook: str) -> int | None:
    return connection.scalar(sa.select(CURSORS.c.position).where(CURSORS.c.webhook == webhook))


def _set_cursor(connection: sa.Connection, webhook: str, position: int) -> None:
    moved = connection.execute(sa.update(CURSORS).where(CURSORS.c.webhook == webhook).values(position=position))
    if moved.rowcount == 0:
        connection.execute(sa.insert(CURSORS).values(webhook=webhook, position=position))
