"""The evidence of one rung as it grows: new rows, answers, outcomes and pairs in, Evidence out. Pure.

Each rung begins anew, with seconds that lie wholly in it: what was sound at another share says nothing of this one, and
seconds of different rungs are never added up. What is fed in any batches, in whole seconds (rows) and whole windows
(answers), gives the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from typing import assert_never

from headgate.policy.guards import BusinessGuard, CostGuard, ErrorGuard, LatencyGuard, PredictionGuard, QualityGuard
from headgate.predictions.rollup import Row
from headgate.release.evidence import Differing, Evidence, Reading, weigh
from headgate.release.judging.answers import Answers, First
from headgate.release.judging.cost import Cost
from headgate.release.judging.disagreement import NAME, Disagreement
from headgate.release.judging.effect import Mean, Proportion, effect
from headgate.release.judging.errors import Errors
from headgate.release.judging.finding import Finding, silent
from headgate.release.judging.latency import Latency
from headgate.release.judging.past import Past, asked, own
from headgate.release.judging.quality import Pairs, Quality
from headgate.release.judging.shift import Shift
from headgate.release.judging.sides import sides
from headgate.release.judging.units import Units
from headgate.release.judging.verdicts import Budget, readings
from headgate.release.plan import Kind, judged
from headgate.release.standing import Standing

MOST_DIFFERING = 10
SETTLING = 5  # seconds until every worker follows new shares


@dataclass(slots=True)
class Arm:
    """What watches one arm."""

    errors: Errors | None = None
    latency: Latency | None = None
    cost: Cost | None = None
    shift: Shift | None = None
    quality: Quality | None = None
    disagreement: Disagreement | None = None
    effects: dict[str, Proportion | Mean] = field(default_factory=dict)
    requests: int = 0

    @property
    def by_rows(self) -> tuple[Errors | Latency | Cost, ...]:
        """What watches rollups."""
        return tuple(one for one in (self.errors, self.latency, self.cost) if one is not None)

    @property
    def logged(self) -> Mapping[str, tuple[Shift | Quality | Disagreement | Proportion | Mean | None, str]]:
        """What watches the log, by guard, with what it is fed."""
        found = {"predictions": (self.shift, "answers"), "quality": (self.quality, "pairs")}
        effects = {name: (one, "outcomes") for name, one in self.effects.items()}
        return {**found, NAME: (self.disagreement, "decided"), **effects}


class Course:
    """The evidence of one rung.

    Args:
        at: The release on that rung.
        past: What the champion did before.
        task: Of the model.
    """

    def __init__(self, at: Standing, past: Past, task: str) -> None:
        self.who = sides(at)
        self.begins = max(ceil(at.since.timestamp()), past.until)
        self._split_since = max(self.begins, ceil((at.shared or at.since).timestamp()))  # a bandit's shares change
        self._at, self._past, self._names = at, past, judged(at.plan, max(at.rung, 0))
        rules = at.plan.rules
        if at.at.kind is Kind.SHADOW and rules.shadow and rules.shadow.largest_disagreement is not None:
            self._names = (*self._names, NAME)
        arms = len(at.plan.challengers)
        self._budget = Budget.of(rules.guards, self._names, rules.alpha, len(at.plan.rungs), arms)
        self._arms = {name: self._watched(name, number, task) for number, name in enumerate(self.who.arms, 1)}
        self._units = Units(self.who.plan, tuple(self.who.arms), _splits(at))
        self._seen, self._shown, self._differing = First(), First(), tuple[Differing, ...]()

    @property
    def asks(self) -> frozenset[str]:
        """What of the log it needs: answers, outcomes, pairs, those that differ."""
        guards = self._at.plan.rules.guards.named
        kinds = {type(guards[name]) for name in self._names if name in guards}
        found = {"outcomes"} if BusinessGuard in kinds else set[str]()
        found |= {"differing"} if self._at.at.kind is Kind.SHADOW else set()
        found |= {"pairs"} if QualityGuard in kinds else set()
        found |= {"decided"} if NAME in self._names else set()
        return frozenset(found | ({"answers"} if PredictionGuard in kinds or self.who.plan else set()))

    def feed_rows(self, rows: Sequence[Row]) -> None:
        """Fold final rows of whole seconds in, in any order; those before the rung are passed over."""
        rows = [row for row in rows if row.key.second >= self.begins]
        theirs = own(rows, self.who.champion)
        for name, whose in self.who.arms.items():
            arm, ours = self._arms[name], own(rows, whose)
            arm.requests += asked(ours)
            for watch in arm.by_rows if ours or theirs else ():
                watch.feed(ours, theirs)

    def learn(self, before: Answers) -> None:
        """Learn from the champion's answers before the rung."""
        for arm in self._arms.values():
            if arm.shift is not None:
                arm.shift.learn(before)

    def feed_answers(self, answers: Answers) -> None:
        """Fold answers of whole windows in."""
        for window in answers.where(answers.second >= self.begins).windows():
            settled = window.where(window.second >= self._split_since + SETTLING)
            self._units.feed(settled.where(self._seen.any_side(settled)))
            firsts = window.where(self._shown.of(window))
            for arm in self._arms.values():
                if arm.shift is not None:
                    arm.shift.feed(firsts)

    def feed_outcomes(self, answers: Answers) -> None:
        """Fold answers of whole windows in whose outcomes were due."""
        for window in answers.where(answers.second >= self.begins).windows():
            for arm in self._arms.values():
                for one in arm.effects.values():
                    one.feed(window)

    def feed_decided(self, name: str, pairs: Pairs) -> None:
        """Fold pairs in, whatever became true of them: of an arm."""
        disagreement = self._arms[name].disagreement
        if disagreement is not None:
            disagreement.feed(pairs)

    def feed_pairs(self, name: str, pairs: Pairs) -> None:
        """Fold pairs in whose outcomes were due: of an arm."""
        quality = self._arms[name].quality
        if quality is not None:
            quality.feed(pairs)

    def show(self, differing: Sequence[Differing]) -> None:
        """Keep the rows that differ most, of these and earlier ones."""
        every = sorted({*self._differing, *differing}, key=lambda one: (-one.difference, one.id, one.row))
        self._differing = tuple(every[:MOST_DIFFERING])

    def evidence(self, broken: Mapping[str, str]) -> Evidence:
        """Return what all of it adds up to.

        Args:
            broken: What of the log could not be read, and why.
        """
        found = {name: self._findings(name, broken) for name in self._arms}
        every = tuple(reading for one in found.values() for reading in readings(one, self._budget))
        left = [name for name in self._at.left if name in self._arms] or list(self._arms)
        requests = min((self._arms[name].requests for name in left), default=0)
        stop = self._units.stop() if self.who.plan else ""
        seen = weigh(self._alive(every), self._at.since, requests, stop=stop, winner=self._winner(found, left))
        return replace(seen, differing=self._differing)

    def _alive(self, every: tuple[Reading, ...]) -> tuple[Reading, ...]:
        return tuple(one for one in every if one.arm not in self._at.dropped)

    def _winner(self, found: Mapping[str, Sequence[Finding]], left: Sequence[str]) -> str:
        test = self._at.plan.rules.ab
        if self._at.at.kind is not Kind.AB or test is None:
            return ""
        logs = {name: one.log_better for name in left for one in found[name] if one.guard == test.decide}
        best = max(logs, key=lambda name: logs[name], default="")
        return best if best and logs[best] >= self._budget.sound else ""

    def _findings(self, name: str, broken: Mapping[str, str]) -> list[Finding]:
        return [self._finding(guard, name, broken) for guard in self._names]

    def _finding(self, guard: str, name: str, broken: Mapping[str, str]) -> Finding:
        arm = self._arms[name]
        for own_rows in arm.by_rows:
            if guard == own_rows.guard:
                units = self._units.of(list(self._arms).index(name) + 1)
                return replace(own_rows.finding(guard, name, self._at.plan.rules.alpha), units=units)
        watch, source = arm.logged[guard]
        if watch is None or source in broken:
            return silent(guard, name, broken.get(source, "nothing watches it"))
        return watch.finding(guard, name)

    def _watched(self, name: str, number: int, task: str) -> Arm:
        arm, past, part = Arm(), self._past, self.who.parts[name]
        alone = self._at.at.kind is Kind.FULL
        shadow = self._at.plan.rules.shadow
        if NAME in self._names and shadow is not None and shadow.largest_disagreement is not None:
            arm.disagreement = Disagreement(shadow.largest_disagreement, task)
        for guard, rules in self._at.plan.rules.guards.named.items():
            if guard not in self._names:
                continue
            match rules:
                case ErrorGuard():
                    noise = past.noise(past.of_errors, part, paired=self.who.paired)
                    arm.errors = Errors(rules, past, noise, alone=alone)
                case LatencyGuard():
                    noise = past.noise(past.of_slow, part, paired=self.who.paired)
                    arm.latency = Latency(rules, past, noise, alone=alone)
                case PredictionGuard():
                    arm.shift = Shift(rules, number)
                case QualityGuard():
                    arm.quality = Quality(rules, task)
                case BusinessGuard():
                    arm.effects[guard] = effect(rules, task, number)
                case CostGuard():
                    arm.cost = Cost(rules, past)
                case _:
                    assert_never(rules)
        return arm


def _splits(at: Standing) -> int:
    """Return how often the shares of a rung may change: a bandit's with every window until the horizon."""
    test = at.plan.rules.ab
    follows = test is not None and test.bandit is not None and at.at.kind is Kind.AB
    return max(1, ceil(test.horizon / test.every)) if test is not None and follows else 1
