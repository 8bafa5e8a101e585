"""Judge nothing: every release stays unsure, and asks a person when its patience is over."""

from collections.abc import Mapping
from datetime import datetime

from headgate.release.evidence import Evidence, nothing_seen
from headgate.release.standing import Standing


class Blind:
    """A judge who sees nothing."""

    def evidence(self, at: Standing, _now: datetime) -> Evidence:
        """Return that nothing was seen."""
        return nothing_seen(at.since)

    def shares(self, _at: Standing, _now: datetime) -> Mapping[str, float]:
        """Ask for no shares."""
        return {}
