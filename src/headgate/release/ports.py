"""What releases need of the world: who judges them, who forecasts them, and who stores their reports."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from headgate.release.chronicle import Chronicle
from headgate.release.evidence import Evidence
from headgate.release.meeting import Meeting
from headgate.release.standing import Standing


class Judge(Protocol):
    """Says what was measured about a release.

    Contract: reads rollups, prediction log and outcomes, and writes nothing; may be asked at any moment, by any process
    and however often, and what it says holds although it was asked before. `since` of what it returns is from when the
    evidence was gathered. Nothing seen is unsure. A HeadgateError where it cannot read: the release then waits.
    """

    def evidence(self, at: Standing, now: datetime) -> Evidence:
        """Return everything that was measured about a release on its present rung."""
        ...

    def shares(self, at: Standing, now: datetime) -> Mapping[str, float]:
        """Return the shares that a bandit asks for; empty: none."""
        ...


class Reporter(Protocol):
    """Stores the report of a release that ended. Contract: storing it again changes nothing."""

    def store(self, at: Standing) -> str:
        """Store it with the version; return the folder in which it lies."""
        ...


class Witness(Protocol):
    """Says who met a release. Contract: writes nothing; what cannot be read is said in `missing`, and never raised."""

    def meeting(self, told: Chronicle, now: datetime) -> Meeting:
        """Return how many requests and units each arm answered while the release lasted."""
        ...
