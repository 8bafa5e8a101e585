"""What was production at a time: which version, since when, by whom, and on what grounds."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from headgate.base.errors import BadInput
from headgate.release.ledger import Given, Ledger, Moved


@dataclass(frozen=True, slots=True)
class Served:
    """What served at a time.

    Attributes:
        move: The move that made it champion.
        until: When the next one took over; None: it serves still.
        verdict: The verdict it stood on.
    """

    move: Moved
    until: datetime | None
    verdict: Given | None

    def to_json(self) -> dict[str, Any]:
        """Return what a program is told."""
        move = self.move
        return {
            "version": move.version,
            "digest": move.digest,
            "since": move.at.isoformat(),
            "until": self.until.isoformat() if self.until else None,
            "by": move.actor,
            "because": move.reason,
            "cause": move.cause,
            "approvers": list(move.approvers),
            "authenticated": move.authenticated,
            "override": move.override,
            "verdict": self.verdict.verdict.to_json() if self.verdict else None,
            "position": move.position,
        }


def at(ledger: Ledger, when: datetime) -> Served | None:
    """Return what served at a time (aware); None: nothing did yet."""
    reached = [place for place, move in enumerate(ledger.moves) if move.at <= when]
    if not reached:
        return None
    move = ledger.moves[reached[-1]]
    later = ledger.moves[reached[-1] + 1 :]
    return Served(move, later[0].at if later else None, verdict_behind(ledger, move))


def verdict_behind(ledger: Ledger, move: Moved) -> Given | None:
    """Return the verdict a move stood on: under its own scorecard, else (for a return) the last one before it."""
    given = ledger.verdict(move.version, str(move.rules["scorecard"]), before=move.position)
    earlier = [one for one in ledger.verdicts.get(move.version, ()) if one.position < move.position]
    return given or (earlier[-1] if earlier else None)


def read_time(text: str) -> tuple[datetime, bool]:
    """Return a time in UTC, and whether its zone had to be assumed to be UTC.

    Raises:
        BadInput: It is not ISO 8601.
    """
    try:
        when = datetime.fromisoformat(re.sub(r"\s+", "T", text.strip(), count=1))
    except ValueError as error:
        raise BadInput(
            f"{text!r} is not a time", where="at", way_out="write 2026-03-01T12:00Z, or 2026-03-01T12:00+02:00"
        ) from error
    if when.tzinfo is None:
        return when.replace(tzinfo=UTC), True
    return when.astimezone(UTC), False
