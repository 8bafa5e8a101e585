"""The prediction log becomes evidence: shares of units, predictions, effects on outcomes, and quality on pairs."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from tests.unit.release.test_judging import SECOND, USUAL, arms, past

from headgate.policy.metrics import PAIRED
from headgate.release.evidence import Differing, Evidence, Reading, Verdict
from headgate.release.judging.answers import Answers
from headgate.release.judging.disagreement import Disagreement
from headgate.release.judging.quality import Pairs
from headgate.release.judging.steps import BEHIND, Observer
from headgate.release.judging.units import Units
from headgate.release.move import State
from headgate.release.plan import Side
from headgate.release.standing import Standing
from headgate.testing.arms import MemoryLog, MemoryRollups, answers_of
from headgate.testing.clock import START
from headgate.testing.releases import MODEL, plan_of

NO_OTHERS: Any = {"latency": None, "predictions": None}
SECONDS = 300


def evidence(log: MemoryLog, said: dict[str, Any], rung: int = 2, task: str = "binary") -> Evidence:
    names = said["ab"]["arms"] if "ab" in said else ("champion", "challenger")
    challengers = {name: Side(str(at), "sha256:0") for at, name in enumerate(names, 1) if at > 1}
    at = Standing("late-1", plan_of(challengers, **said), State.RUNNING, "1", START, START, START, rung)
    rollups = MemoryRollups([*past(), *arms(USUAL, USUAL, SECONDS)])
    return Observer(rollups, log, {MODEL: task}).evidence(at, START + timedelta(seconds=SECONDS + BEHIND))


def named(found: Evidence, guard: str, arm: str = "challenger") -> Reading:
    return next(one for one in found.readings if (one.guard, one.arm) == (guard, arm))


def log(per_second: Sequence[float], **said: Any) -> MemoryLog:
    rng = np.random.default_rng(5)
    return MemoryLog(answers_of(rng, range(SECOND - 300, SECOND + SECONDS), per_second, **said))


def test_units_in_other_shares_than_planned_stop_the_release() -> None:
    as_planned = evidence(log((75, 25)), {"guards": {"predictions": None}})
    assert as_planned.stop == ""
    assert as_planned.verdict is Verdict.SOUND, as_planned.why
    assert named(as_planned, "errors").units > 0
    off = evidence(log((75, 32)), {"guards": {"predictions": None}})
    assert off.verdict is Verdict.UNSURE
    assert off.stop == off.why
    assert "challenger has 29.6 %" in off.stop
    assert "25.0 % were planned" in off.stop


def test_a_unit_counts_once_and_an_arm_that_is_away_is_no_mismatch() -> None:
    sticky = log((75, 25))
    assert sticky.every is not None
    sticky.every.unit[:] = [f"u{at % 40}" for at in range(len(sticky.every))]
    found = evidence(sticky, {"guards": {"predictions": None}})
    assert found.stop == ""
    away = log((75, 25))
    assert away.every is not None
    gone = (away.every.side == 1) & (away.every.second >= SECOND + 100) & (away.every.second < SECOND + 200)
    away.every = away.every.where(~gone)
    assert evidence(away, {"guards": {"predictions": None}}).stop == ""


def test_units_are_held_to_the_shares_since_a_bandit_last_set_them() -> None:
    rng, turn = np.random.default_rng(8), SECOND + 150
    first, then = (
        answers_of(rng, range(SECOND, turn), (75, 25)),
        answers_of(rng, range(turn, SECOND + SECONDS), (50, 50)),
    )
    both = [np.concatenate([getattr(first, name), getattr(then, name)]) for name in Answers.__slots__]
    rollups = MemoryRollups([*past(), *arms(USUAL, USUAL, SECONDS)])
    plan = plan_of(guards={"predictions": None})
    shares = {"champion": 0.5, "challenger": 0.5}
    for shared, stops in ((turn, False), (SECOND, True)):
        at = Standing("late-1", plan, State.RUNNING, "1", START, START, START, 2, shares=shares)
        at = replace(at, shared=START + timedelta(seconds=shared - SECOND))
        seen = Observer(rollups, MemoryLog(Answers(*both)), {MODEL: "binary"})
        assert bool(seen.evidence(at, START + timedelta(seconds=SECONDS + BEHIND)).stop) is stops


@pytest.mark.parametrize(
    ("bandit", "share", "stops"), [(None, 27.1, True), ("thompson", 27.1, False), ("thompson", 32.0, True)]
)
def test_a_bandit_s_many_splits_share_the_chance_of_a_false_stop(
    bandit: str | None,
    share: float,
    stops: bool,  # noqa: FBT001
) -> None:
    """Each change of the shares counts units anew: 2,016 of them in two weeks must not each be wrong once in 1,000."""
    test = {"arms": {"champion": 0.75, "bold": 0.25}, "decide": "sales", "bandit": bandit, "every": "10m"}
    sales = {"metric": "conversion", "margin": 0.02, "maturity": "5m"}
    said = {"strategy": "ab", "shadow": None, "ab": test, "guards": {"predictions": None, "business": {"sales": sales}}}
    assert bool(evidence(log((75, share)), said, rung=0).stop) is stops


def test_an_arm_that_never_gets_anybody_is_no_mismatch_but_silence() -> None:
    units = Units({"champion": 0.75, "challenger": 0.25}, ("challenger",))
    rng = np.random.default_rng(1)
    for window in answers_of(rng, range(100), (75.0, 0.0)).windows():
        units.feed(window)
    assert units.stop() == ""
    assert units.of(1) == 0


@pytest.mark.parametrize(("mean", "verdict"), [(0.5, Verdict.SOUND), (0.8, Verdict.HARM)])
def test_predictions_that_shifted_are_harm(mean: float, verdict: Verdict) -> None:
    guards = {"latency": None, "predictions": {"role": "required"}}
    found = named(evidence(log((75, 25), values=(0.5, mean)), {"guards": guards}), "predictions")
    assert found.verdict is verdict, found.why


def test_an_advisory_guard_is_shown_and_does_not_decide() -> None:
    found = evidence(log((75, 25), values=(0.5, 0.8)), {})
    assert named(found, "predictions").verdict is Verdict.HARM
    assert named(found, "predictions").required is False
    assert found.verdict is Verdict.SOUND


BUSINESS: Any = {"margin": 0.05, "maturity": "1s"}
EFFECTS = [
    ("conversion", (0.3, 0.3), Verdict.SOUND),
    ("conversion", (0.3, 0.2), Verdict.HARM),
    ("precision", (0.6, 0.6), Verdict.SOUND),
    ("precision", (0.6, 0.4), Verdict.HARM),
    ("accuracy", (0.5, 0.5), Verdict.SOUND),
]


@pytest.mark.parametrize(("metric", "shares", "verdict"), EFFECTS)
def test_effects_on_outcomes(metric: str, shares: tuple[float, float], verdict: Verdict) -> None:
    guards = {**NO_OTHERS, "business": {"hits": {**BUSINESS, "metric": metric}}}
    found = named(evidence(log((150, 50), outcomes=shares), {"guards": guards}), "hits")
    assert found.verdict is verdict, found.why
    assert metric in found.why


@pytest.mark.parametrize(("less", "verdict"), [(0.0, Verdict.SOUND), (3.0, Verdict.HARM)])
def test_a_mean_is_judged_where_it_is_named(less: float, verdict: Verdict) -> None:
    guards = {**NO_OTHERS, "business": {"revenue": {"metric": "mean", "column": "paid", "margin": 1, "maturity": "1s"}}}
    seen = log((75, 25), outcomes=(0.5, 0.5))
    assert seen.every is not None
    rng = np.random.default_rng(3)
    seen.every.number[:] = rng.normal(20, 5, len(seen.every)) - less * (seen.every.side == 1)
    found = named(evidence(seen, {"guards": guards}), "revenue")
    assert found.verdict is verdict, found.why
    assert found.unit == "paid"


def test_of_two_arms_the_better_wins_and_each_has_readings_of_its_own() -> None:
    said = {
        "strategy": "ab",
        "ab": {"arms": {"champion": 0.4, "bold": 0.3, "shy": 0.3}, "decide": "hits"},
        "guards": {"errors": None, **NO_OTHERS, "business": {"hits": {**BUSINESS, "metric": "conversion"}}},
    }
    found = evidence(log((80, 60, 60), outcomes=(0.3, 0.36, 0.3)), said, rung=1)
    assert [one.arm for one in found.readings] == ["bold", "shy"]
    assert found.winner == "bold"
    assert found.verdict is Verdict.SOUND, found.why
    same = evidence(log((80, 60, 60), outcomes=(0.3, 0.3, 0.3)), said, rung=1)
    assert same.winner == ""
    worse = evidence(log((80, 60, 60), outcomes=(0.3, 0.3, 0.1)), said, rung=1)
    assert worse.harmed == {"shy"}


def pairs(count: int, right: tuple[float, float], seed: int = 4) -> Pairs:
    """Draw pairs: how often each side's label is right; what both know, they know alike."""
    rng = np.random.default_rng(seed)
    label, common = rng.random(count) < 0.4, rng.random(count)
    ours, theirs = (np.where((common < share) == label, 0.8, 0.2) for share in right)
    unit = np.array([f"u{at}" for at in range(count)], object)
    outcome = np.array([str(bool(one)).lower() for one in label], object)
    return Pairs(unit, ours, theirs, outcome, label.astype(float))


