"""Which predictions are asked for, as SQL over the columns of the log. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from headgate.predictions.outcome import micros
from headgate.predictions.row import INPUT, OUTPUT


@dataclass(frozen=True, slots=True)
class Wanted:
    """A choice of predictions; what is None, or empty, does not matter.

    Attributes:
        since: The earliest time.
        until: Before this time.
        version: The registry's version.
        arm: The arm's name.
        unit: As it stands in the log: hashed where the policy says so.
        id: Of the request.
        role: live or shadow.
        limit: The latest so many.
    """

    since: datetime | None = None
    until: datetime | None = None
    version: str = ""
    arm: str = ""
    unit: str = ""
    id: str = ""
    role: str = ""
    limit: int | None = None

    def where(self) -> tuple[str, list[Any]]:
        """Return a WHERE clause, or nothing, and its parameters."""
        parts, values = [], []
        for sign, time in ((">=", self.since), ("<", self.until)):
            if time is not None:
                parts.append(f"time {sign} make_timestamptz(?)")
                values.append(micros(time))
        for column in ("version", "arm", "unit", "id", "role"):
            value = getattr(self, column)
            if value:
                parts.append(f"{column} = ?")
                values.append(value)
        return (f" WHERE {' AND '.join(parts)}" if parts else ""), values


def select(relations: list[str], wanted: Wanted) -> tuple[str, list[Any]]:
    """Return the query over relations whose columns may differ: the latest rows first where there is a limit."""
    where, values = wanted.where()
    rows = " UNION ALL BY NAME ".join(f"SELECT * FROM {relation}{where}" for relation in relations)  # noqa: S608 - names of our own
    order = " ORDER BY time DESC, id DESC, row DESC" if wanted.limit is not None else ""
    limit = f" LIMIT {wanted.limit:d}" if wanted.limit is not None else ""
    return rows + order + limit, values * len(relations)


def parts_of(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its inputs and outputs as objects of their own."""
    plain = {name: value for name, value in row.items() if not name.startswith((INPUT, OUTPUT))}
    for prefix, name in ((INPUT, "inputs"), (OUTPUT, "outputs")):
        plain[name] = {key.removeprefix(prefix): value for key, value in row.items() if key.startswith(prefix)}
    return plain
