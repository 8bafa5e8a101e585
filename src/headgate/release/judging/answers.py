"""Answers of the prediction log as columns, by their second of dispatch; and whose are first. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from headgate.release.judging.sides import Sides, Whose
from headgate.release.statistics.counts import Ints, Seconds

WINDOW = 5  # seconds: the log is read in whole windows, so that reading it anew gives the same
Texts: TypeAlias = npt.NDArray[np.object_]
Flags: TypeAlias = npt.NDArray[np.bool_]
CHAMPION = 0


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Answers in order of their seconds.

    Attributes:
        second: [n] since 1970.
        side: [n] 0: the champion, 1, 2 ...: the arms in their order; -1: of none of them.
        unit: [n] whom they concern; None: not said.
        value: [n] what was predicted, a number or a word; None: there was no answer.
        outcome: [n] what became true, as a word; None: not known.
        number: [n] the same as a number; NaN: not known, or a word.
    """

    second: Ints
    side: Ints
    unit: Texts
    value: Texts
    outcome: Texts
    number: npt.NDArray[np.float64]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.second)

    @property
    def answered(self) -> Flags:
        """Which of them have a value [n]."""
        return np.array([one is not None for one in self.value], np.bool_)

    def where(self, which: Flags) -> "Answers":
        """Return some of them."""
        told = (self.unit[which], self.value[which], self.outcome[which], self.number[which])
        return Answers(self.second[which], self.side[which], *told)

    def windows(self) -> Iterator["Answers"]:
        """Yield those of each window."""
        numbers = self.second // WINDOW
        for number in np.unique(numbers):
            yield self.where(numbers == number)


def side_of(who: Sides, arm: str, version: str, role: str) -> int:
    """Return the number of a side; -1: of none."""
    every = [who.champion, *who.arms.values()]
    found = Whose(arm, version, role)
    return every.index(found) if found in every else -1


class First:
    """Remembers units, so that each counts once on each side: what one unit does again is no new fact."""

    def __init__(self) -> None:
        self._seen: set[tuple[int, str]] = set()

    def of(self, answers: Answers) -> Flags:
        """Return which answers are the first of their unit and side [n]; who names no unit is one of their own."""
        found = np.ones(len(answers), np.bool_)
        for at, key in enumerate(zip(answers.side.tolist(), answers.unit.tolist(), strict=True)):
            if key[1] is None:
                continue
            found[at] = key not in self._seen
            self._seen.add(key)
        return found

    def any_side(self, answers: Answers) -> Flags:
        """Return which answers are the first of their unit on whatever side [n]."""
        columns = (answers.second, np.zeros_like(answers.side), answers.unit)
        return self.of(Answers(*columns, answers.value, answers.outcome, answers.number))


def events(answers: Answers, side: int, event: Flags) -> Seconds:
    """Return how often something happened on an arm and on the champion, by second.

    Args:
        answers: In order of their seconds.
        side: The arm's number.
        event: [n] whether it happened.
    """
    ours, both = answers.side == side, (answers.side == side) | (answers.side == CHAMPION)
    second, at = np.unique(answers.second, return_inverse=True)
    counts = [
        np.bincount(at, weights, len(second)).astype(np.int64) for weights in (ours, both, ours & event, both & event)
    ]
    return Seconds(second, *counts)