METRICS = [(metric, 0.3 if metric == "log_loss" else 0.05) for metric in PAIRED["binary"]]


@pytest.mark.parametrize(("metric", "margin"), METRICS)
def test_quality_is_judged_on_pairs(metric: str, margin: float) -> None:
    said = {"guards": {**NO_OTHERS, "quality": {"metric": metric, "margin": margin, "maturity": "1s"}}}
    for right, verdict in (((0.9, 0.9), Verdict.SOUND), ((0.6, 0.9), Verdict.HARM)):
        seen = MemoryLog(shadowed=(SECOND + 20, pairs(3000, right)))
        found = named(evidence(seen, said, rung=0), "quality")
        assert found.verdict is verdict, found.why
        assert "pairs" in found.why


def test_pairs_of_one_unit_count_once() -> None:
    said = {"guards": {**NO_OTHERS, "quality": {"metric": "accuracy", "margin": 0.05, "maturity": "1s"}}}
    many = pairs(3000, (0.6, 0.9))
    many.unit[:] = "the same"
    found = named(evidence(MemoryLog(shadowed=(SECOND + 20, many)), said, rung=0), "quality")
    assert (found.verdict, found.requests) == (Verdict.UNSURE, 1)


@pytest.mark.parametrize(("right", "verdict"), [(0.9, Verdict.SOUND), (0.5, Verdict.HARM)])
def test_a_shadow_that_decides_differently_too_often_is_harm(right: float, verdict: Verdict) -> None:
    said = {"guards": NO_OTHERS, "shadow": {"largest_disagreement": 0.2}}
    seen = MemoryLog(shadowed=(SECOND + 20, pairs(3000, (right, 0.9))))
    found = named(evidence(seen, said, rung=0), "disagreement")
    assert (found.verdict, found.required, found.requests) == (verdict, True, 3000), found.why
    silent = named(evidence(seen, said, rung=0, task="regression"), "disagreement")
    assert "decides nothing" in silent.why


