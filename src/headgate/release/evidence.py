"""What was measured about a release, and the one verdict that it adds up to.

A guard's reading comes from the statistics, with its own verdict; here they become one. Nothing seen is *unsure*, an
advisory guard is shown and never decides, and *harm* wins over *sound*.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from math import isfinite
from typing import Any

from headgate.base.digest import Json

CHALLENGER = "challenger"


class Verdict(StrEnum):
    """What evidence says: *sound* (no worse than the margin), *harm* (a guard is violated), both with confidence."""

    SOUND = "sound"
    UNSURE = "unsure"
    HARM = "harm"


@dataclass(frozen=True, slots=True)
class Reading:
    """What one guard says of one arm.

    Attributes:
        guard: Its name: errors, latency, predictions, quality, cost, or one of the policy's `business`.
        required: Whether it decides; an advisory one is only shown.
        verdict: Its own.
        why: In words, with the numbers that matter.
        arm: Which arm it is about.
        champion: The champion's value in `unit`; None: none seen.
        challenger: The arm's value in `unit`; None: none seen.
        estimate: The difference or ratio that the guard is about.
        lower: Of the interval of the estimate, valid whenever it is looked at.
        upper: Likewise.
        log_e_harm: Natural logarithm of the e-value against "no harm".
        log_e_sound: Natural logarithm of the e-value against "worse than the margin".
        requests: The arm's observations that were judged.
        units: How many different units they came from; 0: not counted.
        unit: What the values are counted in, such as ``ms``; empty: a share.
    """

    guard: str
    required: bool
    verdict: Verdict
    why: str
    arm: str = CHALLENGER
    champion: float | None = None
    challenger: float | None = None
    estimate: float | None = None
    lower: float | None = None
    upper: float | None = None
    log_e_harm: float = 0.0
    log_e_sound: float = 0.0
    requests: int = 0
    units: int = 0
    unit: str = ""

    def to_json(self) -> dict[str, Json]:
        """Return what is recorded; a number that is not finite (an open interval) becomes null."""
        body: dict[str, Any] = asdict(self)
        return {key: None if isinstance(one, float) and not isfinite(one) else one for key, one in body.items()}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Reading":
        """Read what to_json wrote; keys of later releases are passed over."""
        known = {field.name: body[field.name] for field in fields(cls) if field.name in body}
        known |= {key: known[key] or 0.0 for key in ("log_e_harm", "log_e_sound") if key in known}
        return cls(**known | {"verdict": Verdict(body["verdict"])})


@dataclass(frozen=True, slots=True)
class Differing:
    """A request to which live version and shadow gave different answers.

    Attributes:
        id: Of the prediction.
        row: Within the request.
        unit: Whom it concerned, as it stands in the log; empty: not said.
        live: What the client was answered.
        shadow: What the shadow answered.
        difference: How far apart the two are.
    """

    id: str
    row: int
    unit: str
    live: str
    shadow: str
    difference: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that was measured, and its verdict.

    Attributes:
        verdict: What the required readings add up to.
        why: In words.
        since: From when the evidence for *sound* was gathered; only what began on this rung carries a release on.
        readings: One for each guard and arm.
        requests: The challengers' requests since then.
        stop: Why the comparison itself cannot be trusted (sample ratio mismatch); empty: it can.
        winner: The arm that is better than the champion, in an A/B test; empty: none is known to be.
        differing: With a shadow: the requests on which it differs most from the live version.
    """

    verdict: Verdict
    why: str
    since: datetime
    readings: tuple[Reading, ...] = ()
    requests: int = 0
    stop: str = ""
    winner: str = ""
    differing: tuple[Differing, ...] = ()

    @property
    def harmed(self) -> frozenset[str]:
        """The arms that a required guard speaks against."""
        return frozenset(one.arm for one in self.readings if one.required and one.verdict is Verdict.HARM)

    def without(self, arms: Collection[str]) -> "Evidence":
        """Return the evidence about the other arms; arms that were taken out decide nothing any more."""
        if not self.readings or not any(one.arm in arms for one in self.readings):
            return self
        kept = [one for one in self.readings if one.arm not in arms]
        winner = "" if self.winner in arms else self.winner
        found = weigh(kept, self.since, self.requests, stop=self.stop, winner=winner)
        return replace(found, differing=self.differing)

    def to_json(self) -> dict[str, Json]:
        """Return what is recorded."""
        return {
            "verdict": self.verdict.value,
            "why": self.why,
            "since": self.since.isoformat(),
            "readings": [one.to_json() for one in self.readings],
            "requests": self.requests,
            "stop": self.stop,
            "winner": self.winner,
            "differing": [asdict(one) for one in self.differing],
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Evidence":
        """Read what to_json wrote."""
        return cls(
            Verdict(body["verdict"]),
            body["why"],
            datetime.fromisoformat(body["since"]),
            tuple(Reading.from_json(one) for one in body.get("readings", ())),
            int(body.get("requests", 0)),
            body.get("stop", ""),
            body.get("winner", ""),
            tuple(Differing(**one) for one in body.get("differing", ())),
        )


def nothing_seen(since: datetime) -> Evidence:
    """Return the evidence of silence: unsure."""
    return Evidence(Verdict.UNSURE, "nothing was seen yet", since)


def weigh(
    readings: Iterable[Reading],
    since: datetime,
    requests: int = 0,
    *,
    together: str = "",
    stop: str = "",
    winner: str = "",
) -> Evidence:
    """Return what the readings of all guards add up to.

    Required harm is harm, whatever else holds. A mismatch (`stop`) makes everything but harm unsure. Every required
    guard sound, and at least one of them, is sound. All else is unsure.

    Args:
        readings: One for each guard and arm.
        since: From when the evidence for *sound* was gathered.
        requests: The challengers' requests since then.
        together: Why the required guards are harm together where none is alone (one budget over all); empty: not.
        stop: Why the comparison cannot be trusted; empty: it can.
        winner: The arm that is better than the champion, in an A/B test.
    """
    found = tuple(readings)
    required = [one for one in found if one.required]
    harm = [one for one in required if one.verdict is Verdict.HARM]
    open_ones = [one for one in required if one.verdict is Verdict.UNSURE]
    if harm or together:
        verdict, why = Verdict.HARM, _said(harm) or together
    elif stop:
        verdict, why = Verdict.UNSURE, stop
    elif open_ones:
        verdict, why = Verdict.UNSURE, _said(open_ones)
    elif required:
        verdict, why = Verdict.SOUND, _said(required)
    else:
        verdict, why = Verdict.UNSURE, "no required guard has seen anything yet"
    return Evidence(verdict, why, since, found, requests, stop, winner)


def _said(readings: list[Reading]) -> str:
    arms = {one.arm for one in readings} - {CHALLENGER}
    return "; ".join(f"{one.arm}: {one.guard}: {one.why}" if arms else f"{one.guard}: {one.why}" for one in readings)
