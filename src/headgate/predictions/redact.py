"""Take out of answers what the policy does not want kept, before anything is written. Pure.

A hash keeps who is equal to whom and nothing else: BLAKE2b keyed with the project's salt, 128 bits as 32 hex digits.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import blake2b
from itertools import compress
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from headgate.base.errors import BadInput
from headgate.predictions.block import Rows
from headgate.predictions.outcome import Outcome
from headgate.predictions.row import Redaction

Hash = Callable[[str], str]
Conceal = Callable[[Outcome], Outcome]
MARK = "hashed:"  # before the unit of an outcome whose unit was hashed before it was written
_HASHED = re.compile(f"{MARK}[0-9a-f]{{32}}")


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


def concealing(units: Mapping[str, Redaction], hashed: Hash) -> Conceal:
    """Return what makes an outcome fit to be written; raises BadInput for one that names a unit that is not kept.

    Args:
        units: Model to what becomes of its units; models that are not there keep theirs.
        hashed: Hashes them, as it does in the log.
    """

    def conceal(outcome: Outcome) -> Outcome:
        redaction = units.get(outcome.model) if outcome.unit else None
        if redaction is None:
            return outcome
        if redaction == "drop":
            raise BadInput(f"units of model {outcome.model} are not kept: name the prediction by its id")
        return replace(outcome, unit=MARK + hashed(outcome.unit))

    return conceal


def as_logged(unit: str, hashed: Hash | None) -> str:
    """Return an outcome's unit as the log has it: hashed once, here or before it was written.

    Args:
        unit: As it was written; empty: the outcome names an id.
        hashed: None: the log has units as they were said.
    """
    if _HASHED.fullmatch(unit):
        return unit.removeprefix(MARK)
    return hashed(unit) if unit and hashed is not None else unit


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
