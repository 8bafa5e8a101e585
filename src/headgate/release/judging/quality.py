"""The quality guard: shadow pairs whose outcome is known, judged by a metric of the task. Pure.

Both versions answered the same request, so a pair tells far more than two requests of two arms. The first pair of each
unit counts. A pair is judged once its outcome was due (`maturity`); what comes later is left out. *Harm*: worse than
the champion; *sound*: not by more than the margin. A loss without bound is held to the champion's 99th percentile on
the first hundred pairs, which are not judged.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from headgate.policy.guards import QualityGuard
from headgate.policy.metrics import PAIRED
from headgate.release.judging.answers import Flags, Texts
from headgate.release.judging.finding import Finding, number
from headgate.release.statistics.counts import Floats
from headgate.release.statistics.mixture import Running
from headgate.release.statistics.pairs import Bets, farther, first_of, misranked, missed, wrong
from headgate.release.statistics.precision import Precision

POSITIVE = 0.5
SMALLEST = 1e-6
FIRST = 100  # pairs say how large a loss is
LOSSES = ("brier", "log_loss", "mae")


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs in order of their time.

    Attributes:
        unit: [n] whom they concern; None: not said.
        ours: [n] what the shadow answered.
        theirs: [n] what the client was answered.
        outcome: [n] what became true, as a word; None: not known.
        number: [n] the same as a number; NaN: not known, or a word.
    """

    unit: Texts
    ours: npt.NDArray[Any]
    theirs: npt.NDArray[Any]
    outcome: Texts
    number: Floats

    def where(self, which: Flags) -> "Pairs":
        """Return some of them."""
        told = (self.ours[which], self.theirs[which], self.outcome[which], self.number[which])
        return Pairs(self.unit[which], *told)


