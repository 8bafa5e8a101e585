"""The rows that judge a version, what the versions answered on them, and which rows none of them was trained on.

Nothing here runs a model or judges an answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from headgate.registry.signature import Columns
from headgate.training.resampled import Array

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Rows that no version under judgement was fitted on.

    Attributes:
        labels: [n], as they are in the data.
        time: [n] datetime64[us], UTC: when the prediction is made.
        segments: Column -> [n] values, for every column that a segment line names.
        inputs: Column -> [n], what a caller would send (the models' inputs).
    """

    labels: Array
    time: npt.NDArray[np.datetime64]
    segments: Mapping[str, Array]
    inputs: Columns

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Mask) -> "HeldOut":
        """Return the chosen rows, in the same order."""
        return HeldOut(
            self.labels[rows],
            self.time[rows],
            {name: values[rows] for name, values in self.segments.items()},
            {name: values[rows] for name, values in self.inputs.items()},
        )

    def later(self, than: datetime | None) -> Mask:
        """Say which rows are later than a time (None: all of them)."""
        return np.ones(len(self), dtype=np.bool_) if than is None else np.asarray(self.time > moment(than))


@dataclass(frozen=True, slots=True)
class Answers:
    """What a version answered.

    Attributes:
        version: The version.
        trained_until: No row that it was trained on is later; None when that is unknown.
        classes: Its classes in the order of its answers; empty for regression.
        predictions: [n] or [n, k], every value finite.
    """

    version: str
    trained_until: datetime | None
    classes: tuple[str, ...]
    predictions: Array


@dataclass(frozen=True, slots=True)
class Silent:
    """A version that gave no usable answers, and why."""

    version: str
    why: str


def moment(at: datetime) -> np.datetime64:
    """Return an aware time as datetime64[us] in UTC."""
    return np.datetime64(at.astimezone(UTC).replace(tzinfo=None), "us")


def unseen(time: npt.NDArray[np.datetime64], candidate: Answers, champion: Answers) -> Mask | str:
    """Say which rows are later than everything that both versions were trained on, or why that cannot be said."""
    for answers in (candidate, champion):
        if answers.trained_until is None:
            return (
                f"it is not known until when version {answers.version} was trained, so no row is known to be new to "
                "it; register it again with the end of its training data"
            )
    ends = [answers.trained_until for answers in (candidate, champion) if answers.trained_until is not None]
    return np.asarray(time > moment(max(ends)))
