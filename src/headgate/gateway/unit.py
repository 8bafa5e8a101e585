"""Whom a request is about: what the header headgate-unit says, else what the policy's unit column holds. Pure.

The split, the prediction log and the rollups all ask here, so that one unit is the same one to each of them.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from headgate.gateway.call import Batch

UNIT = b"headgate-unit"


def canonical(unit: bytes) -> bytes:
    """Return a unit as it is hashed: UTF-8; bytes that are none are read as Latin-1, as HTTP once had it."""
    if unit.isascii():
        return unit
    try:
        unit.decode()
    except UnicodeDecodeError:
        return unit.decode("latin-1").encode()
    return unit


def said(batch: Batch) -> list[bytes | None]:
    """Return what each request's head says of its unit, as it is hashed; empty when none says anything. Read once."""
    if batch.said is None:
        heads = [waiting.head for waiting, _ in batch.singles]
        if batch.asked:
            heads += [waiting.head for waiting, _ in batch.asked]
        alike = heads[:1] if heads and heads.count(heads[0]) == len(heads) else heads  # most often one client's
        units: list[bytes | None] = [head.headers.get(UNIT) for head in alike]
        if alike is not heads:
            units *= len(heads)
        batch.said = [unit and canonical(unit) for unit in units] if any(units) else []
    return batch.said


def text_of(value: Any) -> str | None:
    """Return the unit that a value of the column means; None for a missing one. A whole number is written as one."""
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # a column of whole numbers that may be missing holds floats
    return str(value)


def texts(batch: Batch, column: Any) -> list[str | None] | None:
    """Return each request's unit as the log keeps it: its head's, else its first row's; None when there is none at all.

    Args:
        batch: The requests.
        column: The unit column of all rows of the batch, [n]; None: there is none.
    """
    heads = said(batch)
    if column is None:
        return [None if unit is None else unit.decode() for unit in heads] if heads else None
    values = _first(batch, column)
    if not heads:
        return [text_of(value) for value in values]
    return [text_of(value) if unit is None else unit.decode() for unit, value in zip(heads, values, strict=True)]


def keys(batch: Batch, column: Any) -> list[bytes | None] | None:
    """Return each request's unit as it is hashed, for split and buckets alike; None when there is none at all."""
    heads = said(batch)
    if column is None:
        return heads or None
    values = _first(batch, column)
    if not heads:
        return [key_of(value) for value in values]
    return [unit or key_of(value) for unit, value in zip(heads, values, strict=True)]


def key_of(value: Any) -> bytes | None:
    """Return what is hashed of a value of the unit column."""
    text = text_of(value)
    return None if text is None else text.encode("utf-8", "backslashreplace")


def _first(batch: Batch, column: Any) -> Sequence[Any]:
    """Return the column's value in the first row of each request."""
    if batch.asked:
        rows = [1] * len(batch.singles) + [asked.rows for _, asked in batch.asked]
        column = column[[0, *accumulate(rows[:-1])]]
    values: Sequence[Any] = column.tolist()
    return values
