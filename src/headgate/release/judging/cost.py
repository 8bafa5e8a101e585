"""The cost guard on one arm: processor time of a prediction, against the champion's at like batches. Pure.

*Harm*: it costs more than `ratio` times as much; *sound*: less (statistics/cost.py, which says why not from 1 on). The
gateway measures processor time where the model runs; what a remote server spends is not seen.
"""

from collections.abc import Sequence

import numpy as np

from headgate.policy.guards import CostGuard
from headgate.predictions.rollup import Row
from headgate.predictions.spent import NOTHING, Spent
from headgate.release.judging.finding import Finding, between, number
from headgate.release.judging.past import Past
from headgate.release.statistics import cost
from headgate.release.statistics.counts import Floats
from headgate.release.statistics.mixture import Running

MICROS_PER_HOUR = 3.6e9
MILLION = 1e6
Pair = tuple[Spent, Spent]


class Cost:
    """Watches what one arm costs.

    Args:
        rules: The guard.
        past: What the champion did before.
    """

    guard = "cost"

    def __init__(self, rules: CostGuard, past: Past) -> None:
        self._rules, self._work = rules, cost.learn(past.spent)
        self._harm, self._sound = (Running(), 0.0), (Running(), 0.0)
        self._bounds = cost.Bounds()
        self._all, self._open = np.zeros((2, 2)), np.zeros((2, 2))
        self._total: Pair = (NOTHING, NOTHING)
        self._waiting: Pair = (NOTHING, NOTHING)
        self._began: int | None = None

    def feed(self, ours: Sequence[Row], theirs: Sequence[Row]) -> None:
        """Fold new seconds in: rows of the arm, and of the champion."""
        seconds: dict[int, list[Spent]] = {}
        for side, rows in enumerate((ours, theirs)):
            for row in rows:
                seconds.setdefault(row.key.second, [NOTHING, NOTHING])[side] += row.spent
        for second in sorted(seconds):
            self._second(second, (seconds[second][0], seconds[second][1]))

    def finding(self, guard: str, arm: str, alpha: float) -> Finding:
        """Return what was found; alpha: of the interval."""
        ours, theirs = self._total
        if not ours.rows or not theirs.rows:
            who = "it" if not ours.rows else "the champion beside it"
            why = f"no processor time is known yet of {who}"
            return Finding(guard, arm, why, open=why, requests=ours.rows)
        low, high = self._bounds.of(alpha)
        ratios = [float(a / b) for a, b in self._all if b > 0]
        ratio = sum(ratios) / len(ratios) if ratios else None
        values = [self._price(one.micros / one.rows) for one in (ours, theirs)]
        batches = [one.rows / one.calls for one in (ours, theirs)]
        told = [
            f"{number(value)} {self._unit}, {number(rows)} a call" for value, rows in zip(values, batches, strict=True)
        ]
        says = f"{told[0]} of {ours.rows:,} against {told[1]}: at like batches {number(ratio)} x ({between(low, high)})"
        return Finding(
            guard, arm, says, f"no more than {self._rules.ratio:g} x", self._harm[1], self._sound[1],
            champion=values[1], challenger=values[0], estimate=ratio, lower=low, upper=high, requests=ours.rows,
            unit=self._unit,
        )  # fmt: skip

    @property
    def _unit(self) -> str:
        return "us" if self._rules.price_per_hour is None else "per million"

    def _price(self, micros: float) -> float:
        price = self._rules.price_per_hour
        return micros if price is None else micros * MILLION * price / MICROS_PER_HOUR

    def _second(self, second: int, spent: Pair) -> None:
        self._total = (self._total[0] + spent[0], self._total[1] + spent[1])
        if not (spent[0].calls and spent[1].calls):
            return
        self._open = self._open + cost.held(self._work, _numbers(spent[0]), _numbers(spent[1]))
        self._waiting = (self._waiting[0] + spent[0], self._waiting[1] + spent[1])
        self._began = second if self._began is None else self._began
        few = min(self._waiting[0].calls, self._waiting[1].calls) < cost.BLOCK_CALLS
        if second + 1 - self._began >= cost.BLOCK_SECONDS and not few:
            self._close()

    def _close(self) -> None:
        block, self._open = self._open, np.zeros((2, 2))
        self._waiting, self._began = (NOTHING, NOTHING), None
        least, most = cost.differences(block, self._rules.ratio)
        self._harm = cost.fold(self._harm[0], float(least), 1)
        self._sound = cost.fold(self._sound[0], float(most), -1)
        self._bounds.feed(block)
        self._all = self._all + block


def _numbers(spent: Spent) -> Floats:
    return np.array([spent.calls, spent.rows, spent.micros], np.float64)
