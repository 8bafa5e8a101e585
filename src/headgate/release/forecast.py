"""How many requests and how long each rung of a plan needs at today's traffic; refuses what traffic cannot decide.

How many requests a guard needs is the statistics' to say (`Power`); here they become times, and the nearest plan that
can be decided.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from math import ceil, isfinite
from typing import Protocol

from headgate.policy.span import show_span
from headgate.release.plan import Kind, Plan, Rung, judged
from headgate.routing.route import CHALLENGER, CHAMPION

LONGEST = timedelta(days=90)
LARGEST_SHARE = 0.5
SPARE = 1.25  # a proposed patience is this much longer than the forecast
STEP = 0.01


@dataclass(frozen=True, slots=True)
class Together:
    """How far events of one champion are from independent (statistics/dispersion.py).

    Attributes:
        phi: How many times the variance is that of independent ones, where events come in bursts.
        variance: Between buckets of units, of their relative rates; 0 where chance alone may have made it.
    """

    phi: float = 1.0
    variance: float = 0.0


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a model's traffic was like lately.

    Attributes:
        per_second: Requests.
        errors: The champion's error rate, 0 to 1.
        outcomes: Share of the predictions whose outcome arrives, 0 to 1.
        maturity: How long outcomes take to arrive.
        per_unit: Requests of one unit, on average: units are what is counted, not requests.
        of_errors: How its errors go together.
        of_slow: How its slow answers go together.
    """

    per_second: float
    errors: float
    outcomes: float = 0.0
    maturity: timedelta = timedelta(0)
    per_unit: float = 1.0
    of_errors: Together = Together()
    of_slow: Together = Together()


class Power(Protocol):
    """Says how many requests a guard needs.

    Contract: pure; the number of the challenger's requests within which a challenger that is the champion's equal is
    *sound* in nine of ten releases; infinite where the traffic can never tell.
    """

    def __call__(self, guard: str, rung: Rung, plan: Plan, traffic: Traffic) -> float:
        """Return the challenger's requests that a guard needs on a rung."""
        ...


@dataclass(frozen=True, slots=True)
class Need:
    """What one rung needs.

    Attributes:
        requests: The challenger's requests; infinite: more than there can be.
        lasts: How long that takes at this traffic, its hold included; None: for ever.
        guard: Which required guard needs most; empty: none decides here.
        enough: Whether it fits into the rung's patience.
    """

    rung: Rung
    requests: float
    lasts: timedelta | None
    guard: str
    enough: bool

    @property
    def why(self) -> str:
        """In words, for a person."""
        if not self.guard:
            return f"{self.rung.name}: lasts {show_span(self.rung.hold)}"
        if self.lasts is None:
            return f"{self.rung.name}: {self.guard} can never be told at this traffic"
        least = f"{self.rung.name}: {self.guard} needs about {ceil(self.requests):,} requests, {_show(self.lasts)}"
        return least if self.enough else f"{least}, and its patience is {show_span(self.rung.patience)}"


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whether a plan can be decided, and what could be instead.

    Attributes:
        needs: What each rung needs.
        why: A line for each rung that traffic cannot decide; empty: the plan can be decided.
        longer: The nearest plan, by patience; None: there is none within 90 days.
        larger: The nearest plan, by shares; None: there is none with at most half of the traffic.
    """

    needs: tuple[Need, ...]
    why: tuple[str, ...]
    longer: Plan | None = None
    larger: Plan | None = None


def forecast(plan: Plan, traffic: Traffic, power: Power) -> tuple[Need, ...]:
    """Return what each rung needs at this traffic."""
    return tuple(_need(plan, position, plan.rungs[position], traffic, power) for position in range(len(plan.rungs)))


def decidable(plan: Plan, traffic: Traffic, power: Power) -> Ruling:
    """Say whether traffic can decide every rung within its patience; if not, name the nearest plans that it can."""
    needs = forecast(plan, traffic, power)
    why = tuple(need.why for need in needs if not need.enough)
    if not why:
        return Ruling(needs, ())
    longer = _changed(plan, traffic, power, _more_patience)
    larger = _changed(plan, traffic, power, _more_share)
    return Ruling(needs, why, longer, larger)


def _need(plan: Plan, position: int, rung: Rung, traffic: Traffic, power: Power) -> Need:
    if rung.kind is Kind.FULL:
        return Need(rung, 0, rung.hold, "", enough=True)
    guards = plan.rules.guards.named
    asked = [name for name in judged(plan, position) if guards[name].role == "required"]
    found = {name: power(name, rung, plan, traffic) for name in asked}
    slowest = max(found, key=lambda name: found[name], default="")
    requests = max(found.get(slowest, 0.0), float(rung.requests))
    lasts = _lasts(rung, requests, traffic, waits=bool({"quality", *plan.rules.guards.business} & set(asked)))
    return Need(rung, requests, lasts, slowest or "requests", enough=lasts is not None and lasts <= rung.patience)


def _lasts(rung: Rung, requests: float, traffic: Traffic, *, waits: bool) -> timedelta | None:
    rate = traffic.per_second * rung.share
    if not isfinite(requests) or rate <= 0 or requests / rate > LONGEST.total_seconds() * 100:
        return None
    maturity = traffic.maturity if waits else timedelta(0)
    return max(rung.hold, timedelta(seconds=requests / rate) + maturity)


Change = Callable[[Plan, Need, Traffic, Power], Rung | None]


def _changed(plan: Plan, traffic: Traffic, power: Power, change: Change) -> Plan | None:
    """Return the plan with every rung that cannot be decided changed; rungs that no longer rise are left out."""
    rungs = list[Rung]()
    for need in forecast(plan, traffic, power):
        rung = need.rung if need.enough else change(plan, need, traffic, power)
        if rung is None:
            return None
        if rung.kind is Kind.CANARY and any(one.kind is Kind.CANARY and one.share >= rung.share for one in rungs):
            continue
        rungs.append(rung)
    changed = replace(plan, rungs=tuple(rungs))
    return changed if all(need.enough for need in forecast(changed, traffic, power)) else None


def _more_patience(_plan: Plan, need: Need, _traffic: Traffic, _power: Power) -> Rung | None:
    if need.lasts is None or need.lasts * SPARE > LONGEST:
        return None
    return replace(need.rung, patience=_rounded(need.lasts * SPARE))


def _more_share(plan: Plan, need: Need, traffic: Traffic, power: Power) -> Rung | None:
    rung, position = need.rung, plan.rungs.index(need.rung)
    if rung.kind is Kind.AB:
        return None  # its shares are the test's own
    most = 1.0 if rung.kind is Kind.SHADOW else LARGEST_SHARE
    for tried in range(int(rung.share / STEP) + 1, int(most / STEP) + 1):
        other = _with_share(rung, tried * STEP)
        if _need(plan, position, other, traffic, power).enough:
            return other
    return None


def _with_share(rung: Rung, share: float) -> Rung:
    if rung.kind is Kind.SHADOW:
        return replace(rung, fraction=share)
    return replace(rung, name=f"{share * 100:g} %", shares={CHAMPION: 1 - share, CHALLENGER: share})


def _rounded(span: timedelta) -> timedelta:
    """Return the next whole minute, hour or day, by how long it is."""
    unit = next(
        unit
        for unit in (timedelta(days=1), timedelta(hours=1), timedelta(minutes=1))
        if span >= unit * 3 or unit <= timedelta(minutes=1)
    )
    return ceil(span / unit) * unit


def _show(span: timedelta) -> str:
    return show_span(_rounded(span))
