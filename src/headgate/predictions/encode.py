"""Turn the answers of many ticks into record batches of the log: sampled, redacted, one pass a column. Pure."""

from collections.abc import Callable, Sequence
from itertools import chain, repeat

import numpy as np

from headgate.predictions.columns import Array, Column, Packed, missing, pack, repeated
from headgate.predictions.redact import Hash, hash_column, thin
from headgate.predictions.row import INPUT, UNIT, Answered, Layout
from headgate.predictions.stream import batch

IDENTITY = 36  # bytes of a uuid


def encode(layout: Layout, answers: Sequence[Answered], hashed: Hash, sample: float = 1.0) -> tuple[int, bytes]:
    """Return how many rows are kept, and their messages: one for rows with values, one for those without.

    Args:
        layout: Of all of them.
        answers: In any order.
        hashed: Hashes what the policy wants hashed.
        sample: Share of the requests to keep.
    """
    if sample < 1:
        answers = [thin(one, sample) for one in answers]
    count, messages = 0, []
    for has_values in (True, False):
        same = [one for one in answers if one.ids and (one.outputs is not None) is has_values]
        if same:
            rows, message = _batch(layout, same, hashed)
            count += rows
            messages.append(message)
    return count, b"".join(messages)


def _batch(layout: Layout, answers: Sequence[Answered], hashed: Hash) -> tuple[int, bytes]:
    counts = [one.count for one in answers]
    rows = sum(counts)

    def per_tick(values: Callable[[Answered], int], dtype: str) -> Array:
        return np.repeat(np.array([values(one) for one in answers], dtype), counts)

    packed = [
        _ids(answers),
        pack(layout.columns[1], _numbers_within(answers)),
        pack(layout.columns[2], per_tick(lambda one: one.time_us, "i8")),
        repeated([layout.model.encode()], [rows]),
        repeated([one.version.encode() for one in answers], counts),
        repeated([one.arm.encode() for one in answers], counts),
        repeated([one.role.encode() for one in answers], counts),
        _units(layout, answers, hashed),
        pack(layout.columns[8], per_tick(lambda one: one.status, "i2")),
        pack(layout.columns[9], per_tick(lambda one: one.latency_us, "i8")),
    ]
    packed += [_values(column, layout, answers, hashed, rows) for column in layout.columns[10:]]
    return rows, batch(rows, packed)


def _ids(answers: Sequence[Answered]) -> Packed:
    if all(one.rows is None for one in answers):
        ids = b"".join(chain.from_iterable([one.ids for one in answers]))
        offsets = np.arange(len(ids) // IDENTITY + 1, dtype=np.int32) * np.int32(IDENTITY)
        return Packed(((len(offsets) - 1, 0),), (b"", offsets.tobytes(), ids))
    texts = [identity for one in answers for identity in one.ids]
    return repeated(texts, [rows for one in answers for rows in (one.rows or repeat(1, len(one.ids)))])


def _numbers_within(answers: Sequence[Answered]) -> Array:
    parts = []
    for one in answers:
        if one.rows is None:
            parts.append(np.zeros(len(one.ids), "i4"))
        else:
            parts += [np.arange(rows, dtype="i4") for rows in one.rows]
    return np.concatenate(parts)


def _units(layout: Layout, answers: Sequence[Answered], hashed: Hash) -> Packed:
    unit, redaction = layout.columns[7], layout.redact.get(UNIT)
    rows = sum(one.count for one in answers)
    if redaction == "drop" or all(one.units is None for one in answers):
        return missing(unit, rows)
    texts: list[str | None] = []
    for one in answers:
        units = one.units or [None] * len(one.ids)
        texts += units if one.rows is None else np.repeat(np.array(units, object), one.rows).tolist()
    column = np.empty(len(texts), object)
    column[:] = texts
    return pack(unit, hash_column(column, hashed) if redaction == "hash" else column)


def _values(column: Column, layout: Layout, answers: Sequence[Answered], hashed: Hash, rows: int) -> Packed:
    side, name = column.name.split(".", 1)
    every = [one.inputs if f"{side}." == INPUT else one.outputs for one in answers]
    if any(columns is None for columns in every):
        return missing(column, rows)
    parts = [columns[name] for columns in every if columns is not None]
    values = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return pack(column, hash_column(values, hashed) if name in layout.redact else values)
