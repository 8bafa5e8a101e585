"""What a guard needs follows the traffic: fewer errors, smaller margins and smaller shares take more requests."""

from dataclasses import replace
from datetime import timedelta
from math import inf, isinf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.release.forecast import Power, Together, Traffic, decidable, forecast
from headgate.release.needs import enough
from headgate.testing.releases import plan_of

USUAL = Traffic(200, 0.01, outcomes=0.5, maturity=timedelta(hours=1))
GUARDS: Any = {
    "cost": {},
    "quality": {"metric": "accuracy", "margin": 0.02},
    "business": {
        "hits": {"metric": "precision", "margin": 0.05},
        "revenue": {"metric": "mean", "column": "paid", "margin": 1},
    },
}
PLAN = plan_of(guards=GUARDS)
POWER: Power = enough
NAMES = sorted(PLAN.rules.guards.named)


def test_errors_and_latency_need_what_was_measured() -> None:
    # equal challengers at 5 %: 916 and 568 requests at the median; nine in ten take up to four times as many
    five = PLAN.rungs[1]
    assert 916 < enough("errors", five, PLAN, USUAL) < 4.5 * 916
    assert 568 < enough("latency", five, PLAN, USUAL) < 3 * 568


def test_a_champion_without_errors_is_compared_with_the_absolute_margin() -> None:
    spotless = Traffic(200, 0.0)
    assert enough("errors", PLAN.rungs[1], PLAN, spotless) == pytest.approx(899, abs=1)
    assert isinf(enough("errors", PLAN.rungs[1], PLAN, spotless)) is False


def test_what_is_judged_on_outcomes_needs_outcomes() -> None:
    for guard in ("quality", "hits", "revenue"):
        assert enough(guard, PLAN.rungs[1], PLAN, Traffic(200, 0.01)) == inf
        some, all_known = (enough(guard, PLAN.rungs[1], PLAN, Traffic(200, 0.01, part)) for part in (0.1, 1.0))
        assert some == pytest.approx(10 * all_known)


@given(st.sampled_from(NAMES), st.floats(0, 0.5), st.floats(1, 20), st.integers(0, 2))
def test_every_guard_needs_some_requests_and_more_where_units_repeat(
    guard: str, errors: float, per_unit: float, rung: int
) -> None:
    once = enough(guard, PLAN.rungs[rung], PLAN, Traffic(10, errors, 0.5))
    often = enough(guard, PLAN.rungs[rung], PLAN, Traffic(10, errors, 0.5, per_unit=per_unit))
    assert 0 < once <= often


def test_a_busy_model_can_release_by_default_and_a_quiet_one_is_told_how() -> None:
    assert decidable(plan_of(), Traffic(50, 0.01), POWER).why == ()
    ruling = decidable(plan_of(), Traffic(0.1, 0.01), POWER)
    assert ruling.why
    assert ruling.longer is not None
    assert decidable(ruling.longer, Traffic(0.1, 0.01), POWER).why == ()


def test_the_forecast_of_the_default_plan_is_minutes_on_a_busy_model() -> None:
    needs = forecast(plan_of(), Traffic(200, 0.01), POWER)
    assert [need.enough for need in needs] == [True] * 4
    assert all(need.lasts == need.rung.hold for need in needs)


def test_errors_that_come_together_take_more_requests_and_units_that_differ_a_larger_share() -> None:
    five, bursts = PLAN.rungs[1], replace(USUAL, of_errors=Together(phi=5.0))
    assert enough("errors", five, PLAN, bursts) == pytest.approx(5 * enough("errors", five, PLAN, USUAL), rel=0.01)
    assert enough("latency", five, PLAN, bursts) == enough("latency", five, PLAN, USUAL)
    uneven = replace(USUAL, of_errors=Together(variance=0.14))
    assert isinf(enough("errors", five, PLAN, uneven))  # two samples of such units differ by 30 %, for ever
    quarter = PLAN.rungs[2]
    assert enough("errors", quarter, PLAN, USUAL) < enough("errors", quarter, PLAN, uneven) < inf
    shadow = PLAN.rungs[0]
    assert shadow.fraction == 1
    assert enough("errors", shadow, PLAN, uneven) == enough("errors", shadow, PLAN, USUAL)
