"""One thing that became true: how it is said, checked, and written as a line that shows damage. Pure.

An outcome names its prediction by id (and row, of a request of several), or by model, unit and time: the unit's latest
live prediction until then. The same value said twice is one outcome; another value is a correction, and both are kept.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from zlib import crc32

import msgspec

from headgate.base.errors import BadInput

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LONGEST = 1000
Short = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST)]
Time = Annotated[datetime, msgspec.Meta(tz=True)]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became true of a prediction.

    Attributes:
        id: Of the prediction; empty: it is named by model, unit and time.
        row: Within the request.
        model: The model's name; empty where there is an id.
        unit: Whom it concerns.
        time: Microseconds since 1970, UTC.
        value: As text; true and false in lower case.
        number: The value as a number (true is 1); None: it is a word.
        true_at: When it became true, microseconds; None: when it was received.
        received: When it arrived, microseconds.
        source: Where it came from: http, or the name of an imported file.
    """

    id: str
    row: int
    model: str
    unit: str
    time: int | None
    value: str
    number: float | None
    true_at: int | None
    received: int
    source: str


class Said(msgspec.Struct, forbid_unknown_fields=True):
    """An outcome as a client says it."""

    value: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | float | bool | Short
    id: Short | None = None
    row: Annotated[int, msgspec.Meta(ge=0, lt=2**31)] = 0
    model: Short | None = None
    unit: Short | None = None
    time: Time | None = None
    true_at: Time | None = None


def check(said: Said, received: int, source: str) -> Outcome:
    """Return the outcome that was said.

    Raises:
        BadInput: It names no prediction, or names it in two ways.
    """
    by_unit = (said.model, said.unit, said.time)
    if said.id is not None:
        if said.model is not None or said.unit is not None or said.time is not None:
            raise BadInput("an outcome names its prediction by id, or by model, unit and time, not by both")
        if not _UUID.fullmatch(said.id.lower()):
            raise BadInput(f"id {said.id[:60]!r} is no prediction id; an answer's header headgate-prediction-id has it")
    elif None in by_unit:
        raise BadInput("an outcome names its prediction: give its id, or model, unit and time together")
    text, number = _value(said.value)
    return Outcome(
        (said.id or "").lower(),
        said.row,
        said.model or "",
        said.unit or "",
        None if said.time is None else micros(said.time),
        text,
        number,
        None if said.true_at is None else micros(said.true_at),
        received,
        source,
    )


def _value(value: float | str | bool) -> tuple[str, float | None]:  # noqa: FBT001 - what became true may be a boolean
    if isinstance(value, bool):
        return str(value).lower(), float(value)
    return (value, None) if isinstance(value, str) else (repr(value), float(value))


def micros(time: datetime) -> int:
    """Return microseconds since 1970."""
    since = time - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def to_line(outcome: Outcome) -> bytes:
    """Return the line that is stored: a checksum, then JSON."""
    body = _encode(outcome)
    return b"%08x %b\n" % (crc32(body), body)


def from_line(line: bytes) -> Outcome | None:
    """Return the outcome of a whole, undamaged line; None for any other."""
    mark, _, body = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or mark != b"%08x" % crc32(body):
        return None
    outcome: Outcome = _decode(body)
    return outcome


def from_lines(data: bytes) -> Iterator[Outcome]:
    """Yield the outcomes of a segment's bytes; a torn line, which nobody was told of, is passed over."""
    for line in data.split(b"\n")[:-1]:
        outcome = from_line(line + b"\n")
        if outcome is not None:
            yield outcome


_encode = msgspec.json.Encoder().encode
_decode: Any = msgspec.json.Decoder(Outcome).decode
