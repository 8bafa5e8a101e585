"""Whether units fall on the arms as planned: a sample ratio mismatch makes every comparison of arms meaningless. Pure.

Each unit counts where it is first seen on the rung. A window in which an arm has nobody, though ten units or more were
due, is left out, with the windows beside it: then nothing was split (the arm was away), and the rest still says whether
the split is right.
"""

from collections.abc import Mapping

import numpy as np

from headgate.release.judging.answers import Answers
from headgate.release.judging.finding import percent
from headgate.release.statistics import mismatch
from headgate.release.statistics.counts import Ints
from headgate.routing.route import CHAMPION

DUE = 10.0  # units of an arm in a window; with so many due, none at all has a chance of e^-10
ALPHA = 0.001  # of finding a mismatch where there is none: it stops a release, so it must be sure


class Units:
    """Counts the units of each arm.

    Args:
        plan: Share of the units by arm, the champion's among them.
        arms: The arms in the order of their numbers.
        splits: How many plans may follow each other on the rung: each is counted anew, and ALPHA is split over them.
    """

    def __init__(self, plan: Mapping[str, float], arms: tuple[str, ...], splits: int = 1) -> None:
        self._enough = np.log(splits / ALPHA)
        self._names = (CHAMPION, *arms)
        self._plan = np.array([plan.get(name, 0.0) for name in self._names])
        self.counts = np.zeros(len(self._names), np.int64)
        self._last: Ints | None = None  # the window before, where it may count
        self._whole = True

    def feed(self, firsts: Answers) -> None:
        """Count the first answers of units in a window."""
        found = np.bincount(firsts.side[firsts.side >= 0], minlength=len(self._names)).astype(np.int64)
        away = (found == 0) & (self._plan * found.sum() >= DUE)
        whole = not away.any()
        if whole and self._last is not None:
            self.counts += self._last
        self._last, self._whole = (found if whole and self._whole else None), whole

    def of(self, side: int) -> int:
        """Return how many units an arm has."""
        return int(self.counts[side])

    def stop(self) -> str:
        """Return why no comparison can be trusted; empty: they can."""
        if not (self._plan > 0).all() or mismatch.log_e(self.counts.astype(np.float64), self._plan) < self._enough:
            return ""
        shares = self.counts / self.counts.sum()
        odd = int(np.abs(shares / self._plan - 1).argmax())
        found = f"{self._names[odd]} has {percent(shares[odd])} of {int(self.counts.sum()):,} units"
        return (
            f"sample ratio mismatch: {found}, and {percent(self._plan[odd])} were planned: something besides chance "
            "decides who gets which arm, so no comparison of the arms means anything; look for callers that retry, "
            "cache or choose"
        )
