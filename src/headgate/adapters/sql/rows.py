"""Events to rows and back, exactly: a row that is not byte for byte what was written is refused."""

import json
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from headgate.adapters.sql.schema import EVENTS
from headgate.base.digest import canonical
from headgate.base.errors import Tampered
from headgate.journal.chain import read_body, read_time
from headgate.journal.event import Event
from headgate.journal.ports import Document

COLUMNS = tuple(column.name for column in EVENTS.c)


def to_text(time: datetime) -> str:
    """Return a time as it is stored: UTC, fixed width, so that texts sort as times."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def to_row(event: Event) -> dict[str, object]:
    """Return an event as it is stored."""
    row = {name: getattr(event, name) for name in COLUMNS}
    return row | {"at": to_text(event.at), "body": canonical(event.body).decode()}


def to_event(row: "sa.Row[Any]") -> Event:
    """Return the event that a row holds.

    Raises:
        Tampered: The body or the time is not written as `to_row` writes it.
    """
    values: dict[str, Any] = dict(zip(COLUMNS, row, strict=True))
    try:
        return Event(**values | {"at": read_time(values["at"]), "body": read_body(values["body"])})
    except (TypeError, ValueError) as error:
        where = f"event {values['position']}"
        raise Tampered(f"the row was changed: {error}", where=where, way_out="run `headgate audit`") from error


def to_document(row: "sa.Row[Any]") -> Document:
    """Return the document that a row holds; Tampered when its body is not JSON."""
    try:
        return Document(row.collection, row.key, int(row.revision), json.loads(row.body))
    except (TypeError, ValueError) as error:
        where, way_out = f"document {row.collection} {row.key}", "run `headgate audit`"
        raise Tampered(f"the row was changed: {error}", where=where, way_out=way_out) from error
