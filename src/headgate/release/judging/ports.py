"""What judging needs of the world, besides the rollups: answers, outcomes and pairs from the prediction log."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from headgate.release.evidence import Differing
from headgate.release.judging.answers import Answers
from headgate.release.judging.quality import Pairs
from headgate.release.judging.sides import Sides


class Log(Protocol):
    """Reads the prediction log and the outcomes of a project.

    Contract: writes nothing; seconds are those of dispatch, from `since` up to, without, `until`. Unavailable (or
    another HeadgateError) where it cannot be read.
    """

    def answers(self, model: str, who: Sides, since: int, until: int) -> Answers:
        """Return the answers of the sides, in order of their seconds, without outcomes."""
        ...

    def outcomes(self, model: str, who: Sides, since: int, until: int, known: datetime, due: timedelta) -> Answers:
        """Return the same with what had become true by `known`; an outcome is due after `due`."""
        ...

    def pairs(
        self,
        model: str,
        version: str,
        since: int,
        until: int,
        known: datetime | None = None,
        due: timedelta = timedelta(0),
    ) -> Pairs:
        """Return what a shadow and the live version answered, in order of their time; with what had become true."""
        ...

    def differing(self, model: str, version: str, since: int, until: int, most: int) -> Sequence[Differing]:
        """Return the pairs that differ most."""
        ...
