"""With which chance a request went to an arm: the shares that the journal says held in its second. Pure.

Each change of the shares is an event (`route.set`, `pointer.moved`) with its time, and each prediction in the log has
its time and arm, so the chance of every prediction can be found again at any time. Workers follow a change within a
second or two; what came within SETTLING seconds after one is left out, since nobody knows which shares it met.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from headgate.release.chronicle import Split
from headgate.release.judging.answers import Answers, First
from headgate.release.offpolicy import Estimate, estimate
from headgate.release.statistics.counts import Floats, Ints
from headgate.release.statistics.pairs import Flags

SETTLING = 5  # seconds


def chances(splits: Sequence[Split], arm: str, second: Ints) -> Floats:
    """Return the share that an arm had in each second [n]; 0 where it had none.

    Args:
        splits: Changes of the shares, in order.
        arm: Its name in the route.
        second: [n] since 1970.
    """
    shares = np.array([0.0, *(one.shares.get(arm, 0.0) for one in splits)])
    found: Floats = shares[_held(splits, second)]
    return found


def settled(splits: Sequence[Split], second: Ints) -> Flags:
    """Return in which seconds [n] every worker followed the same shares."""
    times = np.array([-np.inf, *(one.at.timestamp() for one in splits)])
    since = times[np.searchsorted(times, second + 1, side="left") - 1]
    found: Flags = (second - since >= SETTLING) & np.isfinite(since)
    return found


def alone(splits: Sequence[Split], arms: Sequence[str], answers: Answers, value: Floats) -> Mapping[str, Estimate]:
    """Return what each arm had come to alone, by arm, from the first answer of each unit on whatever side.

    A unit that comes back meets its old arm again, except where the shares moved it: to count its second arm, and not
    its second look at the first one, would say that it was bound to change.

    Args:
        splits: Changes of the shares, in order.
        arms: Names by number of the side, the champion first.
        answers: In order of their seconds.
        value: [n] what each came to.
    """
    kept = First().any_side(answers) & settled(splits, answers.second)
    found = dict[str, Estimate]()
    for number, name in enumerate(arms):
        chance = chances(splits, name, answers.second)
        tried = kept & (chance > 0)
        one = estimate((answers.side == number)[tried], value[tried], chance[tried])
        found |= {name: one} if one else {}
    return found


def _held(splits: Sequence[Split], second: Ints) -> Ints:
    times = np.array([one.at.timestamp() for one in splits])
    found: Ints = np.searchsorted(times, second, side="right").astype(np.int64)
    return found
