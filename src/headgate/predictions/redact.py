"""Take out of answers what the policy does not want kept, before anything is written. Pure.

A hash keeps who is equal to whom and nothing else: BLAKE2b keyed with the project's salt, 128 bits as 32 hex digits.
"""

from collections.abc import Callable
from hashlib import blake2b
from itertools import compress
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from headgate.predictions.block import Rows

Hash = Callable[[str], str]


def hasher(salt: bytes) -> Hash:
    """Return the hash of a project."""

    def hashed(text: str) -> str:
        return blake2b(text.encode(errors="backslashreplace"), key=salt, digest_size=16).hexdigest()

    return hashed


def hash_column(values: npt.NDArray[Any], hashed: Hash) -> npt.NDArray[Any]:
    """Return the hash of each row of a column, as strings; None where a value is missing."""
    texts = np.empty(len(values), object)
    texts[:] = [None if value != value or value is None else hashed(_text(value)) for value in values.tolist()]  # noqa: PLR0124 - NaN
    return texts


def _text(value: object) -> str:
    return value if isinstance(value, str) else repr(value)


def kept(identity: bytes, sample: float) -> bool:
    """Say whether a request is in the sample: the same answer for the same id, wherever it is asked."""
    return crc32(identity) < sample * 2**32


def thin(batch: Rows, sample: float) -> Rows:
    """Return the requests of the batch that are in the sample."""
    chosen = [kept(identity, sample) for identity in batch.ids]
    rows = np.array(chosen, bool) if batch.rows is None else np.repeat(chosen, batch.rows)
    ends = np.cumsum([tick[0] for tick in batch.ticks])
    left = np.diff(np.concatenate(([0], np.cumsum(rows)))[np.concatenate(([0], ends))]).tolist()
    return Rows(
        batch.layout,
        list(compress(batch.ids, chosen)),
        None if batch.rows is None else list(compress(batch.rows, chosen)),
        None if batch.units is None else list(compress(batch.units, chosen)),
        [(count, *tick[1:]) for count, tick in zip(left, batch.ticks, strict=True) if count],
        None if batch.inputs is None else {name: values[rows] for name, values in batch.inputs.items()},
        None if batch.outputs is None else {name: values[rows] for name, values in batch.outputs.items()},
    )
