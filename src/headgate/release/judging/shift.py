"""The guard of predictions on one arm: are they distributed as the champion's, to within `largest_shift`. Pure.

Numbers are cut at the quintiles of what the champion answered before the start (or, where that is not known, to the
first thousand requests of the rung, which then are not judged); words are counted class by class. The largest distance
D of two distribution functions becomes an odds ratio: where half of the champion's answers lie above a cut, (1/2 + D) /
(1/2 - D); at every other cut that is the stricter margin. First answers of units alone are compared.
"""

import numpy as np

from headgate.policy.guards import PredictionGuard
from headgate.release.judging.answers import CHAMPION, Answers, Flags, events
from headgate.release.judging.finding import Finding, Tested, number, percent
from headgate.release.statistics.counts import Seconds
from headgate.release.statistics.odds import Odds
from headgate.release.statistics.predictions import Shifted

LEARNED_FROM = 1000
QUINTILES = (0.2, 0.4, 0.6, 0.8)
MOST_CLASSES = 20
INWARDS = (0.6, 0.75, 0.9)


class Shift:
    """Watches what one arm predicts.

    Args:
        rules: The guard.
        side: The arm's number.
    """

    def __init__(self, rules: PredictionGuard, side: int) -> None:
        self._limit, self._side = rules.largest_shift, side
        half = min(rules.largest_shift, 0.49)
        self._margin = (0.5 + half) / (0.5 - half)
        self._cuts: list[float] | list[str] | None = None
        self._learned = list[object]()
        self._harm = Shifted(self._margin)
        self._states: tuple[object, ...] = ()
        self._log = 0.0
        self._inside: list[Tested] = []
        self._counts = np.zeros((2, 0), np.int64)
        self._n = np.zeros(2, np.int64)

    def learn(self, answers: Answers) -> None:
        """Take in what the champion answered before there is anything to compare."""
        if self._cuts is not None:
            return
        self._learned += answers.value[(answers.side == CHAMPION) & answers.answered].tolist()
        if len(self._learned) >= LEARNED_FROM:
            self._cuts = _cuts(self._learned)
            self._counts = np.zeros((2, len(self._cuts)), np.int64)
            tests = (
                Odds(self._margin, tuple(self._margin * part for part in INWARDS), None),
                Odds(1 / self._margin, tuple(1 / (self._margin * part) for part in INWARDS), None),
            )
            self._inside = [Tested(test) for _ in self._cuts for test in tests]

    def feed(self, firsts: Answers) -> None:
        """Fold a window of first answers in."""
        if self._cuts is None:
            self.learn(firsts)
            return
        firsts = firsts.where(firsts.answered)
        found = [events(firsts, self._side, _beyond(firsts, cut)) for cut in self._cuts]
        if not found or not len(found[0]):
            return
        self._states, logs = self._harm.fold(self._states, found)  # type: ignore[arg-type]
        self._log = float(logs[-1])
        for at, one in enumerate(self._inside):
            one.feed(found[at // 2])
        self._count(found)

    def finding(self, guard: str, arm: str) -> Finding:
        """Return what was found."""
        if self._cuts is None:
            why = f"{len(self._learned):,} of {LEARNED_FROM:,} answers of the champion say what is usual"
            return Finding(guard, arm, why, open=why)
        if not self._n.all():
            return Finding(guard, arm, "an arm has answered nothing yet", open="an arm has answered nothing yet")
        shares = self._counts / self._n[:, None]
        far = float(np.abs(shares[0] - shares[1]).max())
        says = f"distributions of {self._n[0]:,} and {self._n[1]:,} first answers are {number(far)} apart"
        sound = min((one.log for one in self._inside), default=0.0)
        margin = f"at most {percent(self._limit)} apart"
        return Finding(guard, arm, says, margin, self._log, sound, estimate=far, requests=int(self._n[0]))

    def _count(self, found: list[Seconds]) -> None:
        ours = [int(one.k.sum()) for one in found]
        both = [int(one.events.sum()) for one in found]
        self._counts += np.array([ours, np.subtract(both, ours)])
        m, n = int(found[0].m.sum()), int(found[0].n.sum())
        self._n += np.array([m, n - m])


def _cuts(values: list[object]) -> list[float] | list[str]:
    if isinstance(values[0], str):
        names, counts = np.unique(np.array([str(one) for one in values]), return_counts=True)
        return [str(name) for name in names[np.argsort(-counts)][:MOST_CLASSES]]
    numbers = np.array(values, np.float64)
    found = np.unique(np.quantile(numbers[np.isfinite(numbers)], QUINTILES))
    return [float(cut) for cut in found]


def _beyond(answers: Answers, cut: float | str) -> Flags:
    found: Flags = answers.value == cut if isinstance(cut, str) else answers.value.astype(np.float64) > cut
    return found
