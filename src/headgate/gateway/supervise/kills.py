"""Add up how often each shadow ended its process, over all workers, those that are gone included. Pure."""

from collections import Counter
from collections.abc import Mapping


class Kills:
    """What workers told of their shadows."""

    def __init__(self) -> None:
        self._told: dict[int, Mapping[str, int]] = {}
        self._left: Counter[str] = Counter()

    def hear(self, worker: int, kills: Mapping[str, int] | None) -> None:
        """Take in what a worker says: every shadow that it has; None: it does not know yet.

        A shadow that no worker has any more is forgotten: the route that names it again gives it another try.
        """
        if kills is None:
            return
        self._told[worker] = kills
        named = set().union(*self._told.values())
        for gone in self._left.keys() - named:
            del self._left[gone]

    def leave(self, worker: int) -> None:
        """Note that a worker is gone; what its shadows did still counts."""
        self._left.update(self._told.pop(worker, {}))

    def elsewhere(self, worker: int) -> dict[str, int]:
        """Return how often each shadow ended its process beside workers other than this one."""
        every = Counter(self._left)
        for other, kills in self._told.items():
            if other != worker:
                every.update(kills)
        return {name: count for name, count in sorted(every.items()) if count}
