"""What a guard found of one arm, before a budget makes a verdict of it; and how numbers are said. Pure."""

from dataclasses import dataclass, field
from math import exp, isfinite, isnan, log
from typing import Any, TypeAlias

from headgate.release.statistics.counts import Seconds
from headgate.release.statistics.dispersion import Noise
from headgate.release.statistics.mixture import Running
from headgate.release.statistics.odds import INDEPENDENT

LARGE = log(1e6)
FEW, TEN, HUNDRED = 0.1, 10, 100
Numbers: TypeAlias = float | None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a guard found.

    Attributes:
        guard: Its name.
        arm: Which arm it is about.
        says: The numbers, in words.
        margin: What *sound* means, in words, such as ``no worse than 2 x``.
        log_harm: Log e-value against "no harm".
        log_sound: Log e-value against "worse than the margin".
        log_better: Log e-value against "no better", where that is asked.
        open: Why it can say nothing; empty: it can.
        champion, challenger, estimate, lower, upper, requests, units, unit: As in evidence.Reading.
    """

    guard: str
    arm: str
    says: str
    margin: str = ""
    log_harm: float = 0.0
    log_sound: float = 0.0
    log_better: float = 0.0
    open: str = ""
    champion: Numbers = None
    challenger: Numbers = None
    estimate: Numbers = None
    lower: Numbers = None
    upper: Numbers = None
    requests: int = 0
    units: int = 0
    unit: str = ""


def silent(guard: str, arm: str, why: str) -> Finding:
    """Return the finding of a guard that cannot say anything."""
    return Finding(guard, arm, why, open=why)


@dataclass(slots=True)
class Tested:
    """A test, and where its evidence stands.

    Attributes:
        test: Something with `fold`, as all of statistics/ has it.
        log: The log e-value of now.
    """

    test: Any
    noise: Noise = INDEPENDENT
    running: Running = field(default_factory=Running)
    log: float = 0.0

    def feed(self, seconds: Seconds) -> None:
        """Fold new seconds in."""
        if len(seconds):
            self.running, logs = self.test.fold(self.running, seconds, self.noise)
            self.log = float(logs[-1])


def percent(share: float) -> str:
    """Return a share for a person: ``0.28 %``."""
    return f"{share * 100:.2g} %" if share < FEW else f"{share * 100:.1f} %"


def number(value: float | None) -> str:
    """Return a number for a person: two significant digits, three where they are before the point."""
    if value is None or isnan(value):
        return "?"
    if not isfinite(value):
        return "any"
    return f"{value:,.0f}" if abs(value) >= HUNDRED else f"{value:.3g}" if abs(value) >= TEN else f"{value:.2g}"


def between(low: float, high: float) -> str:
    """Return an interval for a person: ``0.6 to 2``."""
    if not isfinite(high):
        return f"{number(low)} or more" if low > 0 else "anything"
    return f"{number(low)} to {number(high)}"


def evidence_of(log_e: float, needed: float) -> str:
    """Return how strong evidence is: ``e 31 of 20 needed``.

    Args:
        log_e: Log e-value.
        needed: Log of what decides.
    """
    return f"e {_e(log_e)} of {_e(needed)} needed"


def _e(log_e: float) -> str:
    return number(exp(log_e)) if log_e <= LARGE else f"10^{log_e / log(10):.0f}"


def known(value: float) -> float | None:
    """Return a value, and None for what is no number."""
    return None if isnan(value) else float(value)
