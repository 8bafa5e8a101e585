"""Turn the answers of many ticks into record batches of the log: sampled, redacted, one pass a column. Pure."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from headgate.predictions.block import Rows
from headgate.predictions.columns import Array, Column, Packed, Piece, missing, pack, repeated
from headgate.predictions.redact import Hash, hash_column, thin
from headgate.predictions.row import INPUT, META, UNIT, Layout, Source
from headgate.predictions.stream import batch

IDENTITY = 36  # bytes of a uuid


def encode(layout: Layout, parts: Sequence[Rows], hashed: Hash, sample: float = 1.0) -> tuple[int, list[Piece]]:
    """Return how many rows are kept, and their messages in pieces: one for rows with values, one for those without.

    The pieces hold the arrays of the parts: they are written before those are used again.

    Args:
        layout: Of all of them.
        parts: In any order.
        hashed: Hashes what the policy wants hashed.
        sample: Share of the requests to keep.
    """
    if sample < 1:
        parts = [thin(part, sample) for part in parts]
    count = 0
    pieces: list[Piece] = []
    for has_values in (True, False):
        same = [part for part in parts if part.ids and (part.outputs is not None) is has_values]
        if same:
            rows, message = _batch(layout, same, hashed)
            count += rows
            pieces += message
    return count, pieces


def _batch(layout: Layout, parts: Sequence[Rows], hashed: Hash) -> tuple[int, list[Piece]]:
    counts, times, sources, statuses, latencies = zip(*[tick for part in parts for tick in part.ticks], strict=True)
    rows, columns = sum(counts), layout.columns

    def numbers(at: int, values: Sequence[int]) -> Packed:
        return pack(columns[at], np.repeat(np.array(values, np.int64), counts))

    runs = [
        (source, sum(count for _, count in run)) for source, run in groupby(zip(sources, counts, strict=True), _first)
    ]
    sizes = [size for _, size in runs]
    packed = [
        _ids(parts),
        pack(columns[1], _numbers_within(parts)),
        numbers(2, times),
        repeated([layout.model.encode()], [rows]),
        repeated([source.version.encode() for source, _ in runs], sizes),
        repeated([source.arm.encode() for source, _ in runs], sizes),
        repeated([source.role.encode() for source, _ in runs], sizes),
        _units(layout, parts, hashed, rows),
        numbers(8, statuses),
        numbers(9, latencies),
    ]
    packed += [_values(column, layout, parts, hashed, rows) for column in columns[len(META) :]]
    return rows, batch(rows, packed)


def _first(pair: tuple[Source, int]) -> Source:
    return pair[0]


def _ids(parts: Sequence[Rows]) -> Packed:
    if all(part.rows is None for part in parts):
        ids = b"".join([identity for part in parts for identity in part.ids])
        offsets = np.arange(len(ids) // IDENTITY + 1, dtype=np.int32) * np.int32(IDENTITY)
        return Packed(((len(offsets) - 1, 0),), (b"", offsets.tobytes(), ids))
    return repeated(
        [identity for part in parts for identity in part.ids], [size for part in parts for size in _sizes(part)]
    )


def _sizes(part: Rows) -> list[int]:
    return [1] * len(part.ids) if part.rows is None else part.rows


def _numbers_within(parts: Sequence[Rows]) -> Array:
    """Return each row's number within its request."""
    sizes = np.array([size for part in parts for size in _sizes(part)], np.int64)
    starts = np.cumsum(sizes) - sizes
    return (np.arange(sizes.sum()) - np.repeat(starts, sizes)).astype(np.int32)


def _units(layout: Layout, parts: Sequence[Rows], hashed: Hash, rows: int) -> Packed:
    unit, redaction = layout.columns[7], layout.redact.get(UNIT)
    if redaction == "drop" or all(part.units is None for part in parts):
        return missing(unit, rows)
    said = [one for part in parts for one in (part.units or [None] * len(part.ids))]
    column = np.empty(len(said), object)
    column[:] = said
    column = np.repeat(column, [size for part in parts for size in _sizes(part)])
    return pack(unit, hash_column(column, hashed) if redaction == "hash" else column)


def _values(column: Column, layout: Layout, parts: Sequence[Rows], hashed: Hash, rows: int) -> Packed:
    side, name = column.name.split(".", 1)
    every = [part.inputs if f"{side}." == INPUT else part.outputs for part in parts]
    if any(columns is None for columns in every):
        return missing(column, rows)
    values = np.concatenate([columns[name] for columns in every if columns is not None])
    return pack(column, hash_column(values, hashed) if name in layout.redact else values)