def test_a_regression_is_judged_by_its_absolute_error() -> None:
    said = {"guards": {**NO_OTHERS, "quality": {"metric": "mae", "margin": 1, "maturity": "1s"}}}
    rng = np.random.default_rng(6)
    truth = rng.normal(100, 20, 2000)
    unit, none = np.full(2000, None, object), truth.astype(str).astype(object)
    for spread, verdict in ((4.0, Verdict.SOUND), (8.0, Verdict.HARM)):
        ours, theirs = truth + rng.normal(0, spread, 2000), truth + rng.normal(0, 4, 2000)
        seen = MemoryLog(shadowed=(SECOND + 20, Pairs(unit, ours, theirs, none, truth)))
        found = named(evidence(seen, said, rung=0, task="regression"), "quality")
        assert found.verdict is verdict, found.why


def test_rows_that_differ_most_are_shown() -> None:
    shown = tuple(Differing(f"id{at}", 0, "", "probability 0.1", "probability 0.9", at / 20) for at in range(20))
    found = evidence(MemoryLog(shown=shown), {"guards": NO_OTHERS}, rung=0)
    assert len(found.differing) == 10
    assert [one.difference for one in found.differing] == sorted((at / 20 for at in range(10)), reverse=True)
    assert Evidence.from_json(found.to_json()) == found


def test_a_log_that_cannot_be_read_leaves_its_guards_unsure_and_the_others_judge() -> None:
    guards = {"latency": None, "business": {"hits": {**BUSINESS, "metric": "conversion"}}}
    found = evidence(MemoryLog(broken="no such table"), {"guards": guards})
    assert found.verdict is Verdict.UNSURE
    for guard in ("predictions", "hits"):
        assert "no such table" in named(found, guard).why
    assert named(found, "errors").verdict is Verdict.SOUND


def test_weights_of_the_policy_spend_the_budget() -> None:
    bad = replace(USUAL, errors=0.018)
    rows = [*past(), *arms(USUAL, bad, 60)]
    verdicts = []
    for weight in (0.001, 0.99):
        said: dict[str, Any] = {
            "guards": {"predictions": None, "errors": {"weight": weight}, "latency": {"weight": 1 - weight}}
        }
        at = Standing("late-1", plan_of(**said), State.RUNNING, "1", START, START, START, 2)
        seen = Observer(MemoryRollups(rows), MemoryLog(), {MODEL: "binary"})
        found = seen.evidence(at, START + timedelta(seconds=60 + BEHIND))
        verdicts.append(named(found, "errors").verdict)
    assert verdicts[1] is Verdict.HARM
    assert verdicts[0] is not Verdict.HARM


def test_pairs_in_many_passes_say_what_they_say_in_one() -> None:
    """A controller that was away reads in one pass what another read in hundreds."""
    rng, label = np.random.default_rng(4), np.full(600, None, object)
    ours, theirs = (rng.random(600).astype(object) for _ in range(2))
    pairs = Pairs(label, ours, theirs, label, np.full(600, np.nan))
    once, often = Disagreement(0.45, "binary"), Disagreement(0.45, "binary")
    once.feed(pairs)
    for start in range(0, 600, 2):
        often.feed(pairs.where(np.isin(np.arange(600), (start, start + 1))))
    found = [one.finding("disagreement", "challenger") for one in (once, often)]
    assert found[0].log_harm == pytest.approx(found[1].log_harm)
    assert found[0].log_sound == pytest.approx(found[1].log_sound)
