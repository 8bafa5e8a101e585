"""Precision on shadow pairs: of what each version called positive, how much was. Pure.

The two versions call different rows, so there is no difference per pair. But for each number c one can bet against
"the champion's precision is at most c and the challenger's at least c - margin": with calls a (challenger), b
(champion) and label y of a pair,

    E[b (y - c)] <= 0 <= E[a (y - c + margin)]     so     1 + l (b (y - c) - a (y - c + margin))

has an expectation of at most 1 (a bet as in pairs.py). If the challenger's precision is within the margin, one of
these claims is true, whatever the champion's is; so the least E over c is an e-value against all. c runs over a grid
of hundredths: the truth lies within a step of a grid point, and the margin is wider by that step, so nothing falls
between. A row that both call counts for both, which is what pairs are good for. The other side swaps the signs.

Valid for pairs of different units (pairs.first_of). Sources as in pairs.py; the infimum over a nuisance parameter is
that of a composite null: Vovk and Wang, E-values, Annals of Statistics 49 (2021).
"""

from dataclasses import dataclass

import numpy as np

from headgate.release.statistics.counts import Floats
from headgate.release.statistics.hypergeometric import log_sum
from headgate.release.statistics.mixture import Running
from headgate.release.statistics.pairs import STAKES, Flags

STEP = 0.01
GRID = np.arange(0.0, 1.0 + STEP / 2, STEP)
PIECE = 4096  # pairs at once


@dataclass(frozen=True, slots=True)
class Precision:
    """A test of the difference of two precisions.

    Attributes:
        margin: How much less precise the challenger may be, such as 0.1 for ten points; at least 0.
        side: 1: harm, it is less precise than that; -1: sound, it is not.
    """

    margin: float
    side: int

    def fold(self, running: Running, ours: Flags, theirs: Flags, label: Flags) -> tuple[Running, Floats]:
        """Return the state after new pairs, and log E after each [pairs].

        Args:
            running: The state before; Running() at the start.
            ours: [pairs] whether the challenger called it positive.
            theirs: [pairs] whether the champion did.
            label: [pairs] whether it was.
        """
        shape = (len(GRID), len(STAKES))
        logs = np.array(running.logs).reshape(shape) if running.logs else np.zeros(shape)
        found = [np.empty(0)]
        for start in range(0, len(label), PIECE):
            part = slice(start, start + PIECE)
            steps = self._steps(ours[part], theirs[part], label[part])
            path = np.add.accumulate(np.concatenate([logs[None], steps]), axis=0)
            found.append((log_sum(path[1:]) - np.log(len(STAKES))).min(axis=-1))
            logs = path[-1]
        after = Running(running.seconds + len(label), tuple(logs.ravel().tolist()))
        return after, np.concatenate(found)

    def _steps(self, ours: Flags, theirs: Flags, label: Flags) -> Floats:
        margin = self.margin + self.side * STEP
        y = label[:, None].astype(np.float64) - GRID
        gain = self.side * (theirs[:, None] * y - ours[:, None] * (y + margin))
        found: Floats = np.log1p(gain[..., None] * np.array(STAKES) / (1.0 + abs(margin)))
        return found
