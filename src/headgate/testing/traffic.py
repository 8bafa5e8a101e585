"""Simulated traffic on two arms: how nature behaves, what is wrong with the challenger, and what was drawn.

Regimes say how nature behaves towards both arms alike; faults what is wrong with the challenger; drawing.py draws
them. `Drawn.rows` writes a run as rows (predictions/rollup.py), with the numbers that `Drawn` holds.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from headgate.predictions.rollup import LAST, MICROSECOND, STEP, Key, Row
from headgate.release.statistics.counts import Floats, Ints

LOG_EDGES = np.log(MICROSECOND) + np.log(STEP) * np.arange(LAST + 1)
ARMS = ("challenger", "champion")


@dataclass(frozen=True, slots=True)
class Regime:
    """How nature behaves towards both arms.

    Attributes:
        name: What it is called in a report.
        traffic: Requests a second.
        share: Of the units, the challenger's.
        errors: Mean share of errors.
        units: How many sticky units there are; 0: each request is a unit of its own.
        steadiness: a + b of the beta law of the units' error rates; their slowness varies a quarter as much.
        session: Mean requests of a session, which fails or dawdles as a whole.
        drift: How far traffic, errors and latency swing over a day that passes in 800 seconds.
        bursts: How many times as much traffic comes in about a tenth of the seconds, with three times the errors.
        swing: Standard deviation of the log of latency that both arms share, which goes on for about 20 seconds.
        heavy: Share of answers that come from a Pareto law of index 1.2.
        median: Of latency, in seconds.
        sigma: Standard deviation of its log.
    """

    name: str
    traffic: float = 200.0
    share: float = 0.05
    errors: float = 0.01
    units: int = 0
    steadiness: float = 50.0
    session: float = 1.0
    drift: float = 0.0
    bursts: float = 1.0
    swing: float = 0.0
    heavy: float = 0.0
    median: float = 0.02
    sigma: float = 1.0


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with the challenger from a second on.

    Attributes:
        errors: Its odds of an error are so many times the champion's.
        slowness: Its latencies are.
        since: Second of the release.
    """

    errors: float = 1.0
    slowness: float = 1.0
    since: int = 0


NO_FAULT = Fault()


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Runs of one regime.

    Where buckets were not asked for, the arms have a single one.

    Attributes:
        regime: Which.
        requests: [runs, arms, t, 32].
        errors: [runs, arms, t, 32].
        cuts: [runs, arms, cuts] log seconds, in ascending order, above which answers were counted.
        slow: [runs, arms, cuts, t, 32] answers above each cut.
        past: [runs, t, 32] the champion's requests before the start.
        past_errors: [runs, t, 32].
        past_slow: [runs, t, 32] answers above its own first cut.
        histogram: [runs, bins] the champion's latencies before the start.
    """

    regime: Regime
    requests: Ints
    errors: Ints
    cuts: Floats
    slow: Ints
    past: Ints
    past_errors: Ints
    past_slow: Ints
    histogram: Ints

    def rows(self, run: int, model: str, versions: tuple[str, str], start: int) -> Iterator[Row]:
        """Yield one run as rows of both arms: each answer is in the bin above the cut it exceeds, or in the median's.

        Args:
            run: Which.
            model: Its name.
            versions: Of challenger and champion.
            start: The second of dispatch of the release's first second.
        """
        numbers = np.rint((self.cuts[run] - np.log(MICROSECOND)) / np.log(STEP)).astype(int) + 1
        usual = int((np.log(self.regime.median) - np.log(MICROSECOND)) / np.log(STEP))
        for t in range(self.requests.shape[2]):
            for arm, (name, version) in enumerate(zip(ARMS, versions, strict=True)):
                units = self.requests[run, arm, t]
                above = [int(units.sum()), *self.slow[run, arm, :, t].sum(axis=-1).tolist(), 0]
                counts = np.diff(above) * -1
                yield Row(
                    Key(start + t, model, version, name, "live"),
                    above[0],
                    int(self.errors[run, arm, t].sum()),
                    {
                        at: count
                        for at, count in zip([usual, *numbers[arm].tolist()], counts.tolist(), strict=True)
                        if count
                    },
                    units.tolist(),
                    self.errors[run, arm, t].tolist(),
                    self.slow[run, arm, 0, t].tolist(),
                    int(numbers[arm, 0]) - 1,
                )


class Cuts:
    """Where slow begins, by what the champion's history holds: log seconds for each arm."""

    def __init__(self, *cuts: tuple[float, float, float]) -> None:
        """Keep what to look for.

        Args:
            cuts: In ascending order, each the champion's quantile and the factors on it for challenger and champion.
        """
        self.cuts = cuts

    def __call__(self, histogram: Ints) -> Floats:
        """Return [runs, arms, cuts], at edges of bins."""
        sums = np.cumsum(histogram, axis=-1)
        found = []
        for quantile, *factors in self.cuts:
            at = (sums >= quantile * sums[:, -1:]).argmax(axis=-1)
            moved = [np.minimum(LAST, at + int(np.log(factor) / np.log(STEP) + 1e-9)) for factor in factors]
            found.append(LOG_EDGES[np.stack(moved, axis=1)])
        return np.stack(found, axis=-1)
