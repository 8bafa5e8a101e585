"""Compare what a packaged model answers with what the native model answers, on rows that try to part them.

Pure: it makes rows and compares arrays; others run the models.

The share that counts is the worst over the groups of rows (held out, unseen, missing, extreme, threshold): a converter
that is wrong about one kind of row must not hide behind many rows of another kind.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from headgate.base.digest import Json
from headgate.registry.field import Columns, Field

Array = npt.NDArray[Any]
HELD_OUT = "held out"
MOST_HELD_OUT = 20_000
BASES = 32
WORST = 5
FAR = np.float32(1e9)
UNSEEN = ("", "never seen before", "\u00e9\u4e2d\U0001f600", "x" * 200)


@dataclass(frozen=True, slots=True)
class Cases:
    """Rows to compare on.

    Attributes:
        columns: Feature columns, n rows.
        groups: [n] the group of each row.
        origin: [n] a text per row that lets a person find it: a held-out row's number, or what was changed.
    """

    columns: Columns
    groups: tuple[str, ...]
    origin: tuple[str, ...]

    def only(self, group: str) -> "Cases":
        """Return the rows of one group."""
        at = [row for row, name in enumerate(self.groups) if name == group]
        columns = {name: column[at] for name, column in self.columns.items()}
        return Cases(columns, (group,) * len(at), tuple(self.origin[row] for row in at))


@dataclass(frozen=True, slots=True)
class Group:
    """How one group of rows agrees: its rows, the share within tolerance, the largest difference."""

    rows: int
    share: float
    largest: float


@dataclass(frozen=True, slots=True)
class Worst:
    """A row on which the two differ most."""

    origin: str
    group: str
    native: tuple[float, ...]
    packaged: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Parity:
    """How well a packaged model agrees with its native form.

    Attributes:
        runtime: onnx or pyfunc.
        rows: How many rows were compared.
        share: The worst group's share of rows that agree.
        largest: Largest difference over all rows; relative to the native value where that is beyond 1.
        tolerance: Largest difference that counts as agreement.
        groups: The same by group of rows.
        worst: The rows that differ most, those beyond the tolerance only.
    """

    runtime: str
    rows: int
    share: float
    largest: float
    tolerance: float
    groups: Mapping[str, Group]
    worst: tuple[Worst, ...]

    def to_json(self) -> dict[str, Json]:
        """Return what parity.json holds."""
        return asdict(self)

    def why(self) -> str:
        """Say in one sentence how the two agree, or where they do not."""
        if self.share == 1:
            return f"{self.runtime} agrees with the native model on all {self.rows:,} rows (within {self.tolerance:g})"
        name, group = min(self.groups.items(), key=lambda item: item[1].share)
        off = round(group.rows * (1 - group.share))
        return (
            f"{self.runtime} differs from the native model on {off:,} of {group.rows:,} rows ({name}), "
            f"by up to {group.largest:.3g} (tolerance {self.tolerance:g})"
        )


def compare(runtime: str, native: Array, packaged: Array, cases: Cases, tolerance: float) -> Parity:
    """Compare two sets of predictions, [n] or [n, k], row by row.

    Two values agree when they differ by at most ``tolerance * max(1, |native|)``; NaN agrees with NaN, and an infinity
    with the same infinity.
    """
    ours = np.asarray(native, np.float64).reshape(len(cases.groups), -1)
    theirs = np.asarray(packaged, np.float64).reshape(len(cases.groups), -1)
    off = _differences(ours, theirs)
    groups = {}
    for name in dict.fromkeys(cases.groups):
        part = off[np.array([group == name for group in cases.groups])]
        groups[name] = Group(len(part), float(np.mean(part <= tolerance)), _finite(part.max()))
    order = [int(at) for at in np.argsort(-off, kind="stable")[:WORST] if off[at] > tolerance]
    worst = tuple(Worst(cases.origin[at], cases.groups[at], _row(ours[at]), _row(theirs[at])) for at in order)
    share = min((group.share for group in groups.values()), default=0.0)
    largest = _finite(off.max(initial=0))
    return Parity(runtime, len(off), share, largest, tolerance, groups, worst)


def _differences(ours: Array, theirs: Array) -> Array:
    with np.errstate(invalid="ignore"):
        off = np.abs(ours - theirs) / np.maximum(1, np.abs(ours))
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    by_value = np.where(same, 0, np.where(np.isnan(off), np.inf, off))
    return np.asarray(by_value.max(axis=1, initial=0))


def _finite(value: float) -> float:
    """Return a number that JSON can carry: an infinite difference becomes the largest float."""
    return float(min(value, np.finfo(np.float64).max))


def _row(values: Array) -> tuple[float, ...]:
    return tuple(float(value) for value in np.nan_to_num(values))


def make_cases(heldout: Columns, features: Sequence[Field], thresholds: Mapping[str, Array]) -> Cases:
    """Return held-out rows, and rows made of them with one value changed to something that parts implementations.

    Args:
        heldout: Feature columns of the held-out rows.
        features: The signature's features; a missing value is tried where it is allowed.
        thresholds: By feature, values at which the model's trees split; tried as float32, and one step to each side.
    """
    total = len(next(iter(heldout.values())))
    kept = np.unique(np.linspace(0, total - 1, min(total, MOST_HELD_OUT)).astype(int))
    parts = [{name: column[kept] for name, column in heldout.items()}]
    groups, origin = [HELD_OUT] * len(kept), [f"held-out row {row}" for row in kept]
    bases = np.unique(np.linspace(0, total - 1, min(total, BASES)).astype(int))
    for field in features:
        for group, value in _values(field, heldout[field.name], thresholds.get(field.name)):
            chosen = bases if group != "threshold" else bases[len(groups) % len(bases)][None]
            changed = {name: column[chosen] for name, column in heldout.items()}
            changed[field.name] = np.full(len(chosen), value, heldout[field.name].dtype)
            parts.append(changed)
            groups += [group] * len(chosen)
            shown = repr(value) if len(repr(value)) <= WORST * 8 else f"{repr(value)[:20]}..."
            origin += [f"held-out row {row} with {field.name} = {shown}" for row in chosen]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in heldout}
    return Cases(columns, tuple(groups), tuple(origin))


def _values(field: Field, column: Array, thresholds: Array | None) -> list[tuple[str, Any]]:
    if field.dtype == "string":
        known = {value for value in column.tolist() if value}
        found: list[tuple[str, Any]] = [("unseen", value) for value in UNSEEN if value not in known]
        found += [("unseen", value.swapcase()) for value in sorted(known)[:1] if value.swapcase() not in known]
        return [*found, ("missing", None)] if field.missing else found
    there = column[np.isfinite(column)]
    low, high = (there.min(), there.max()) if len(there) else (np.float32(0), np.float32(1))
    span = max(high - low, np.float32(1))
    ends = (low, high, low - span, high + span, low - 1000 * span, high + 1000 * span, -FAR, FAR, 0.0)
    found = [("extreme", np.float32(value)) for value in ends]
    found += [("missing", np.float32(np.nan))] if field.missing else []
    return found + [("threshold", value) for value in _around(thresholds)]


def _around(thresholds: Array | None) -> list[np.float32]:
    if thresholds is None or not len(thresholds):
        return []
    with np.errstate(over="ignore"):
        at = np.asarray(thresholds, np.float64).astype(np.float32)
        every = np.concatenate([at, np.nextafter(at, np.float32(np.inf)), np.nextafter(at, np.float32(-np.inf))])
    chosen = np.unique(every[np.isfinite(every)])
    return list(chosen[np.unique(np.linspace(0, len(chosen) - 1, 200).astype(int))])
