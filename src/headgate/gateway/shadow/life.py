"""Decide what becomes of a shadow whose process ended: once is an accident, twice is its way. Pure."""

from dataclasses import dataclass

KILLS = 2
PAUSE = 1.0  # seconds before the only restart


@dataclass(slots=True)
class Life:
    """Counts how often a shadow ended its process: by a crash, a hang, or more memory than it may have.

    Attributes:
        kills: So far.
        why: How the last one went; empty: none did.
    """

    kills: int = 0
    why: str = ""

    @property
    def quarantined(self) -> bool:
        """Whether it is not started again, as long as the route names this digest."""
        return self.kills >= KILLS

    def ended(self, why: str) -> float | None:
        """Note an end that nobody asked for; return the seconds until the next start; None: there is none."""
        self.kills += 1
        self.why = why
        return None if self.quarantined else PAUSE
