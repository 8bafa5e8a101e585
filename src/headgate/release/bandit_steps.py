"""A judge that also asks for a bandit's shares, from what became of each arm's units.

Each window of `ab.every` is read once, when it is over and its outcomes are due, with what was known then: who starts
anew reads the same windows in the same way, a few a pass, and asks for the same shares; until then for none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil

import numpy as np

from headgate.policy.guards import BusinessGuard
from headgate.policy.release import AbPolicy
from headgate.release.bandit import Tally, seed_of, shares, tally, window_of
from headgate.release.evidence import Evidence
from headgate.release.judging.answers import First
from headgate.release.judging.effect import MEANS, worth
from headgate.release.judging.ports import Log
from headgate.release.judging.sides import Sides, sides
from headgate.release.plan import Kind
from headgate.release.ports import Judge
from headgate.release.standing import Standing
from headgate.routing.route import CHAMPION

AT_ONCE = 2  # windows that one pass reads: whoever asks has a rollback to watch for


@dataclass(slots=True)
class Known:
    """What was read of one A/B test.

    Attributes:
        key: Which test, and which arms.
        windows: How many windows were read.
        asked: The shares of the last of them.
    """

    key: tuple[object, ...]
    seen: dict[str, Tally]
    windows: int = 0
    first: First = field(default_factory=First)
    asked: Mapping[str, float] = field(default_factory=dict)


class Bandit:
    """Judges as another judge does, and asks for shares where the policy has a bandit (`release.ports.Judge`).

    Args:
        judge: Says what was measured.
        log: What was predicted, and what became true.
        tasks: Task of each model.
    """

    def __init__(self, judge: Judge, log: Log, tasks: Mapping[str, str]) -> None:
        self._judge, self._log, self._tasks = judge, log, tasks
        self._known: dict[str, Known] = {}

    def evidence(self, at: Standing, now: datetime) -> Evidence:
        """Return everything that was measured about a release on its present rung."""
        return self._judge.evidence(at, now)

    def shares(self, at: Standing, now: datetime) -> Mapping[str, float]:
        """Return the shares that a bandit asks for; empty: none."""
        test = at.plan.rules.ab
        guard = at.plan.rules.guards.business.get(test.decide) if test else None
        if test is None or guard is None or test.bandit is None or at.rung < 0 or at.at.kind is not Kind.AB:
            self._known.pop(at.release, None)
            return {}
        known, due = self._of(at), window_of(at.since, now, test.every)
        for _ in range(min(due - known.windows, AT_ONCE)):
            self._read(known, at, test, guard)
        return known.asked if known.windows == due else {}

    def _of(self, at: Standing) -> Known:
        key = (at.since, at.dropped, at.rung)
        found = self._known.get(at.release)
        if found is None or found.key != key:
            found = Known(key, {name: Tally() for name in (CHAMPION, *at.left)})
            self._known[at.release] = found
        return found

    def _read(self, known: Known, at: Standing, test: AbPolicy, guard: BusinessGuard) -> None:
        """Take the next window in; nothing is kept of one that could not be read."""
        number, every = known.windows + 1, test.every
        until = at.since + number * every
        since = max(at.since, until - every - guard.maturity) if number > 1 else at.since
        self._fold(known, at, guard, (since, until - guard.maturity), until)
        seed, rates = seed_of(at.release, number), guard.metric not in MEANS
        known.asked = shares(known.seen, test.least, seed, rates=rates)
        known.windows = number

    def _fold(
        self, known: Known, at: Standing, guard: BusinessGuard, span: tuple[datetime, datetime], known_at: datetime
    ) -> None:
        first, last = (ceil(one.timestamp()) for one in span)
        if last <= first:
            return
        who: Sides = sides(at)
        answers = self._log.outcomes(at.model, who, first, last, known_at, guard.maturity)
        task = self._tasks[at.model]
        value = worth(guard, task, answers)
        told = np.isfinite(value)
        answers, value = answers.where(told), value[told]
        own = known.first.of(answers)
        sign = -1.0 if _less_is_better(guard) else 1.0
        for number, name in enumerate((CHAMPION, *who.arms)):
            mine = own & (answers.side == number)
            known.seen[name] += tally(sign * value[mine])


def _less_is_better(guard: BusinessGuard) -> bool:
    """Say so of means; what is worth 1 or 0 is good or bad already."""
    return guard.metric == "absolute_error" or (guard.metric == "mean" and guard.better == "lower")
