"""Which predictions are asked for, as SQL over the columns of the log. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from headgate.predictions.outcome import micros
from headgate.predictions.row import INPUT, OUTPUT

NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "BOOLEAN")


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


def brought_together(relations: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return the columns whose types DuckDB does not bring together by itself, and the type that holds them all.

    A vector's width is part of its type: versions whose vectors differ in width stand in one log, and so does what was
    logged before a policy had vectors hashed.

    Args:
        relations: DuckDB's type of every column.
    """
    kinds: dict[str, set[str]] = {}
    for columns in relations:
        for name, kind in columns.items():
            kinds.setdefault(name, set()).add(kind)
    return {name: _over(found) for name, found in kinds.items() if len(found) > 1 and any(map(_is_vector, found))}


def _is_vector(kind: str) -> bool:
    return kind.endswith("]")


def _over(kinds: Iterable[str]) -> str:
    if not all(map(_is_vector, kinds)):
        return "VARCHAR"
    bases = {kind.partition("[")[0] for kind in kinds}
    base = next(iter(bases)) if len(bases) == 1 else "DOUBLE" if bases <= set(NUMBERS) else "VARCHAR"
    return f"{base}[]"


def quoted(column: str) -> str:
    """Return a column's name as SQL takes it."""
    return '"' + column.replace('"', '""') + '"'


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
