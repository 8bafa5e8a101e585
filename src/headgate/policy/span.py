"""Spans of time ("90s", "14d") and moments (ISO 8601 with a zone), as headgate.yaml writes them."""

import re
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
PATTERN = r"(\d{1,13}(?:\.\d{1,6})?)(ms|s|m|h|d)"
MILLISECOND = timedelta(milliseconds=1)
LONGEST = timedelta(days=36_500)


def parse_span(text: object) -> object:
    """Turn ``"90s"``, ``"10m"``, ``"24h"``, ``"14d"`` into a timedelta; ValueError for anything else."""
    if isinstance(text, timedelta):
        return text
    found = re.fullmatch(PATTERN, text.strip()) if isinstance(text, str) else None
    if found is None:
        raise ValueError('write a span such as "90s", "10m", "24h" or "14d"')
    milliseconds = float(found[1]) * UNITS[found[2]]
    if not 0 < milliseconds <= LONGEST / MILLISECOND or milliseconds != int(milliseconds):
        raise ValueError("a span is a whole number of milliseconds, at least one, and at most a hundred years")
    return int(milliseconds) * MILLISECOND


def show_span(span: timedelta) -> str:
    """Return the shortest text that parse_span reads back."""
    milliseconds = span // MILLISECOND
    unit = next(unit for unit, size in UNITS.items() if milliseconds % size == 0)
    return f"{milliseconds // UNITS[unit]}{unit}"


def parse_moment(text: str) -> datetime:
    """Return the aware time that ISO 8601 text with a zone names; ValueError for anything else."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None:
        raise ValueError("write a time in ISO 8601 with its zone, such as 2024-03-01T00:00:00Z")
    if moment.tzinfo is None:
        raise ValueError(f"has no zone; write {moment.isoformat()}Z if you mean UTC")
    return moment


def check_moment(text: str) -> str:
    """Return the text when it names a moment."""
    parse_moment(text)
    return text


Span = Annotated[
    timedelta,
    BeforeValidator(parse_span),
    PlainSerializer(show_span, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^{PATTERN}$"}),
]
Moment = Annotated[str, AfterValidator(check_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
