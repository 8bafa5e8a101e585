"""One call of a model for a batch of requests: gather the rows, run them; a bad row fails its own request alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from headgate.base.errors import Unavailable
from headgate.base.trace import CURRENT, Trace
from headgate.gateway.protocols.asked import Asked
from headgate.gateway.protocols.row import Row, columns_of
from headgate.gateway.version import Loaded
from headgate.registry.signature import Columns

Outputs: TypeAlias = Mapping[str, npt.NDArray[Any]]


@dataclass(slots=True)
class Batch:
    """Requests that are computed together: single rows first, then the others in order.

    Attributes:
        singles: Who waits, and the row.
        asked: Who waits, and what was asked.
        since: When the first of them came, in seconds of a clock that only rises.
        said: What the head of each request says of its unit, once somebody asked (gateway/unit.py).
    """

    singles: list[tuple[Any, Any]]
    asked: list[tuple[Any, Asked]]
    since: float = 0.0
    said: list[bytes | None] | None = None

    @property
    def rows(self) -> int:
        """How many rows it has."""
        singles = len(self.singles)
        return singles + sum(asked.rows for _, asked in self.asked) if self.asked else singles


Result: TypeAlias = tuple[Batch, Columns | None, "Outputs | Exception"]


def compute(
    loaded: Loaded, batch: Batch, most_rows: int, trace: Callable[[Batch], Trace | None] | None = None
) -> list[Result]:
    """Run a batch; when it fails, run each of its requests alone, so that only the bad ones fail.

    Args:
        loaded: The version.
        batch: What is asked.
        most_rows: Of one call of the model; a larger batch takes several calls.
        trace: Reads the trace context of a batch, in a thread that does nothing else meanwhile; None: nobody needs it.
    """
    if not batch.singles and not batch.asked:
        return []
    inputs = None
    try:
        inputs = gather(loaded, batch)
        if trace is not None:
            CURRENT.set(trace(batch))
        return [(batch, inputs, predict(loaded, inputs, batch.rows, most_rows))]
    except (Exception, SystemExit) as raised:  # noqa: BLE001 - whatever a model raises is the answer to its own requests, and ends nothing else
        error = raised if isinstance(raised, Exception) else RuntimeError("the model wanted to end this process")
        alone = [Batch([single], [], batch.since) for single in batch.singles]
        alone += [Batch([], [asked], batch.since) for asked in batch.asked]
        if len(alone) == 1 or not is_about_rows(error):
            return [(batch, inputs, error)]
    return [result for one in alone for result in compute(loaded, one, most_rows, trace)]


def predict(loaded: Loaded, inputs: Columns, rows: int, most_rows: int) -> Outputs:
    """Return the outputs of all rows, from as many calls as it takes."""
    if rows <= most_rows:
        return loaded.predictor.predict(inputs)
    parts = [
        loaded.predictor.predict({name: values[start : start + most_rows] for name, values in inputs.items()})
        for start in range(0, rows, most_rows)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def is_about_rows(error: Exception) -> bool:
    """Say whether an error may concern single rows: not when the model itself is away."""
    return not isinstance(error, Unavailable)


def gather(loaded: Loaded, batch: Batch) -> Mapping[str, npt.NDArray[Any]]:
    """Return the columns of a whole batch."""
    if not batch.asked:
        return loaded.singles.gather([row for _, row in batch.singles])
    parts = [asked.columns for _, asked in batch.asked]
    rows = [part for part in parts if type(part) is Row]
    if rows and len(rows) == len(parts) and not batch.singles:
        return columns_of(rows)
    if batch.singles:
        parts.insert(0, loaded.singles.gather([row for _, row in batch.singles]))
    if len(parts) == 1:
        return parts[0]
    return {field.name: np.concatenate([part[field.name] for part in parts]) for field in loaded.signature.inputs}
