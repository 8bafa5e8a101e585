"""What a version was seen to do under load over HTTP, and the search for the highest rate that holds a limit.

Pure: whoever searches says how to try a rate.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from headgate.base.digest import Json
from headgate.gate.load import Load

SHARES = (0.5, 0.9, 0.95, 0.99, 0.999)
LIMIT = 0.99  # the quantile that has to hold the limit
CLOSE = 1.1  # the search ends when the answer is known within 10 %
TRIES = 24


@dataclass(frozen=True, slots=True)
class Tried:
    """One rate that was tried.

    Attributes:
        load: What was seen.
        failed: Requests that were answered with an error or not at all.
        why: What the first of them was answered; empty when there was no answer.
    """

    load: Load
    failed: int
    why: str = ""

    def holds(self, sla_ms: float) -> bool:
        """Say whether every request was answered, at the rate, and P99 within the limit."""
        return not self.failed and self.load.kept_up and self.load.quantile(LIMIT) <= sla_ms

    def to_json(self) -> dict[str, Json]:
        """Return the form that is recorded: quantiles in ms, as far as there are answers enough for them."""
        load = self.load
        shown = {f"p{share * 100:g}": round(load.quantile(share), 4) for share in SHARES if load.shows(share)}
        return {
            "rate": load.rate,
            "offered": load.offered,
            "answered": len(load.milliseconds),
            "failed": self.failed,
            "why": self.why,
            "achieved": round(load.achieved, 2),
            "milliseconds": shown if load.milliseconds else {},
        }


def search(attempt: Callable[[float], Tried], start: float, sla_ms: float, most: float) -> list[Tried]:
    """Try rates until the highest one that holds is known within 10 %; return every try, in order.

    Args:
        attempt: Puts a rate on the version.
        start: The first rate, requests per second.
        sla_ms: What P99 may be.
        most: No higher rate is tried.
    """
    tries: list[Tried] = []
    good, bad, rate = 0.0, most * CLOSE, start
    while len(tries) < TRIES and bad > good * CLOSE and rate >= 1:
        tries.append(attempt(rate))
        if tries[-1].holds(sla_ms):
            good = rate
        else:
            bad = rate
        if good >= most:
            break
        rate = _next(good, bad, most)
    return tries


def _next(good: float, bad: float, most: float) -> float:
    """Return the rate to try: between the two where both are known, else half or twice as much."""
    if good and bad <= most:
        return float((good * bad) ** 0.5)
    return min(good * 2, most) if good else bad / 2


def best(tries: list[Tried], sla_ms: float) -> float | None:
    """Return the highest rate that held; None where none did."""
    return max((one.load.rate for one in tries if one.holds(sla_ms)), default=None)


def same_machine(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Say whether two descriptions are of machines that are alike: processor and cores."""
    return all(one.get(key) == other.get(key) for key in ("processor", "cores"))
