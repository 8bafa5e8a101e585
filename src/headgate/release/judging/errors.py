"""The error guard on one arm: is it worse than the champion, is it within the margin. Pure.

*Harm*: the odds of an error are higher than the champion's in the same seconds (harm.py). To a champion whose past is
without errors that alone would make one error harm, so the rate must also be above `absolute`, or `at_most` where that
is less. Above `at_most` and no worse than the champion is no harm: an outage that both share is nobody's fault.

*Sound*: at most `ratio` times the champion's odds; where the champion is so good that `ratio` times its past rate is
below `absolute`, a rate below `absolute` is enough as well. And below `at_most`, in any case.

After the promotion nobody serves beside it; copies go to the old champion only of requests that were answered, so
requests that no version can answer count against the new one alone. There its rate must also be above what the past
allows: `ratio` times the champion's, or `absolute`.
"""

from headgate.policy.guards import ErrorGuard
from headgate.predictions.rollup import Row
from headgate.release.judging.finding import Finding, Tested, between, known, number, percent
from headgate.release.judging.past import Past
from headgate.release.statistics import interval, joint
from headgate.release.statistics.absolute import above, below
from headgate.release.statistics.counts import compare, errors
from headgate.release.statistics.dispersion import Noise
from headgate.release.statistics.harm import harm
from headgate.release.statistics.mixture import Running
from headgate.release.statistics.sound import sound


class Errors:
    """Watches the errors of one arm.

    Args:
        rules: The guard.
        past: What the champion did before.
        noise: How far errors are from independent.
        alone: Nobody serves beside it: it was promoted.
    """

    guard = "errors"

    def __init__(self, rules: ErrorGuard, past: Past, noise: Noise, *, alone: bool = False) -> None:
        most = 1.0 if rules.at_most is None else rules.at_most
        usual = min(most, max(rules.absolute, past.error_rate * rules.ratio))
        self._rules, self._noise = rules, noise
        self._worse, self._within = Tested(harm(), noise), Tested(sound(rules.ratio), noise)
        self._spotless = past.errors == 0 or alone
        self._near = past.error_rate * rules.ratio <= rules.absolute
        self._above, self._below = Tested(above(usual), noise), Tested(below(rules.absolute), noise)
        self._most = [] if rules.at_most is None else [Tested(below(rules.at_most), noise)]
        self._grid = Running()
        self._m = self._k = self._n = self._events = 0

    def feed(self, ours: list[Row], theirs: list[Row]) -> None:
        """Fold new seconds in: rows of the arm, and of the champion."""
        seconds = compare(ours, theirs, errors)
        absolute = [self._above] * self._spotless + [self._below] * self._near
        for one in (self._worse, self._within, *absolute, *self._most):
            one.feed(seconds)
        if len(seconds):
            self._grid = interval.fold_odds(self._grid, seconds, self._noise.phi)
        self._m += int(seconds.m.sum())
        self._n += int(seconds.n.sum())
        self._k += int(seconds.k.sum())
        self._events += int(seconds.events.sum())

    def finding(self, guard: str, arm: str, alpha: float) -> Finding:
        """Return what was found; alpha: of the interval."""
        m, k, n0, k0 = self._m, self._k, self._n - self._m, self._events - self._k
        low, high, ratio = self._interval(alpha)
        ours, theirs = (k / m if m else None), (k0 / n0 if n0 else None)
        counted = f"{k:,} of {m:,} ({percent(k / m)})" if m else "no request"
        beside = f"{percent(k0 / n0)} of {n0:,}" if n0 else "none of the champion's"
        compared = "" if ratio is None else f": ratio {number(ratio)} ({between(low, high)})"
        says = f"{counted} against {beside}{compared}"
        return Finding(
            guard, arm, says, self._margin(), self._log_harm(), self._log_sound(),
            champion=theirs, challenger=ours, estimate=ratio, lower=low, upper=high, requests=m,
            open="" if m else "it has seen no request yet",
        )  # fmt: skip

    def _interval(self, alpha: float) -> tuple[float, float, float | None]:
        if not self._grid.logs:
            return 0.0, float("inf"), None
        import numpy as np

        found = interval.odds_ratio(np.array(self._grid.logs), alpha, self._noise)
        return float(found.low), float(found.high), known(float(found.estimate))

    def _margin(self) -> str:
        least = f"no worse than {self._rules.ratio:g} x"
        return f"{least}, or below {percent(self._rules.absolute)}" if self._near else least

    def _log_harm(self) -> float:
        return float(joint.both(self._worse.log, self._above.log)) if self._spotless else self._worse.log

    def _log_sound(self) -> float:
        within = self._within.log
        if self._near:
            within = float(joint.either(within, self._below.log))
        return float(joint.both(within, self._most[0].log)) if self._most else within
