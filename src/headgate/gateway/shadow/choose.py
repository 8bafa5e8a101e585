"""Which requests are copied to a shadow: a unit's all or none of them, else each by a draw. Pure."""

from collections.abc import Callable, Iterator, Sequence
from itertools import compress
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from headgate.gateway.shadow.queue import Copy
from headgate.predictions.row import Answered
from headgate.registry.field import Columns, Field
from headgate.routing.route import Shadow
from headgate.routing.split import places, salt_bytes

Draws: TypeAlias = Callable[[int], npt.NDArray[np.float64]]
CELL = 56  # bytes of a string beside its characters


def salt_of(shadow: Shadow) -> bytes:
    """Return what a shadow's units are hashed with: its own, so that its sample is not an arm's units."""
    return salt_bytes(f"shadow/{shadow.name}/{shadow.digest}")


def lacking(wanted: Sequence[Field], given: Sequence[Field]) -> list[str]:
    """Return the inputs of a shadow that the requests of an arm do not have, or have in another form."""
    forms = {field.name: (field.dtype, field.width) for field in given}
    return [field.name for field in wanted if forms.get(field.name) != (field.dtype, field.width)]


def gathered(
    parts: Sequence[tuple[Answered, float]], second: Callable[[float], int]
) -> Iterator[tuple[Answered, float]]:
    """Yield the answers of many ticks as few: those of one arm whose requests came in in the same second are one.

    Args:
        parts: Answers, and when the first of their requests came in; those without inputs are left out.
        second: Says in which second a time lies.
    """
    groups: dict[tuple[int, int], list[tuple[Answered, float]]] = {}
    for answered, since in parts:
        if answered.inputs is not None:
            groups.setdefault((id(answered.source), second(since)), []).append((answered, since))
    for group in groups.values():
        yield _joined([answered for answered, _ in group]), min(since for _, since in group)


def _joined(parts: Sequence[Answered]) -> Answered:
    first = parts[0]
    if len(parts) == 1:
        return first
    rows = units = None
    if any(part.rows is not None for part in parts):
        rows = [count for part in parts for count in (part.rows or [1] * len(part.ids))]
    if any(part.units is not None for part in parts):
        units = [unit for part in parts for unit in (part.units or [None] * len(part.ids))]
    columns = [part.inputs for part in parts if part.inputs is not None]
    inputs = {name: np.concatenate([one[name] for one in columns]) for name in columns[0]}
    ids = [identity for part in parts for identity in part.ids]
    return Answered(first.source, ids, rows, first.time_us, units, inputs, None, first.status, first.latency_us)


def choose(answered: Answered, fraction: float, salt: bytes, draws: Draws) -> npt.NDArray[np.bool_]:
    """Return which requests [n] are copied.

    Args:
        answered: The live answers of one tick.
        fraction: Of the requests; raising it never leaves out a unit that was in.
        salt: Of the shadow.
        draws: Returns that many random numbers in [0, 1).
    """
    count = len(answered.ids)
    if fraction >= 1:
        return np.ones(count, bool)
    where = draws(count)
    known = [at for at, unit in enumerate(answered.units or ()) if unit]
    if known and answered.units is not None:
        units = [(answered.units[at] or "").encode(errors="backslashreplace") for at in known]
        where[known] = places(units, salt)
    return where < fraction


def cut(answered: Answered, since: float, fields: Sequence[Field], chosen: npt.NDArray[np.bool_]) -> Copy | None:
    """Return the copies of the chosen requests; None when there are none, or when their inputs are not known."""
    if answered.inputs is None or not chosen.any():
        return None
    inputs = {field.name: answered.inputs[field.name] for field in fields}
    ids, rows, units = answered.ids, answered.rows, answered.units
    if not chosen.all():
        which = chosen if rows is None else np.repeat(chosen, rows)
        inputs = {name: values[which] for name, values in inputs.items()}
        ids = list(compress(ids, chosen))
        rows = None if rows is None else list(compress(rows, chosen))
        units = None if units is None else list(compress(units, chosen))
    return Copy(ids, rows, units, inputs, since, len(ids) if rows is None else sum(rows), weight(inputs))


def weight(columns: Columns) -> int:
    """Return about how many bytes columns take."""
    return sum(_weight(values) for values in columns.values())


def _weight(values: npt.NDArray[Any]) -> int:
    if values.dtype != object:
        return values.nbytes
    return values.size * CELL + sum([len(text) for text in values.flat if text])