class FirstPairs:
    """Remembers units, so that each counts once; who names no unit is one of their own."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._asked = 0

    def of(self, pairs: Pairs) -> Pairs:
        """Return the first pairs of their units."""
        self._asked += len(pairs.unit)
        named = np.array([f"#{self._asked}/{at}" if unit is None else f"={unit}" for at, unit in enumerate(pairs.unit)])
        if not len(named):
            return pairs
        new = first_of(named) & np.array([name not in self._seen for name in named], np.bool_)
        self._seen |= {str(name) for name in named[new] if name[0] == "="}
        return pairs.where(new)


class Quality:
    """Watches the pairs of one shadow.

    Args:
        rules: The guard.
        task: Of the model.
    """

    def __init__(self, rules: QualityGuard, task: str) -> None:
        self._rules, self._task = rules, task
        self._first = FirstPairs()
        self._losses = list[float]()
        self._limit = 1.0 if rules.metric not in {"log_loss", "mae"} else 0.0
        self._harm, self._sound = Running(), Running()
        self._logs = [0.0, 0.0]
        self._pairs = self._asked = 0
        self._sums = np.zeros(3)  # ours, theirs, of how many
        self._difference = 0.0
        self._calls = np.zeros(4)
        self._waiting: list[Pairs] = []

    def feed(self, pairs: Pairs) -> None:
        """Fold new pairs in."""
        self._asked += len(pairs.unit)
        known = np.array([one is not None for one in pairs.outcome], np.bool_)
        pairs = self._first.of(pairs.where(known))
        if len(pairs.unit) and self._rules.metric in PAIRED[self._task]:
            self._pairs += len(pairs.unit)
            self._judge(pairs)

    def finding(self, guard: str, arm: str) -> Finding:
        """Return what was found."""
        if self._rules.metric not in PAIRED[self._task]:
            why = f"{self._rules.metric} cannot be judged as pairs come in; choose {', '.join(PAIRED[self._task])}"
            return Finding(guard, arm, why, open=why)
        if not self._pairs:
            why = f"none of {self._asked:,} pairs that are due has an outcome"
            return Finding(guard, arm, why, open=why)
        mean = self._difference / self._sums[2] if self._sums[2] else 0.0
        way = "worse" if mean > 0 else "better"
        says = f"{self._rules.metric} {number(abs(mean))} {way} on {self._pairs:,} pairs"
        margin = f"at most {self._rules.margin:g} worse"
        return Finding(
            guard, arm, says, margin, self._logs[0], self._logs[1],
            champion=self._share(1), challenger=self._share(0), estimate=mean, requests=self._pairs, units=self._pairs,
        )  # fmt: skip

    def _share(self, which: int) -> float | None:
        return float(self._sums[which] / self._sums[2]) if self._sums[2] else None

    def _judge(self, pairs: Pairs) -> None:
        metric, margin = self._rules.metric, self._rules.margin
        if metric == "precision":
            flags = (called(pairs.ours), called(pairs.theirs), pairs.number > POSITIVE)
            self._harm, harm = Precision(0.0, 1).fold(self._harm, *flags)
            self._sound, sound = Precision(margin, -1).fold(self._sound, *flags)
            self._note(_share_of(flags[0], flags[2]), _share_of(flags[1], flags[2]))
        else:
            found = self._differences(pairs)
            if not len(found):
                return
            self._harm, harm = Bets(0.0, 1).fold(self._harm, found)
            self._sound, sound = Bets(margin / self._limit, -1).fold(self._sound, found)
            self._difference += float(found.sum()) * self._limit
        self._logs = [float(harm[-1]), float(sound[-1])]

    def _note(self, ours: Floats, theirs: Floats) -> None:
        """Keep right calls and calls of each: precision is their ratio."""
        self._calls += np.concatenate([ours, theirs])
        a, b, c, d = self._calls
        one, other = (a / b if b else 0.0), (c / d if d else 0.0)
        self._sums = np.array([one, other, 1.0])
        self._difference = other - one

    def _differences(self, pairs: Pairs) -> Floats:
        match self._rules.metric:
            case "accuracy":
                ours, theirs = (_right(side, pairs, self._task) for side in (pairs.ours, pairs.theirs))
                return self._shares(ours, theirs, wrong(ours, theirs))
            case "recall":
                label, ours, theirs = pairs.number > POSITIVE, called(pairs.ours), called(pairs.theirs)
                return self._shares(ours[label], theirs[label], missed(label, ours, theirs))
            case "roc_auc":
                return self._ranked(pairs)
            case _:
                return self._farther(pairs)

    def _shares(self, ours: Flags, theirs: Flags, found: Floats) -> Floats:
        self._sums += (ours.sum(), theirs.sum(), len(ours))
        return found

    def _ranked(self, pairs: Pairs) -> Floats:
        """Positives and negatives meet in the order in which they come; who is left over waits for the next pass."""
        for one in self._waiting:
            pairs = Pairs(*(np.concatenate([getattr(one, name), getattr(pairs, name)]) for name in Pairs.__slots__))
        label = pairs.number > POSITIVE
        couples = min(int(label.sum()), int((~label).sum()))
        met = (np.cumsum(label) <= couples) & label | (np.cumsum(~label) <= couples) & ~label
        found = misranked(label, pairs.ours.astype(np.float64), pairs.theirs.astype(np.float64))
        self._waiting = [pairs.where(~met)]
        self._sums[2] += len(found)
        return found

    def _farther(self, pairs: Pairs) -> Floats:
        ours, theirs = (_loss(self._rules.metric, side, pairs.number) for side in (pairs.ours, pairs.theirs))
        if not self._limit:
            short = max(0, FIRST - len(self._losses))
            self._losses += theirs[:short].tolist()
            ours, theirs = ours[short:], theirs[short:]
            if len(self._losses) < FIRST:
                return np.empty(0)
            self._limit = max(float(np.quantile(self._losses, 0.99)), 2 * self._rules.margin)
        self._sums += (ours.sum(), theirs.sum(), len(ours))
        return farther(ours, theirs, self._limit)


def called(values: npt.NDArray[Any]) -> Flags:
    """Return which probabilities call the positive class."""
    found: Flags = values.astype(np.float64) >= POSITIVE
    return found


def _right(values: npt.NDArray[Any], pairs: Pairs, task: str) -> Flags:
    found: Flags = called(values) == (pairs.number > POSITIVE) if task == "binary" else values == pairs.outcome
    return found


def _loss(metric: str, values: npt.NDArray[Any], truth: Floats) -> Floats:
    given = values.astype(np.float64)
    if metric == "log_loss":
        chance = np.clip(np.where(truth > POSITIVE, given, 1 - given), SMALLEST, 1.0)
        found: Floats = -np.log(chance)
        return found
    return np.abs(given - truth) if metric == "mae" else (given - truth) ** 2


def _share_of(called: Flags, label: Flags) -> Floats:
    return np.array([(called & label).sum(), called.sum()], np.float64)
