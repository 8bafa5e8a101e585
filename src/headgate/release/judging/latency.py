"""The latency guard on one arm: P95 against the champion's, P99 against the SLA. Pure.

*Harm*: more often slower than the champion's past P95 than the champion is, in the same seconds (latency.py); or P99
above the SLA, and more often so than the champion, since an outage that both share is nobody's fault. *Sound*: no more
often slow when its latencies are divided by `ratio`, or beyond the floor less than one time in twenty, whatever the
champion was before; and P99 below the SLA. Where the champion's P95 lies below the floor, slow begins at the floor:
then harm needs more than one in twenty as well.

After the promotion nobody serves beside it, and the SLA is all that is judged.
"""

from headgate.policy.guards import LatencyGuard
from headgate.predictions.rollup import Row, add_bins, bin_of, quantile
from headgate.release.judging.finding import Finding, Tested, between, number
from headgate.release.judging.past import Past
from headgate.release.statistics import interval, joint
from headgate.release.statistics.absolute import above, below
from headgate.release.statistics.counts import Ints, compare
from headgate.release.statistics.dispersion import Noise
from headgate.release.statistics.harm import SLOWER, harm
from headgate.release.statistics.latency import compared, cut, slower_than
from headgate.release.statistics.sound import QUANTILE, sound

P95, P99 = 0.95, 0.99
HARM_STAKES = (0.8, 0.2)  # on P95 and on the SLA: what breaks an SLA is mostly gross, and found with a small stake too
SOUND_STAKES = (0.9, 0.1)  # on the ratio and on the floor: a model that is below it tells so within a hundred requests
MS = 1000


class Latency:
    """Watches the latency of one arm.

    Args:
        rules: The guard.
        past: What the champion did before.
        noise: How far slow answers are from independent.
        alone: Nobody serves beside it: it was promoted.
    """

    guard = "latency"

    def __init__(self, rules: LatencyGuard, past: Past, noise: Noise, *, alone: bool = False) -> None:
        self._rules, self._noise, self._alone = rules, noise, alone
        self._cut = cut(past.latency, P95, rules.floor_ms / MS)
        self._floor = bin_of(rules.floor_ms / MS)
        self._worse, self._within = Tested(harm(worse=SLOWER), noise), Tested(sound(1.0, QUANTILE), noise)
        self._above, self._below = Tested(above(1 - P95), noise), Tested(below(1 - P95), noise)
        sla = rules.p99_ms is not None
        self._late = [Tested(test, noise) for test in (above(1 - P99), below(1 - P99), harm()) if sla]
        self._ours: dict[int, int] = {}
        self._theirs: dict[int, int] = {}

    def feed(self, ours: list[Row], theirs: list[Row]) -> None:
        """Fold new seconds in: rows of the arm, and of the champion."""
        slow, lowered = compared(ours, theirs, self._cut), compared(ours, theirs, self._cut, self._rules.ratio)
        self._worse.feed(slow)
        self._within.feed(lowered)
        self._below.feed(compare(ours, theirs, slower_than(self._floor)))
        if self._cut.lifted:
            self._above.feed(slow)
        if self._rules.p99_ms is not None:
            late = compare(ours, theirs, slower_than(bin_of(self._rules.p99_ms / MS)))
            for one in self._late:
                one.feed(late)
        for row in ours:
            self._ours = add_bins(self._ours, row.latency)
        for row in theirs:
            self._theirs = add_bins(self._theirs, row.latency)

    def finding(self, guard: str, arm: str, alpha: float) -> Finding:
        """Return what was found; alpha: of the interval."""
        requests = sum(self._ours.values())
        if not requests or (self._alone and not self._late):
            why = "it has seen no request yet" if not requests else "nobody serves beside it, and there is no p99_ms"
            return Finding(guard, arm, why, open=why, requests=requests)
        low, high = self._interval(alpha)
        ours = quantile(self._ours, P95) * MS
        theirs = quantile(self._theirs, P95) * MS if self._theirs else None
        ratio = ours / theirs if theirs else None
        beside = f"{number(theirs)} ms" if theirs else "none of the champion's"
        says = f"P95 {number(ours)} ms of {requests:,} against {beside}: ratio {number(ratio)} ({between(low, high)})"
        return Finding(
            guard, arm, says + self._sla(), self._margin(), self._log_harm(), self._log_sound(),
            champion=theirs, challenger=ours, estimate=ratio, lower=low, upper=high, requests=requests, unit="ms",
        )  # fmt: skip

    def _interval(self, alpha: float) -> tuple[float, float]:
        """Return bounds of the ratio: one interval for each arm, at half of alpha."""
        if not self._theirs:
            return 0.0, float("inf")
        ours, theirs = (
            interval.quantile(_counts(bins), P95, alpha / 2, self._noise.phi) for bins in (self._ours, self._theirs)
        )
        low = float(ours.low) / float(theirs.high)
        return low, float(ours.high) / float(theirs.low) if theirs.low > 0 else float("inf")

    def _sla(self) -> str:
        if self._rules.p99_ms is None:
            return ""
        return f", P99 {number(quantile(self._ours, P99) * MS)} ms of {self._rules.p99_ms:g} ms"

    def _margin(self) -> str:
        return f"no more than {self._rules.ratio:g} x, or below {self._rules.floor_ms:g} ms"

    def _log_harm(self) -> float:
        worse = self._worse.log
        if self._alone:
            return self._late[0].log
        if self._cut.lifted:
            worse = float(joint.both(worse, self._above.log))
        if not self._late:
            return worse
        return float(joint.either(worse, joint.both(self._late[0].log, self._late[2].log), stakes=HARM_STAKES))

    def _log_sound(self) -> float:
        if self._alone:
            return self._late[1].log
        within = float(joint.either(self._within.log, self._below.log, stakes=SOUND_STAKES))
        return float(joint.both(within, self._late[1].log)) if self._late else within


def _counts(bins: dict[int, int]) -> Ints:
    import numpy as np

    found = np.zeros(max(bins) + 2, np.int64)
    found[list(bins)] = list(bins.values())
    return found
