"""Pairs of one request: what a client was answered, and what a shadow answered to the same row. SQL, and no more. Pure.

Live and shadow prediction have one id and row; a request that several shadows got makes a pair with each.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from headgate.predictions.outcome import micros
from headgate.predictions.query import NUMBERS, quoted
from headgate.predictions.row import INPUT, OUTPUT

LIVE, SHADOW = "live.", "shadow."
COLUMNS = """
    l.id, l.row, l.time, l.unit, l.version, l.arm, s.version AS shadow_version, s.arm AS shadow,
    l.status, s.status AS shadow_status, l.latency_us, s.latency_us AS shadow_latency_us
"""
OUTCOME = ("outcome", "outcome_number", "outcome_at", "said", "mature")


@dataclass(frozen=True, slots=True)
class Between:
    """A choice of pairs; what is None, or empty, does not matter.

    Attributes:
        version: The shadow's.
        since: The earliest time of the live answer.
        until: Before this time of the live answer.
        unit: As it stands in the log.
        id: Of the request.
        limit: The so many that differ most; None: all, in no order.
    """

    version: str = ""
    since: datetime | None = None
    until: datetime | None = None
    unit: str = ""
    id: str = ""
    limit: int | None = None


def select(relations: list[str], types: Mapping[str, str], wanted: Between) -> tuple[str, list[Any]]:
    """Return the query of the pairs, and its parameters.

    Args:
        relations: That hold the log; their columns may differ.
        types: DuckDB's type of every column that one of them has.
        wanted: Which pairs.
    """
    rows = " UNION ALL BY NAME ".join(f"SELECT * FROM {relation}" for relation in relations)  # noqa: S608 - names of our own
    live, shadow, values = _where(wanted)
    inputs = [f"l.{quoted(name)}" for name in types if name.startswith(INPUT)]
    outputs = [name.removeprefix(OUTPUT) for name in types if name.startswith(OUTPUT)]
    shown = [
        f"{alias}.{quoted(OUTPUT + name)} AS {quoted(prefix + name)}"
        for alias, prefix in (("l", LIVE), ("s", SHADOW))
        for name in outputs
    ]
    parts = [_difference(quoted(OUTPUT + name), types[OUTPUT + name]) for name in outputs]
    difference = (f"greatest({', '.join(parts)})" if parts else "NULL") + " AS difference"
    columns = ", ".join([COLUMNS, difference, *inputs, *shown])
    order = f" ORDER BY difference DESC NULLS LAST, id, row LIMIT {wanted.limit:d}" if wanted.limit is not None else ""
    query = (
        f"WITH every AS ({rows}) SELECT {columns} FROM "  # noqa: S608 - columns are quoted
        f"(SELECT * FROM every WHERE {live}) AS l JOIN (SELECT * FROM every WHERE {shadow}) AS s USING (id, row){order}"
    )
    return query, values


def with_outcomes(pairs: Any, joined: Any) -> Any:
    """Return pairs with what became true of them, as far as it is known.

    Args:
        pairs: An Arrow table.
        joined: Live predictions with their outcomes, as `predictions.join.Joined` has them; an Arrow table.
    """
    import duckdb

    more = ", ".join(f"j.{name}" for name in OUTCOME)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("pairs", pairs)
        connection.register("joined", joined)
        query = f"SELECT p.*, {more} FROM pairs AS p LEFT JOIN joined AS j USING (id, row)"  # noqa: S608 - our own words
        return connection.sql(query).to_arrow_table()


def parts_of(row: dict[str, Any]) -> dict[str, Any]:
    """Return a pair with its inputs and both outputs as objects of their own."""
    prefixes = {"inputs": INPUT, "live": LIVE, "shadow_outputs": SHADOW}
    plain = {name: value for name, value in row.items() if not name.startswith((INPUT, LIVE, SHADOW))}
    for name, prefix in prefixes.items():
        plain[name] = {key.removeprefix(prefix): value for key, value in row.items() if key.startswith(prefix)}
    return plain


def _where(wanted: Between) -> tuple[str, str, list[Any]]:
    """Return what both sides are held to, and the parameters of both. A shadow answers later than the client is."""
    values: list[Any] = []
    sides = []
    for role in ("live", "shadow"):
        parts = [f"role = '{role}'"]
        bounds = [("time >= make_timestamptz(?)", wanted.since), ("time < make_timestamptz(?)", wanted.until)]
        for test, time in bounds[: 2 if role == "live" else 1]:
            if time is not None:
                parts.append(test)
                values.append(micros(time))
        texts = {"id": wanted.id} | ({"unit": wanted.unit} if role == "live" else {"version": wanted.version})
        for column, text in texts.items():
            if text:
                parts.append(f"{column} = ?")
                values.append(text)
        sides.append(" AND ".join(parts))
    return sides[0], sides[1], values


def _difference(column: str, kind: str) -> str:
    """Return how far two outputs lie apart: numbers by their distance, vectors by their largest, words by 1 or 0."""
    if kind in NUMBERS:
        return f"abs(l.{column}::DOUBLE - s.{column}::DOUBLE)"
    base = kind.split("[", maxsplit=1)[0]
    if kind.endswith("]") and base in NUMBERS:
        pairs = f"list_zip(l.{column}::DOUBLE[], s.{column}::DOUBLE[])"
        far = f"list_max(list_transform({pairs}, lambda one: abs(one[1] - one[2])))"
        return f"CASE WHEN l.{column} IS NOT NULL AND s.{column} IS NOT NULL THEN {far} END"
    return f"(l.{column} <> s.{column})::INTEGER::DOUBLE"
