"""What a version was trained on, in numbers small enough to travel with it and to be merged.

baseline.json holds a part per column. Numbers: count, missing, sum, sum of squares, least, greatest, and a histogram:
`edges` [b + 1] are quantiles of the training values, `counts` [b + 2] also hold what lies below and above. Categories:
count, missing, the most frequent values with their counts, and how many rows had any other.

Two summaries of the same edges merge by adding counts, so a window is summed up from parts, or per worker, and
compared with the baseline at any size. Nothing here decides whether something drifted.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from headgate.base.digest import Json
from headgate.base.errors import BadInput
from headgate.registry.field import Columns

BINS = 50
MOST_CATEGORIES = 1000


@dataclass(frozen=True, slots=True)
class Numbers:
    """A summary of a column of numbers; counts[0] is below edges[0], counts[-1] above edges[-1]."""

    count: int
    missing: int
    total: float
    squares: float
    least: float | None
    greatest: float | None
    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Categories:
    """A summary of a column of strings or booleans; `other` counts rows whose value is not among `top`."""

    count: int
    missing: int
    top: Mapping[str, int]
    other: int


Summary: TypeAlias = Numbers | Categories
Array: TypeAlias = npt.NDArray[Any]


def summarise(columns: Columns, like: Mapping[str, Summary] | None = None) -> dict[str, Summary]:
    """Summarise every column; with `like`, on the edges of an earlier summary, so that both can be merged.

    A column of vectors [n, k] gives k parts: ``name[0]``, ``name[1]`` ...
    """
    parts: dict[str, Summary] = {}
    for name, column in _flat(columns).items():
        before = like.get(name) if like is not None else None
        if column.dtype.kind in "OUSb":
            parts[name] = _categories(column)
        else:
            parts[name] = _numbers(column, before.edges if isinstance(before, Numbers) else None)
    return parts


def _flat(columns: Columns) -> dict[str, Array]:
    flat = {}
    for name, column in columns.items():
        if column.ndim == 1:
            flat[name] = column
        else:
            flat |= {f"{name}[{at}]": column[:, at] for at in range(column.shape[1])}
    return flat


def _numbers(column: Array, edges: tuple[float, ...] | None) -> Numbers:
    values = _as_floats(column)
    there = values[~np.isnan(values)]
    if edges is None:
        edges = quantile_edges(there)
    place = np.searchsorted(np.asarray(edges), there, side="right")
    if edges:  # the last bin holds its upper edge too
        place[there == edges[-1]] = len(edges) - 1
    counts = np.bincount(place, minlength=len(edges) + 1)
    return Numbers(
        count=len(values),
        missing=len(values) - len(there),
        total=float(there.sum()),
        squares=float(np.square(there).sum()),
        least=float(there.min()) if len(there) else None,
        greatest=float(there.max()) if len(there) else None,
        edges=edges,
        counts=tuple(counts.tolist()),
    )


def _as_floats(column: Array) -> Array:
    if column.dtype.kind != "M":
        return column.astype(np.float64)
    seconds: Array = column.astype("datetime64[us]").astype(np.int64) / 1e6
    seconds[np.isnat(column)] = np.nan
    return seconds


def quantile_edges(values: Array) -> tuple[float, ...]:
    """Return 2 to BINS + 1 strictly rising edges at equal shares of the values; none for no values."""
    if not len(values):
        return ()
    shares = np.linspace(0, 1, BINS + 1)
    edges = np.unique(np.quantile(values, shares, method="inverted_cdf"))
    if len(edges) == 1:  # a constant column: one bin that holds just that value
        edges = np.array([edges[0], np.nextafter(edges[0], np.inf)])
    return tuple(edges.tolist())


def _categories(column: Array) -> Categories:
    values = [value for value in column.tolist() if value is not None and value == value]  # noqa: PLR0124 - NaN
    found = Counter(map(str, values))
    top = dict(sorted(found.items(), key=lambda item: (-item[1], item[0]))[:MOST_CATEGORIES])
    return Categories(len(column), len(column) - len(values), top, len(values) - sum(top.values()))


def merge(first: Summary, second: Summary) -> Summary:
    """Return the summary of both columns together.

    Raises:
        BadInput: They are of different kinds, or stand on different edges.
    """
    if isinstance(first, Categories) and isinstance(second, Categories):
        top = Counter(first.top) + Counter(second.top)
        kept = dict(sorted(top.items(), key=lambda item: (-item[1], item[0]))[:MOST_CATEGORIES])
        other = first.other + second.other + sum(top.values()) - sum(kept.values())
        return Categories(first.count + second.count, first.missing + second.missing, kept, other)
    if not isinstance(first, Numbers) or not isinstance(second, Numbers) or first.edges != second.edges:
        raise BadInput(
            "two summaries on different edges cannot be merged",
            way_out="summarise the second one with like= the first",
        )
    ends = [value for value in (first.least, first.greatest, second.least, second.greatest) if value is not None]
    return Numbers(
        count=first.count + second.count,
        missing=first.missing + second.missing,
        total=first.total + second.total,
        squares=first.squares + second.squares,
        least=min(ends, default=None),
        greatest=max(ends, default=None),
        edges=first.edges,
        counts=tuple(a + b for a, b in zip(first.counts, second.counts, strict=True)),
    )


def to_json(parts: Mapping[str, Summary]) -> Json:
    """Return a JSON form; `from_json` reads it back."""
    kinds = {Numbers: "numbers", Categories: "categories"}
    return {name: {"kind": kinds[type(part)], **asdict(part)} for name, part in parts.items()}


def from_json(body: Mapping[str, Mapping[str, Any]]) -> dict[str, Summary]:
    """Read what to_json wrote."""
    parts: dict[str, Summary] = {}
    for name, stored in body.items():
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in stored.items()
        }
        kind = values.pop("kind")
        parts[name] = Numbers(**values) if kind == "numbers" else Categories(**values)
    return parts
