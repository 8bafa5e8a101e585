"""The one form in which every protocol asks and is answered. Nothing here reads or writes bytes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from headgate.gateway.http.head import Header
from headgate.registry.field import Field
from headgate.registry.signature import Columns

Write: TypeAlias = Callable[[Any, "Told"], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request in the gateway's own form.

    Attributes:
        id: The client's own name for it; echoed.
        columns: Every input of the signature, cast by it, all of `rows` rows.
        rows: How many.
        outputs: The outputs that are wanted, in that order; None: all.
        write: Writes the answer to what waits for it; None: as V2 JSON.
    """

    id: str | None
    columns: Columns
    rows: int
    outputs: tuple[str, ...] | None
    write: Write | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """One request's answer in the gateway's own form.

    Attributes:
        model: The model's name.
        version: Which version answered.
        id: The client's own name for the request.
        rows: How many rows were asked.
        fields: The wanted outputs, in their order.
        values: Their values by name, `rows` rows each.
        headers: Name version, arm and prediction.
    """

    model: str
    version: str
    id: str | None
    rows: int
    fields: tuple[Field, ...]
    values: Mapping[str, npt.NDArray[Any]]
    headers: tuple[Header, ...]


def plain(field: Field, values: npt.NDArray[Any]) -> list[Any]:
    """Return an output as JSON holds it: times as ISO 8601 in UTC; encoding makes NaN and infinity null."""
    if field.dtype == "timestamp":
        values = np.datetime_as_string(values, timezone="UTC")
    made: list[Any] = values.tolist()
    return made


def by_column(told: Told) -> dict[str, list[Any]]:
    """Return the outputs as columns."""
    return {field.name: plain(field, told.values[field.name]) for field in told.fields}


def by_row(told: Told) -> list[dict[str, Any]]:
    """Return the outputs as one object a row."""
    columns = by_column(told)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
