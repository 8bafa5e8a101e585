"""Whether the two arms predict the same distribution, to within a margin. Pure.

The champion's past quintiles cut predictions into five; above each cut is an event, and so is each class of a
classifier. For each event the test of odds asks both ways: are its odds in the challenger more than `margin` times
the champion's, or less than the margin-th part? The mean over events and sides of the e-values is one (Vovk and Wang,
Annals of Statistics 49 (2021), section 3), so looking at four cuts costs their log and no more.

Another version does not predict the same, so margin 1 would find harm in every release; a margin of 1.5 lets a median
lie at the champion's 40th or 60th percentile. Valid as odds.py is; units by Noise learned on the same events.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headgate.release.statistics import mixture
from headgate.release.statistics.counts import Floats, Ints, Seconds
from headgate.release.statistics.dispersion import Noise
from headgate.release.statistics.hypergeometric import log_sum
from headgate.release.statistics.mixture import Running
from headgate.release.statistics.odds import INDEPENDENT, Odds

MARGIN = 1.5
FACTORS = (1.2, 1.5, 2.0, 4.0)


@dataclass(frozen=True, slots=True)
class Shifted:
    """A test for a shifted distribution of predictions.

    Attributes:
        margin: The odds ratio, above 1, that is still no shift.
        every: Seconds between restarts; None: none.
    """

    margin: float = MARGIN
    every: int | None = mixture.RESTART_SECONDS

    def tests(self) -> tuple[Odds, Odds]:
        """Return the tests of one event: more often, less often."""
        more = Odds(self.margin, tuple(self.margin * factor for factor in FACTORS), self.every)
        less = Odds(1 / self.margin, tuple(1 / (self.margin * factor) for factor in FACTORS), self.every)
        return more, less

    def fold(
        self, running: Sequence[Running], events: Sequence[Seconds], noise: Noise = INDEPENDENT
    ) -> tuple[tuple[Running, ...], Floats]:
        """Return the states after new seconds, and log E at the end of each [t].

        Args:
            running: Two for each event; () at the start.
            events: The same seconds for each event (above_cuts, or one a class).
            noise: How far from independent.
        """
        states = tuple(running) or (Running(),) * (2 * len(events))
        tests = [(test, seconds) for seconds in events for test in self.tests()]
        found = [test.fold(state, seconds, noise) for state, (test, seconds) in zip(states, tests, strict=True)]
        logs = np.stack([log for _, log in found], axis=-1)
        return tuple(state for state, _ in found), log_sum(logs) - np.log(logs.shape[-1])

    def log_e(self, events: Sequence[Seconds], noise: Noise = INDEPENDENT) -> Floats:
        """Return log E [..., t] at the end of each second, from the first one on."""
        logs = np.stack([test.log_e(seconds, noise) for seconds in events for test in self.tests()], axis=-1)
        found: Floats = log_sum(logs) - np.log(logs.shape[-1])
        return found


def above_cuts(second: Ints, challenger: Ints, champion: Ints) -> list[Seconds]:
    """Return one comparison for each inner cut: how many predictions lie above it.

    Args:
        second: [t].
        challenger: [..., t, bins] its predictions, in bins between the cuts.
        champion: [..., t, bins] the other's.
    """
    ours, theirs = (np.flip(np.flip(found, -1).cumsum(axis=-1), -1) for found in (challenger, champion))
    m, n = ours[..., 0], ours[..., 0] + theirs[..., 0]
    return [Seconds(second, m, n, ours[..., b], ours[..., b] + theirs[..., b]) for b in range(1, ours.shape[-1])]
