"""Answers rows that a version has answered before, for as long as the policy says; a bounded store for each version.

It stands before the model and behind everything else: every answer still has an id of its own, is logged and counted.
The key is the row as the signature has cast it, so that the same row meets the same entry in every protocol; a store
belongs to one version in memory and ends with it, so no version ever answers with another one's outputs.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from headgate.features.predictor import Predictor
from headgate.policy.model import CachePolicy
from headgate.registry.signature import Columns

ENTRY_BYTES = 300  # what an entry takes beside its key and its outputs, about
MEGABYTE = 1_000_000
Array: TypeAlias = npt.NDArray[Any]


@dataclass(slots=True)
class Counts:
    """What a cache did: rows that it knew, rows that it did not, and bytes that it holds, about."""

    hits: int = 0
    misses: int = 0
    bytes: int = 0


class Cached(Predictor):
    """A predictor that remembers its answers. Threads may share it.

    Args:
        inner: Answers what is not known.
        policy: For how long, and how much.
        seconds: Reads a clock that only rises.
    """

    def __init__(self, inner: Predictor, policy: CachePolicy, seconds: Callable[[], float]) -> None:
        self.manifest = inner.manifest
        self.counts = Counts()
        self._inner = inner
        self._names = tuple(field.name for field in inner.manifest.signature.inputs)
        self._life = policy.ttl.total_seconds()
        self._most = int(policy.max_mb * MEGABYTE)
        self._seconds = seconds
        self._known: OrderedDict[bytes, tuple[float, int, tuple[Any, ...]]] = OrderedDict()
        self._types: dict[str, np.dtype[Any]] = {}
        self._lock = Lock()

    def predict(self, inputs: Columns) -> dict[str, Array]:
        """Return the outputs of these rows: known ones from memory, the others from the model, in one call."""
        keys = row_keys({name: inputs[name] for name in self._names})  # a client may send them in any order
        with self._lock:
            rows = self._look_up(keys, self._seconds())
        missing = [at for at, row in enumerate(rows) if row is None]
        if len(missing) == len(rows):
            outputs = self._inner.predict(inputs)
            self._keep(keys, outputs)
            return outputs
        if missing:
            outputs = self._inner.predict({name: values[missing] for name, values in inputs.items()})
            for at, row in zip(missing, self._keep([keys[at] for at in missing], outputs), strict=True):
                rows[at] = row
        made = zip(*[row for row in rows if row is not None], strict=True)
        return {name: np.array(column, kind) for (name, kind), column in zip(self._types.items(), made, strict=True)}

    def close(self) -> None:
        """Let go of the model, and of every answer."""
        self._known.clear()
        self._inner.close()

    def _look_up(self, keys: Sequence[bytes], now: float) -> list[tuple[Any, ...] | None]:
        rows: list[tuple[Any, ...] | None] = []
        for key in keys:
            entry = self._known.get(key)
            if entry is not None and entry[0] <= now:
                self._forget(key)
                entry = None
            if entry is not None:
                self._known.move_to_end(key)
            rows.append(None if entry is None else entry[2])
        found = sum(row is not None for row in rows)
        self.counts.hits += found
        self.counts.misses += len(rows) - found
        return rows

    def _keep(self, keys: Sequence[bytes], outputs: Mapping[str, Array]) -> list[tuple[Any, ...]]:
        """Remember rows; the ones that were used longest ago go when there is no room."""
        rows = list(zip(*map(_alone, outputs.values()), strict=True))
        each = sum(map(_size, outputs.values())) // max(1, len(rows)) + ENTRY_BYTES
        with self._lock:
            self._types = {name: values.dtype for name, values in outputs.items()}
            ends = self._seconds() + self._life
            for key, row in zip(keys, rows, strict=True):
                self._forget(key)
                self._known[key] = (ends, each + len(key), row)
                self.counts.bytes += each + len(key)
            while self.counts.bytes > self._most and self._known:
                self._forget(next(iter(self._known)))
        return rows

    def _forget(self, key: bytes) -> None:
        entry = self._known.pop(key, None)
        if entry is not None:
            self.counts.bytes -= entry[1]


def _alone(values: Array) -> Sequence[Any]:
    """Return the rows of an output, none of which keeps the memory of the others."""
    return list(values) if values.ndim == 1 else [row.copy() for row in values]


def _size(values: Array) -> int:
    """Return how many bytes an output takes, the characters of its strings with it."""
    texts = sum(len(text) for text in values.flat if text) if values.dtype == object else 0
    return values.nbytes + texts


def row_keys(inputs: Columns) -> list[bytes]:
    """Return bytes for each row that are the same for the same values, and for no others."""
    rows = len(next(iter(inputs.values())))
    fixed = [
        np.ascontiguousarray(values).reshape(rows, -1).view(np.uint8)
        for values in inputs.values()
        if values.dtype != object
    ]
    data, width = b"", 0
    if fixed:
        joined = np.concatenate(fixed, axis=1)
        data, width = joined.tobytes(), joined.shape[1]
    keys = [data[at * width : (at + 1) * width] for at in range(rows)]
    for values in inputs.values():
        if values.dtype == object:
            keys = [key + _text(row) for key, row in zip(keys, values.reshape(rows, -1), strict=True)]
    return keys


def _text(row: Array) -> bytes:
    """Return strings with their lengths before them; a missing one is no string."""
    texts = [None if text is None else text.encode(errors="surrogatepass") for text in row]
    return b"".join([b"-" if text is None else b"%d:%b" % (len(text), text) for text in texts])
