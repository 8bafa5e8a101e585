"""A test of the odds ratio between two arms: per dispatch second, given how many events there were. Pure.

harm.py and sound.py say which odds ratios it weighs against each other. Valid for any course of the shared event rate
and any share of the traffic, as it conditions on each second (hypergeometric.py); for requests that go together as far
as Noise says (dispersion.py); at every moment at once (mixture.py). It knows no verdict: it returns log e-values.

The blocks, one a second, each with a likelihood ratio of its own, are those of Turner, Ly and Grunwald, Generic
E-variables for exact sequential k-sample tests that allow for optional stopping, J. Stat. Planning and Inference 230
(2024); conditioning on the sum in place of estimating the champion's rate is ours to answer for, and is Fisher's.
"""

from dataclasses import dataclass

import numpy as np

from headgate.release.statistics import mixture
from headgate.release.statistics.counts import Floats, Seconds
from headgate.release.statistics.dispersion import Noise
from headgate.release.statistics.hypergeometric import log_likelihood
from headgate.release.statistics.mixture import Running

INDEPENDENT = Noise()


@dataclass(frozen=True, slots=True)
class Odds:
    """A test of one side.

    Attributes:
        null: The odds ratio at the edge of what is to be refuted.
        alternatives: Odds ratios, all above the null or all below it.
        every: Seconds between restarts; None: none.
        stakes: How much is on each alternative, in any unit; nothing: as much on each.
    """

    null: float
    alternatives: tuple[float, ...]
    every: int | None = mixture.RESTART_SECONDS
    stakes: tuple[float, ...] = ()

    def fold(self, running: Running, seconds: Seconds, noise: Noise = INDEPENDENT) -> tuple[Running, Floats]:
        """Return the state after new seconds, and log E at the end of each [t].

        Args:
            running: The state before; Running() at the start.
            seconds: New final seconds, in order; none may be left out or come twice.
            noise: The same at every pass of one release.
        """
        steps, weights = self._steps(seconds, noise)
        return mixture.fold(running, steps, weights, self.every)

    def log_e(self, seconds: Seconds, noise: Noise = INDEPENDENT) -> Floats:
        """Return log E [..., t] at the end of each second, from the first one on."""
        steps, weights = self._steps(seconds, noise)
        path = np.add.accumulate(steps, axis=-2)
        return mixture.log_e(path, weights, self.every)

    def _steps(self, seconds: Seconds, noise: Noise) -> tuple[Floats, Floats]:
        psi, weights = noise.values(self.null, self.alternatives, self.stakes)
        return log_likelihood(seconds, psi) / noise.phi, weights
