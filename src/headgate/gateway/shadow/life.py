"""Decide what becomes of a shadow whose process ended: once is an accident, twice is its way. Pure."""

from dataclasses import dataclass

KILLS = 2
PAUSE = 1.0  # seconds before the only restart
SLOW = 30.0  # seconds of loading that are worth a word


@dataclass(slots=True)
class Life:
    """Counts how often a shadow ended its process: by a crash, a hang, or more memory than it may have.

    Attributes:
        kills: So far, beside this worker.
        elsewhere: So far, beside the other workers, as their supervisor says.
        why: How the last one of this worker went; empty: none did.
        loading: Seconds for which it has been loading; 0: it is not.
    """

    kills: int = 0
    elsewhere: int = 0
    why: str = ""
    loading: float = 0.0

    @property
    def quarantined(self) -> bool:
        """Whether it is not started again, as long as the route names this digest."""
        return self.kills + self.elsewhere >= KILLS

    @property
    def note(self) -> str:
        """What a person should know of it; empty: nothing."""
        if self.quarantined:
            return f"quarantined, {self.told}"
        if self.loading > SLOW:
            return f"it has been loading for {self.loading:.0f} s, with what no other program wants of the processors"
        return f"its process had to be started again; it {self.why}" if self.kills else ""

    @property
    def told(self) -> str:
        """How often it ended its process, and how it did so last, for people."""
        beside = f" ({self.elsewhere} beside other workers)" if self.elsewhere else ""
        last = f"; the last time it {self.why}" if self.why else ""
        return f"it ended its process {self.kills + self.elsewhere} times{beside}{last}"

    def learn(self, elsewhere: int) -> None:
        """Learn how often it ended its process beside other workers; what was once counted stays."""
        self.elsewhere = max(self.elsewhere, elsewhere)

    def ended(self, why: str) -> float | None:
        """Note an end that nobody asked for; return the seconds until the next start; None: there is none."""
        self.kills += 1
        self.why = why
        return None if self.quarantined else PAUSE
