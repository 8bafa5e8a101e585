"""Which arm a request goes to: by its unit, always the same one; without a unit, by a draw.

A unit's place is a salted hash, a number in [0, 1). The challengers lie one after the other from 0 on, in the route's
order, and the champion has the rest. Raising a challenger's share at the champion's cost therefore only ever takes
units from the champion: none moves back. (With two challengers, raising the first pushes some of its neighbour's units
into it; they stay with a challenger.) One request goes to one arm, whatever number of rows it has.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from headgate.routing.route import Route

_BYTES = 8
_PARTS = 2**53  # a float holds every whole number up to it


def place(unit: bytes, salt: bytes) -> float:
    """Return a unit's place in [0, 1).

    Args:
        unit: Whom a request is about, as sent.
        salt: Of the experiment, so that the units of one are not the units of the next; at most 64 bytes.
    """
    return (int.from_bytes(blake2b(unit, digest_size=_BYTES, key=salt).digest(), "big") >> 11) / _PARTS


def places(units: Sequence[bytes], salt: bytes) -> npt.NDArray[np.float64]:
    """Return the places of many units [n]: what `place` says of each."""
    start = blake2b(digest_size=_BYTES, key=salt)
    digests = []
    for unit in units:
        one = start.copy()
        one.update(unit)
        digests.append(one.digest())
    return (np.frombuffer(b"".join(digests), ">u8") >> np.uint64(11)) / np.float64(_PARTS)


@dataclass(frozen=True, slots=True)
class Split:
    """The arms of a route on [0, 1).

    Attributes:
        arms: Indices into the route's arms: the challengers that have a share, then the champion.
        ends: Where each challenger's part ends.
        salt: As bytes.
    """

    arms: tuple[int, ...]
    ends: tuple[float, ...]
    salt: bytes

    @classmethod
    def of(cls, route: Route) -> "Split":
        """Return the split of a route; its weights must be those that hold now."""
        champion = route.champion
        others = [(at, arm.weight) for at, arm in enumerate(route.arms) if arm is not champion and arm.weight > 0]
        ends = tuple(accumulate(weight for _, weight in others))
        return cls((*(at for at, _ in others), route.arms.index(champion)), ends, salt_bytes(route.salt))

    @property
    def alone(self) -> bool:
        """Whether the champion has everything."""
        return not self.ends

    def at(self, where: float) -> int:
        """Return the index of the arm at a place in [0, 1)."""
        return self.arms[bisect_right(self.ends, where)]

    def of_unit(self, unit: bytes) -> int:
        """Return the index of a unit's arm."""
        return self.at(place(unit, self.salt))

    def of_units(self, units: Sequence[bytes]) -> npt.NDArray[np.intp]:
        """Return the index of each unit's arm [n]."""
        return self.of_places(places(units, self.salt))

    def of_places(self, where: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
        """Return the index of the arm at each place in [0, 1) [n]."""
        return np.array(self.arms, np.intp)[np.searchsorted(np.array(self.ends), where, side="right")]


def salt_bytes(salt: str) -> bytes:
    """Return a salt as the hash takes it: a digest, so that its length does not matter."""
    return blake2b(salt.encode(), digest_size=16).digest()
