"""A business guard on one arm: an effect on the outcomes of the arm's own requests, once they are due. Pure.

Cohorts go by the second of the prediction, and each unit counts once on each side. Proportions (accuracy, precision,
recall, conversion) are compared as errors are: *harm* is worse in the same seconds; *sound* is within the margin, which
becomes the smallest odds ratio that such a difference can have, ((1 + d) / (1 - d))^2, at rates about one half. Means
are winsorised at the champion's 99th percentile on its first hundred observations, which are not judged. *Better*,
which ends an A/B test, is a test of its own.
"""

from dataclasses import replace

import numpy as np

from headgate.policy.guards import BusinessGuard
from headgate.release.judging.answers import CHAMPION, Answers, First, Flags, events
from headgate.release.judging.finding import Finding, Tested, number, percent
from headgate.release.statistics import mean
from headgate.release.statistics.counts import Floats
from headgate.release.statistics.harm import harm
from headgate.release.statistics.mean import Means
from headgate.release.statistics.sound import QUANTILE, sound

POSITIVE = 0.5
FIRST = 100
MEANS = ("mean", "absolute_error")
MOST = 0.99


class Proportion:
    """Watches how often something bad becomes true of one arm's requests.

    Args:
        rules: The guard.
        task: Of the model.
        side: The arm's number.
    """

    def __init__(self, rules: BusinessGuard, task: str, side: int) -> None:
        margin = min(rules.margin, MOST)
        self._rules, self._task, self._side = rules, task, side
        self._harm = Tested(harm())
        self._sound = Tested(sound(((1 + margin) / (1 - margin)) ** 2, QUANTILE))
        self._better = Tested(sound(1.0, QUANTILE))
        self._first = First()
        self._counts = np.zeros(4, np.int64)  # ours, bad of ours, theirs, bad of theirs

    def feed(self, answers: Answers) -> None:
        """Fold a window of answers whose outcomes were due in."""
        bad, asked = badness(answers, self._rules, self._task)
        answers, bad = answers.where(asked), bad[asked]
        first = self._first.of(answers)
        found = events(answers.where(first), self._side, bad[first])
        for one in (self._harm, self._sound, self._better):
            one.feed(found)
        m, n, k, every = (int(column.sum()) for column in (found.m, found.n, found.k, found.events))
        self._counts += np.array([m, k, n - m, every - k])

    def finding(self, guard: str, arm: str) -> Finding:
        """Return what was found."""
        m, k, n0, k0 = self._counts.tolist()
        if not m or not n0:
            why = "no outcome is known yet of an arm's requests"
            return Finding(guard, arm, why, open=why, requests=m)
        ours, theirs = k / m, k0 / n0
        if not self._counts_the_good():
            named = (f"{self._rules.metric} {percent(1 - ours)} of {m:,}", percent(1 - theirs))
        else:
            named = (f"{self._rules.metric} {percent(ours)} of {m:,}", percent(theirs))
        says = f"{named[0]} against {named[1]} of {n0:,}"
        values = (theirs, ours) if self._counts_the_good() else (1 - theirs, 1 - ours)
        return Finding(
            guard, arm, says, f"at most {self._rules.margin:g} worse",
            self._harm.log, self._sound.log, self._better.log,
            champion=values[0], challenger=values[1], estimate=values[1] - values[0], requests=m, units=m,
        )  # fmt: skip

    def _counts_the_good(self) -> bool:
        return self._rules.metric == "conversion" and self._rules.better == "lower"


class Mean:
    """Watches a mean over one arm's requests.

    Args:
        rules: The guard.
        side: The arm's number.
    """

    def __init__(self, rules: BusinessGuard, side: int) -> None:
        self._rules, self._side = rules, side
        self._sign = -1.0 if rules.metric == "mean" and rules.better == "higher" else 1.0
        self._limit: float | None = None
        self._learned = list[float]()
        self._means = Means()
        self._first = First()
        self._sums = np.zeros(4)  # ours, sum of ours, theirs, sum of theirs

    def feed(self, answers: Answers) -> None:
        """Fold a window of answers whose outcomes were due in."""
        asked = np.isfinite(answers.number) & ((answers.side == self._side) | (answers.side == CHAMPION))
        answers = answers.where(asked)
        answers = answers.where(self._first.of(answers))
        values = self.values(answers)
        if self._limit is None:
            self._learned += np.abs(values[answers.side == CHAMPION]).tolist()
            if len(self._learned) >= FIRST:
                self._limit = float(np.quantile(self._learned, MOST)) or 1.0
            return
        if not len(answers):
            return
        values = mean.winsorise(values, self._limit)
        ours = answers.side == self._side
        self._means += mean.seen(answers.second, ours, self._sign * values)
        self._sums += (ours.sum(), values[ours].sum(), (~ours).sum(), values[~ours].sum())

    def finding(self, guard: str, arm: str) -> Finding:
        """Return what was found."""
        m, total, n0, others = self._sums.tolist()
        if not m or not n0:
            why = "no outcome is known yet of an arm's requests"
            return Finding(guard, arm, why, open=why, requests=int(m))
        ours, theirs = total / m, others / n0
        flipped = replace(self._means, difference=-self._means.difference)
        what = self._rules.column or self._rules.metric
        says = f"{what} {number(ours)} of {int(m):,} against {number(theirs)} of {int(n0):,}"
        return Finding(
            guard, arm, says, f"at most {self._rules.margin:g} worse",
            float(mean.log_e(self._means)), float(mean.log_e(flipped, -self._rules.margin)), float(mean.log_e(flipped)),
            champion=theirs, challenger=ours, estimate=ours - theirs, requests=int(m), units=int(m), unit=what,
        )  # fmt: skip

    def values(self, answers: Answers) -> Floats:
        """Return the numbers whose mean is compared [n]."""
        if self._rules.metric == "mean":
            return answers.number
        found: Floats = np.abs(answers.value.astype(np.float64) - answers.number)
        return found


def effect(rules: BusinessGuard, task: str, side: int) -> Proportion | Mean:
    """Return what watches a business guard on an arm."""
    return Mean(rules, side) if rules.metric in MEANS else Proportion(rules, task, side)


def worth(rules: BusinessGuard, task: str, answers: Answers) -> Floats:
    """Return what each answer came to [n]: 1 good, 0 bad, or a mean's number; NaN where it is not asked or known."""
    if rules.metric in MEANS:
        found: Floats = Mean(rules, 0).values(answers)
        return np.where(answers.side >= 0, found, np.nan)
    bad, asked = badness(answers, rules, task)
    return np.where(asked, np.where(bad, 0.0, 1.0), np.nan)


def badness(answers: Answers, rules: BusinessGuard, task: str) -> tuple[Flags, Flags]:
    """Return what is bad, and what is asked about [n]."""
    known = np.array([one is not None for one in answers.outcome], np.bool_) & (answers.side >= 0) & answers.answered
    true = answers.number > POSITIVE
    if rules.metric == "conversion":
        return (true if rules.better == "lower" else ~true), known
    if task != "binary":
        right: Flags = answers.value == answers.outcome
        return ~right, known
    called = answers.value.astype(np.float64) >= POSITIVE
    match rules.metric:
        case "precision":
            return ~true, known & called
        case "recall":
            return ~called, known & true
        case _:
            return called != true, known
