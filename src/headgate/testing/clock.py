"""A clock that moves only when a test moves it."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class FakeClock:
    """Tells the time it was given."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now

    def now(self) -> datetime:
        """Return the time it stands at."""
        return self._now

    def advance(self, span: timedelta) -> datetime:
        """Move by a span; return the new time."""
        self._now += span
        return self._now

    def set(self, now: datetime) -> None:
        """Stand at a time, an earlier one too: machines do that."""
        self._now = now
