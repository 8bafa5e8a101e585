"""A plan is the policy's rungs, frozen; and a plan that traffic cannot decide is refused, with one that it can."""

import json
from datetime import timedelta
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.errors import BadInput
from headgate.policy.model import ReleasePolicy
from headgate.release.forecast import Traffic, decidable, forecast
from headgate.release.plan import Kind, Plan, Rung, Side, judged
from headgate.testing.releases import plan_of

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BUSINESS = {"hits": {"metric": "precision", "margin": 0.02}}
QUIET, BUSY = Traffic(0.1, 0.01), Traffic(200, 0.01)


def power(guard: str, rung: Rung, plan: Plan, traffic: Traffic) -> float:
    """Half of the traffic tells most; a champion without errors tells nothing."""
    if not traffic.errors:
        return inf
    return {"errors": 900.0, "latency": 600.0}.get(guard, 2000.0) / (1 - min(rung.share, 0.5))


def test_a_canary_climbs_from_shadow_to_full() -> None:
    plan = plan_of()
    assert [rung.name for rung in plan.rungs] == ["shadow", "5 %", "25 %", "full"]
    assert [rung.kind for rung in plan.rungs] == [Kind.SHADOW, Kind.CANARY, Kind.CANARY, Kind.FULL]
    assert plan.rungs[1].shares == {"champion": 0.95, "challenger": 0.05}
    assert plan.rungs[plan.last].hold == plan.rules.watch


def test_blue_green_goes_from_shadow_to_full_at_once() -> None:
    assert [rung.kind for rung in plan_of(strategy="blue_green").rungs] == [Kind.SHADOW, Kind.FULL]


def test_an_ab_test_has_one_rung_of_fixed_shares() -> None:
    arms = {"champion": 0.4, "bold": 0.3, "shy": 0.3}
    sides = {name: Side(name, f"sha256:{name}") for name in ("bold", "shy")}
    said: dict[str, Any] = {"strategy": "ab", "ab": {"decide": "hits", "arms": arms}, "guards": {"business": BUSINESS}}
    plan = plan_of(sides, **said)
    assert [rung.kind for rung in plan.rungs] == [Kind.SHADOW, Kind.AB, Kind.FULL]
    assert (plan.rungs[1].shares, plan.rungs[1].share) == (arms, 0.3)
    with pytest.raises(BadInput, match=r"has the arms bold, shy, and these were given: challenger"):
        plan_of(**said)


def test_pairs_are_judged_in_shadow_and_effects_on_people_afterwards() -> None:
    plan = plan_of(guards={"quality": {"metric": "roc_auc", "margin": 0.01}, "business": BUSINESS})
    assert judged(plan, 0) == ("errors", "predictions", "quality")
    assert judged(plan, 1) == ("errors", "latency", "predictions", "hits")
    assert judged(plan, plan.last) == ("errors", "latency")


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"strategy": "blue_green", "freeze": ["Fri 16:00 - Mon 08:00 Europe/Berlin"]},
        {"strategy": "ab", "ab": {"decide": "hits"}, "guards": {"business": BUSINESS}},
    ],
)
def test_a_plan_comes_back_from_the_journal_as_it_was(said: dict[str, Any]) -> None:
    plan = plan_of(**said)
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


def test_a_later_policy_changes_no_recorded_plan() -> None:
    plan = plan_of(rungs=[{"share": 0.1}])
    recorded = json.loads(json.dumps(plan.to_json()))
    recorded["rules"]["rungs"] = []  # whatever the rules would make of it now, the rungs stand as they were written
    with pytest.raises(ValueError, match="rungs"):
        Plan.from_json(recorded)
    del recorded["rules"]["rungs"]
    assert [rung.name for rung in Plan.from_json(recorded).rungs] == ["shadow", "10 %", "full"]


def test_a_forecast_says_how_many_requests_and_how_long() -> None:
    shadow, first, _, full = forecast(plan_of(), BUSY, power)
    assert (shadow.requests, shadow.guard) == (1800, "errors")
    assert first.requests == pytest.approx(900 / 0.95)
    assert first.lasts == first.rung.hold  # it has enough before its hold ends
    assert "errors needs about 948 requests, 30m" in first.why
    assert (full.lasts, full.guard) == (DAY, "")


def test_outcomes_that_arrive_late_make_a_rung_last() -> None:
    plan = plan_of(guards={"business": BUSINESS})
    late = Traffic(200, 0.01, outcomes=1, maturity=6 * HOUR)
    shadow, first, *_ = forecast(plan, late, power)
    assert shadow.lasts is not None
    assert first.lasts is not None
    assert shadow.lasts < 6 * HOUR < first.lasts


def test_what_traffic_can_decide_is_ruled_so() -> None:
    ruling = decidable(plan_of(), BUSY, power)
    assert (ruling.why, ruling.longer, ruling.larger) == ((), None, None)


def test_what_traffic_cannot_decide_is_refused_with_the_nearest_plans() -> None:
    ruling = decidable(plan_of(shadow=None), QUIET, power)
    assert ruling.why == ("5 %: errors needs about 948 requests, 53h, and its patience is 1d",)
    assert ruling.longer is not None
    assert [rung.patience for rung in ruling.longer.rungs[:2]] == [timedelta(hours=66), DAY]
    assert ruling.larger is not None
    assert [rung.name for rung in ruling.larger.rungs] == ["12 %", "25 %", "full"]


def test_a_larger_first_rung_swallows_the_next() -> None:
    plan = plan_of(shadow=None, rungs=[{"share": 0.05}, {"share": 0.1}, {"share": 0.5}])
    larger = decidable(plan, QUIET, power).larger
    assert larger is not None
    assert [rung.name for rung in larger.rungs] == ["12 %", "50 %", "full"]


@pytest.mark.parametrize("traffic", [Traffic(0, 0.01), Traffic(200, 0)])
def test_without_traffic_no_plan_is_near(traffic: Traffic) -> None:
    ruling = decidable(plan_of(), traffic, power)
    assert (ruling.longer, ruling.larger) == (None, None)
    assert ruling.why[0] == "shadow: errors can never be told at this traffic"


@given(st.floats(0.001, 1000), st.floats(0.001, 0.9))
def test_a_proposed_plan_can_be_decided(per_second: float, share: float) -> None:
    traffic = Traffic(per_second, 0.01)
    ruling = decidable(plan_of(rungs=[{"share": share}]), traffic, power)
    for proposed in (ruling.longer, ruling.larger):
        assert proposed is None or not decidable(proposed, traffic, power).why


def test_rules_travel_whole() -> None:
    rules = ReleasePolicy.model_validate({"alpha": 0.01, "watch": "2h"})
    assert plan_of(alpha=0.01, watch="2h").rules == rules
