"""What a version was seen to do under load over HTTP, and the search for the highest rate that holds a limit.

Pure: whoever searches says how to try a rate, and with which batch settings.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any

from headgate.base.digest import Json
from headgate.gate.load import Load

SHARES = (0.5, 0.9, 0.95, 0.99, 0.999)
LIMIT = 0.99  # the quantile that has to hold the limit
CLOSE = 1.1  # the search ends when the answer is known within 10 %
TRIES = 24
WAITS, SIZES = (0.0, 1.0, 5.0), (64, 1024, 8192)  # ms, rows
WAIT_SHARE = 0.25  # of the limit that may be spent on waiting for others


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


def search(
    attempt: Callable[[float], Tried], start: float, sla_ms: float, most: float, floor: float = 0.0
) -> list[Tried]:
    """Try rates until the highest one that holds is known within 10 %; return every try, in order.

    Args:
        attempt: Puts a rate on the version.
        start: The first rate, requests per second.
        sla_ms: What P99 may be.
        most: No higher rate is tried.
        floor: Only rates above it are worth a try.
    """
    tries: list[Tried] = []
    good, bad, rate = floor, most * CLOSE, start
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


@dataclass(frozen=True, slots=True)
class Settings:
    """How a worker puts requests together: the keys of the policy's ``serving``.

    Attributes:
        max_batch: Rows of one call of the model.
        max_wait_ms: How long a request waits for others to be called with.
        concurrency: Calls at the same time.
    """

    max_batch: int
    max_wait_ms: float
    concurrency: int = 1

    def to_json(self) -> dict[str, Json]:
        """Return the form that is recorded."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Settings":
        """Read what to_json wrote."""
        return cls(int(body["max_batch"]), float(body["max_wait_ms"]), int(body["concurrency"]))


Attempt = Callable[[float], Tried]
Opened = Callable[[Settings], AbstractContextManager[Attempt]]


@dataclass(frozen=True, slots=True)
class Setup:
    """Batch settings that were tried.

    Attributes:
        settings: The settings.
        highest: The highest rate that held; None: none above the rate that settings before it reached.
    """

    settings: Settings
    highest: float | None

    def to_json(self) -> dict[str, Json]:
        """Return the form that is recorded."""
        return {**self.settings.to_json(), "highest": self.highest}


def grid(now: Settings, sla_ms: float) -> list[Settings]:
    """Return the settings that are worth a try beside the present ones: waits well below the limit, three sizes."""
    waits = [wait for wait in WAITS if wait <= sla_ms * WAIT_SHARE]
    made = [Settings(size, wait, now.concurrency) for wait in waits for size in SIZES]
    return [one for one in made if one != now]


def search_settings(now: Setup, opened: Opened, start: float, sla_ms: float, most: float) -> list[Setup]:
    """Try other batch settings, each from above the best rate so far; return all, the present ones first.

    Settings that do not hold a rate 10 % above the best so far cost one try.

    Args:
        now: The present settings and what they reached.
        opened: Serves the version with settings, for as long as it is tried.
        start: Where the search starts when no rate held so far.
        sla_ms: What P99 may be.
        most: No higher rate is tried.
    """
    found, floor = [now], now.highest or 0.0
    for settings in grid(now.settings, sla_ms):
        if floor >= most:
            break
        with opened(settings) as attempt:
            tries = search(attempt, min(floor * CLOSE, most) or start, sla_ms, most, floor)
        highest = best(tries, sla_ms)
        floor = max(floor, highest or 0.0)
        found.append(Setup(settings, highest))
    return found


def best_setup(found: list[Setup]) -> Setup:
    """Return the settings that reached the highest rate; of equals the first."""
    return max(found, key=lambda one: one.highest or 0.0)


def same_machine(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Say whether two descriptions are of machines that are alike: processor and cores."""
    return all(one.get(key) == other.get(key) for key in ("processor", "cores"))
