"""A profile as it was recorded, and when a latency line may be judged by it instead of a fresh measurement. Pure.

A profile stands for a line when it was taken of the same bundle (by digest), on a machine that is alike (processor and
cores), with the batch settings that the policy has now, at the line's rate, for at least as long as the line asks, and
with answers enough for the line's quantile. Of several the newest one counts, whatever it says.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from headgate.gate.load import KEPT_UP
from headgate.gate.profile import Settings, same_machine
from headgate.journal.event import Event
from headgate.policy.model import LatencyLine

RECORDED = "profile.recorded"


@dataclass(frozen=True, slots=True)
class Profiled:
    """What was seen of a version under one load over HTTP.

    Attributes:
        digest: Of the bundle.
        rate: Requests per second that were offered.
        seconds: For how long.
        offered: Requests.
        answered: Of them, without an error.
        achieved: Answers per second.
        milliseconds: Quantiles by name (``p99``), as far as there were answers enough.
        settings: Batch settings of the worker; None: not recorded.
        machine: Where.
        at: When it was recorded.
        position: Of the event.
    """

    digest: str
    rate: float
    seconds: float
    offered: int
    answered: int
    achieved: float
    milliseconds: Mapping[str, float]
    settings: Settings | None
    machine: Mapping[str, Any]
    at: datetime
    position: int

    @classmethod
    def of(cls, event: Event) -> "Profiled":
        """Read an event profile.recorded."""
        body: Any = event.body
        said = body.get("settings")
        return cls(
            body["digest"],
            float(body["rate"]),
            float(body["seconds"]),
            int(body["offered"]),
            int(body["answered"]),
            float(body["achieved"]),
            body["milliseconds"],
            Settings.from_json(said) if said else None,
            body["machine"],
            event.at,
            event.position,
        )

    @property
    def kept_up(self) -> bool:
        """Whether every request was answered at about the offered rate."""
        return self.answered == self.offered and self.achieved >= KEPT_UP * self.rate

    def covers(self, line: LatencyLine) -> bool:
        """Say whether a line can be judged by it."""
        enough = name_of(line.quantile) in self.milliseconds or not self.kept_up
        return self.rate == line.rate and self.seconds >= line.seconds and enough


def name_of(quantile: float) -> str:
    """Return what a quantile is called in a record."""
    return f"p{quantile * 100:g}"


def standing(
    profiles: Iterable[Profiled], digest: str, machine: Mapping[str, Any], settings: Settings
) -> tuple[Profiled, ...]:
    """Return the profiles of a bundle that were taken on a machine like this, with these settings."""
    return tuple(
        one
        for one in profiles
        if one.digest == digest and one.settings == settings and same_machine(one.machine, machine)
    )


def for_line(profiles: Sequence[Profiled], line: LatencyLine) -> Profiled | None:
    """Return the newest profile that a line can be judged by."""
    return max((one for one in profiles if one.covers(line)), key=lambda one: one.position, default=None)
