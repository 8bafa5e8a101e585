"""Who met a release: requests and units by arm, and what is only to be looked at. Values; Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # who only names these values needs no statistics
    from headgate.release.offpolicy import Estimate
    from headgate.release.segments import Cell


@dataclass(frozen=True, slots=True)
class Met:
    """What one arm of one version answered while a release lasted.

    Attributes:
        role: live, or shadow: copies, whose answers nobody saw.
        requests: As the gateway counted them.
        errors: Of them.
        units: Different units in the prediction log; None: it could not be read.
    """

    arm: str
    version: str
    role: str
    requests: int
    errors: int
    units: int | None


@dataclass(frozen=True, slots=True)
class Explored:
    """What an A/B test shows besides its decision; nothing decides on it.

    Attributes:
        guard: The business guard whose outcomes these are.
        cells: By column, value and arm.
        alone: What each arm would have come to alone, by arm: from logged propensities.
    """

    guard: str
    cells: "Sequence[Cell]" = ()
    alone: "Mapping[str, Estimate] | None" = None


@dataclass(frozen=True, slots=True)
class Meeting:
    """Who met a release, and what could not be read.

    Attributes:
        missing: What could not be read, and why; a line each.
    """

    arms: Sequence[Met] = ()
    explored: Explored | None = None
    missing: Sequence[str] = ()
