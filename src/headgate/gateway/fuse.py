"""A local fuse: a version that keeps failing in this worker is taken out here, and tried again after a pause. Pure."""

from dataclasses import dataclass, field
from typing import Literal

DEATHS = 3
DEATH_SECONDS = 60.0
LONGEST = 16  # pauses; each further failure doubles the pause up to it


@dataclass(slots=True)
class Fuse:
    """Counts what a version does. Seconds are those of any clock that only rises.

    It blows when calls of the model fail `failures` times in a row, or when its process dies three times within a
    minute. After the pause the version is on trial: as many good calls in a row close the fuse, one failure blows it
    for twice as long.

    Attributes:
        failures: In a row.
        pause: Seconds until the version is tried again, the first time.
        state: ``closed`` (it serves), ``open`` (it is out) or ``trial``.
        until: When an open fuse goes on trial.
        why: What blew it last.
    """

    failures: int = 5
    pause: float = 30.0
    state: Literal["closed", "open", "trial"] = "closed"
    until: float = 0.0
    why: str = ""
    _failed: int = 0
    _good: int = 0
    _blown: int = 0
    _away: bool = False
    _deaths: list[float] = field(default_factory=list)

    def good(self) -> bool:
        """Note a call that worked; return whether the state changed."""
        self._failed, self._away = 0, False
        if self.state != "trial":
            return False
        self._good += 1
        if self._good < self.failures:
            return False
        self.state, self._blown, self._deaths = "closed", 0, []
        return True

    def bad(self, now: float, why: str, *, died: bool = False) -> bool:
        """Note a call that failed; return whether the fuse blew.

        Args:
            now: Seconds.
            why: What went wrong.
            died: Whether the model's process was not there; one death counts once, until a call works again.
        """
        self._failed += 1
        if died and not self._away:
            self._deaths = [at for at in self._deaths if now - at < DEATH_SECONDS] + [now]
        self._away = died
        if self.state == "open":
            return False
        if self.state == "closed" and self._failed < self.failures and len(self._deaths) < DEATHS:
            return False
        seconds = self.pause * min(2**self._blown, LONGEST)
        self._blown += 1
        self.state, self.until, self.why = "open", now + seconds, why
        self._failed, self._deaths = 0, []
        return True

    def look(self, now: float) -> bool:
        """Put an open fuse whose pause is over on trial; return whether the state changed."""
        if self.state != "open" or now < self.until:
            return False
        self.state, self._good, self._failed = "trial", 0, 0
        return True
