"""Quality on shadow pairs: both versions answered the same request, and the outcome is known. Pure.

Each pair gives a difference D in [-1, 1], +1 where only the challenger is at fault. It is a bet again (absolute.py):
with a stake l the capital grows by 1 + l (D - margin) for harm, 1 + l (margin - D) for sound, never below 0, with
expectation at most 1 while E[D] <= margin (>= margin). For wrong or right, and no margin, it is McNemar's test made
sequential: pairs on which both agree change nothing, and the others are coins of chance (1 + l) / 2. Stakes are
spread and averaged. (Waudby-Smith and Ramdas, JRSS B 86 (2024), section 4; McNemar, Psychometrika 12 (1947).)

What D is, for which metric (`wrong` accuracy; `missed` recall; `farther` any loss; `misranked` ROC AUC) is said at each
function. precision.py judges precision.

Pairs of one unit go together, and a unit that returns brings the same errors again: the first pair of each unit counts
(`first_of`). More would need a law for what repeats, and would tell little: a thousand units are a thousand facts.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headgate.release.statistics import mixture
from headgate.release.statistics.counts import Floats
from headgate.release.statistics.mixture import Running

STAKES = (0.03, 0.1, 0.25, 0.5, 0.9)
WEIGHTS = np.stack([np.append(np.full(len(STAKES), 1 / len(STAKES)), 0.0), np.append(np.zeros(len(STAKES)), 1.0)])
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Bets:
    """A test of the mean of D.

    Attributes:
        margin: In [0, 1): how much worse the challenger may be, such as 0.01 for one point of accuracy.
        side: 1: harm, the mean is above the margin; -1: sound, it is below.
    """

    margin: float
    side: int

    def fold(self, running: Running, differences: Floats) -> tuple[Running, Floats]:
        """Return the state after new pairs, and log E after each [pairs].

        Args:
            running: The state before; Running() at the start.
            differences: [pairs] D of each, in the order in which outcomes matured.
        """
        return mixture.fold(running, self._steps(differences), WEIGHTS, every=None)

    def log_e(self, differences: Floats) -> Floats:
        """Return log E [..., pairs] after each pair from the first on; simulations put an axis of runs before it."""
        path = np.add.accumulate(self._steps(differences), axis=-2)
        return mixture.log_e(path, WEIGHTS, every=None)

    def _steps(self, differences: Floats) -> Floats:
        largest = 1.0 + self.side * self.margin  # what can be lost at a stake of one
        gain = self.side * (np.asarray(differences, np.float64) - self.margin)
        steps = np.log1p(gain[..., None] * np.array(STAKES) / largest)
        return np.concatenate([steps, np.zeros((*gain.shape, 1))], axis=-1)


def first_of(units: npt.NDArray[np.object_] | npt.NDArray[np.str_]) -> Flags:
    """Return which pairs are the first of their unit [pairs]."""
    found = np.zeros(len(units), np.bool_)
    found[np.unique(units, return_index=True)[1]] = True
    return found


def wrong(ours_right: Flags, theirs_right: Flags) -> Floats:
    """Return D for accuracy: who answered wrongly."""
    return theirs_right.astype(np.float64) - ours_right


def missed(label: Flags, ours: Flags, theirs: Flags) -> Floats:
    """Return D for recall, of the pairs whose label is positive alone: who missed it [positives].

    Given the positives, both recalls are means over the same pairs.
    """
    return theirs[label].astype(np.float64) - ours[label]


def farther(ours: Floats, theirs: Floats, limit: float) -> Floats:
    """Return D for a loss (absolute or squared error, Brier score, log loss): their difference, winsorised.

    Args:
        ours: [pairs] the challenger's loss.
        theirs: [pairs] the champion's.
        limit: The largest difference that counts, such as the champion's past P99; D and margin are in its unit.
    """
    return np.clip((ours - theirs) / limit, -1.0, 1.0)


def misranked(label: Flags, ours: Floats, theirs: Floats) -> Floats:
    """Return D for ROC AUC: the i-th positive is held against the i-th negative, who ranks them wrongly [couples].

    AUC is the chance of ranking a random couple rightly, and couples that share no row are independent; a tie is half.
    All couples would tell more, but are no sequence of independent facts.
    """
    couples = min(int(label.sum()), int((~label).sum()))

    def ranked(score: Floats) -> Floats:
        ahead = np.sign(score[label][:couples] - score[~label][:couples])
        found: Floats = (1.0 + ahead) / 2.0
        return found

    return ranked(theirs) - ranked(ours)
