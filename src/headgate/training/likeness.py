"""Say whether a run done again came out the same, and if not, what differs around it. Reads nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

SAME = 1e-9  # metrics that differ by less are equal: the last bits of a sum may depend on its order


@dataclass(frozen=True, slots=True)
class Compared:
    """One thing compared: what it is, whether it is the same, and the numbers."""

    what: str
    same: bool
    why: str


@dataclass(frozen=True, slots=True)
class Likeness:
    """How a reproduction compares with the record.

    Attributes:
        compared: Metrics, predictions, artefact.
        surroundings: What differs in packages, interpreter, threads, machine: the likely causes of a difference.
        ran_on: Interpreter, threads and machine of the repetition, as an environment is recorded.
    """

    compared: tuple[Compared, ...]
    surroundings: tuple[str, ...]
    ran_on: Mapping[str, Any]

    @property
    def same(self) -> bool:
        """True when everything compared is the same."""
        return all(entry.same for entry in self.compared)


def compare_metrics(recorded: Mapping[str, float], again: Mapping[str, float]) -> Compared:
    """Compare every metric; equal within 1e-9."""
    gone = sorted(recorded.keys() ^ again.keys())
    if gone:
        return Compared("metrics", same=False, why=f"only on one side: {', '.join(gone[:5])}")
    apart = {name: abs(recorded[name] - again[name]) for name in recorded}
    worst = max(apart, key=lambda name: apart[name], default="")
    if not worst or apart[worst] <= SAME:
        return Compared("metrics", same=True, why=f"all {len(apart)} equal to {SAME:g}")
    why = f"{worst} was {recorded[worst]:.9g} and is {again[worst]:.9g} (difference {apart[worst]:.3g})"
    return Compared("metrics", same=False, why=why)


def compare_predictions(recorded: npt.NDArray[Any], again: npt.NDArray[Any], ids: Sequence[Any]) -> Compared:
    """Compare predictions row by row, bit by bit."""
    if recorded.shape != again.shape:
        return Compared("predictions", same=False, why=f"shape was {recorded.shape} and is {again.shape}")
    apart = ~((recorded == again) | (np.isnan(recorded) & np.isnan(again)))
    rows = apart.reshape(len(apart), -1).any(axis=1)
    if not rows.any():
        return Compared("predictions", same=True, why=f"all {len(rows):,} rows identical")
    largest = float(np.nanmax(np.abs(recorded - again)))
    first = ", ".join(str(ids[place]) for place in np.flatnonzero(rows)[:3])
    why = f"{int(rows.sum()):,} of {len(rows):,} rows differ, by {largest:.3g} at most; first: {first}"
    return Compared("predictions", same=False, why=why)


def compare_artefacts(recorded: str, again: str) -> Compared:
    """Compare canonical digests of the packaged model."""
    same = recorded == again
    return Compared("artefact", same=same, why=recorded if same else f"was {recorded} and is {again}")


def differing_surroundings(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """Say what differs between two environments: packages, Python, threads, machine."""
    why = [
        f"{name}: was {recorded.get(name)}, is {now.get(name)}"
        for name in ("python", "implementation", "threads", "machine")
        if recorded.get(name) != now.get(name)
    ]
    before, after = _by_name(recorded["packages"]), _by_name(now["packages"])
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    why += [f"{name}: was {before.get(name, 'absent')}, is {after.get(name, 'absent')}" for name in changed]
    return tuple(why)


def _by_name(packages: Sequence[str]) -> dict[str, str]:
    return {name: version for name, _, version in (entry.partition("==") for entry in packages)}
