"""Outcomes as rows of a file: the columns of an outcome, their cells as text or typed. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from headgate.base.errors import BadInput
from headgate.predictions.outcome import Outcome, Said, check
from headgate.predictions.redact import Conceal

COLUMNS = ("id", "row", "model", "unit", "time", "value", "true_at")
WORDS = {"true": True, "false": False}


def check_columns(names: Iterable[str], where: str) -> None:
    """Refuse a file that lacks what every outcome has, or holds what none has.

    Raises:
        BadInput: Names the columns.
    """
    found = list(names)
    unknown = [name for name in found if name not in COLUMNS]
    named = "id" in found or {"model", "unit", "time"} <= set(found)
    if unknown or "value" not in found or not named:
        what = f"unknown column {', '.join(unknown)}" if unknown else "a column is missing"
        raise BadInput(what, where=where, way_out="columns: value, id (or model, unit, time); may be: row, true_at")


def outcomes(
    rows: Iterable[Mapping[str, Any]],
    first: int,
    received: int,
    source: str,
    conceal: Conceal = lambda outcome: outcome,
) -> Iterator[tuple[int, Outcome | str]]:
    """Yield each row's number and its outcome, or what is wrong with it.

    Args:
        rows: Cells by column; empty and None are missing.
        first: The number of the first row.
        received: When they are taken in, microseconds.
        source: The file's name.
        conceal: Makes an outcome fit to be written; raises BadInput for one that may not be.
    """
    for number, row in enumerate(rows, start=first):
        try:
            cells = {name: _cell(name, value) for name, value in row.items() if value is not None and value != ""}
            yield number, conceal(check(msgspec.convert(cells, Said, strict=False), received, source))
        except BadInput as error:
            yield number, error.what
        except (msgspec.ValidationError, ValueError, TypeError) as error:
            yield number, str(error)


def _cell(name: str, value: Any) -> Any:
    if name == "value" and isinstance(value, str):
        return _literal(value)
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)  # Parquet's times without a zone are UTC
    return value


def _literal(text: str) -> bool | float | str:
    """Return the value that a text cell means: true, false, a number, or the word itself."""
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        return number if number == number and abs(number) != float("inf") else text  # noqa: PLR0124 - NaN
    return text
