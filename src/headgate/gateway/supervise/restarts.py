"""Decide when a dead worker starts again: at once after a good life, later and later when it keeps dying. Pure."""

from dataclasses import dataclass

FIRST, LONGEST = 0.5, 30.0
GOOD_LIFE = 30.0  # seconds; a worker that lived this long had nothing wrong with its start


@dataclass(slots=True)
class Restarts:
    """Counts the quick deaths of one worker's place."""

    quick: int = 0

    def wait(self, lived: float) -> float:
        """Return the seconds until the next start, after a life of so many seconds.

        The first quick death is forgiven: one crash costs no pause. From the second on the pause doubles.
        """
        if lived >= GOOD_LIFE:
            self.quick = 0
        self.quick += 1
        return 0.0 if self.quick == 1 else min(LONGEST, FIRST * 2.0 ** min(self.quick - 2, 10))
