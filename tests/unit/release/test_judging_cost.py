"""Cost is compared at like batches: equals are sound, twice is harm, and small batches are nobody's fault."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from tests.unit.release.test_judging import CHAMPION, SECOND, USUAL, arms, drawn, standing

from headgate.policy.guards import CostGuard
from headgate.predictions.rollup import Row
from headgate.predictions.spent import NOTHING, Spent, add_call
from headgate.release.evidence import Reading, Verdict
from headgate.release.judging.cost import Cost
from headgate.release.judging.past import learn_past
from headgate.release.judging.steps import BEHIND, Observer
from headgate.release.statistics.cost import BLOCK_CALLS, Bounds, Work, learn, needed
from headgate.testing.arms import MemoryLog, MemoryRollups, Nature
from headgate.testing.clock import START
from headgate.testing.releases import MODEL

COSTLY = replace(USUAL, start=30.0, each=5.0)
SECONDS = 600
OWN: Any = {"predictions": None, "latency": None, "errors": None}


def read(rows: list[Row], before: Nature = COSTLY, rung: int = 2, **said: Any) -> Reading:
    past = drawn(CHAMPION, before, -300, 0, seed=9)
    at = standing(rung, guards={**OWN, "cost": {"role": "required", **said}})
    observer = Observer(MemoryRollups([*past, *rows]), MemoryLog(), {MODEL: "binary"})
    found = observer.evidence(at, START + timedelta(seconds=SECONDS + BEHIND))
    return next(one for one in found.readings if one.guard == "cost")


def test_an_equal_challenger_is_sound_and_the_numbers_are_said() -> None:
    found = read(arms(COSTLY, COSTLY, SECONDS))
    assert found.verdict is Verdict.SOUND, found.why
    assert found.champion == pytest.approx(36.6, rel=0.02)
    assert found.challenger == pytest.approx(36.6, rel=0.02)
    assert found.estimate == pytest.approx(1.0, abs=0.02)
    assert found.lower is not None
    assert found.upper is not None
    assert 0.6 < found.lower < 1 < found.upper < 1.5
    assert "us, 1 a call of" in found.why
    assert "no more than 1.5 x" in found.why


def test_what_costs_twice_as_much_is_harm_and_what_is_cheaper_is_sound() -> None:
    dear = replace(COSTLY, start=60.0, each=10.0)
    assert read(arms(COSTLY, dear, SECONDS)).verdict is Verdict.HARM
    assert read(arms(COSTLY, dear, SECONDS), ratio=2.5).verdict is Verdict.SOUND
    assert read(arms(dear, COSTLY, SECONDS)).verdict is Verdict.SOUND


def test_smaller_batches_are_no_harm_and_what_a_row_costs_is_learned_from_the_past() -> None:
    large = replace(COSTLY, batch=8.0)
    found = read(arms(large, COSTLY, SECONDS), large)
    assert found.verdict is Verdict.SOUND, found.why
    assert found.challenger is not None
    assert found.champion is not None
    assert found.challenger > 3 * found.champion
    assert "8 a call" in found.why
    assert read(arms(large, replace(COSTLY, start=90.0, each=15.0), SECONDS), large).verdict is Verdict.HARM


def test_where_the_past_says_nothing_of_batches_unlike_ones_stay_unsure() -> None:
    large = replace(COSTLY, batch=8.0)
    assert read(arms(large, COSTLY, SECONDS), COSTLY).verdict is Verdict.UNSURE
    assert read(arms(COSTLY, COSTLY, SECONDS), USUAL).verdict is Verdict.SOUND


def test_without_processor_time_it_says_so() -> None:
    found = read(arms(USUAL, USUAL, SECONDS), USUAL)
    assert (found.verdict, found.why) == (Verdict.UNSURE, "no processor time is known yet of it")
    half = read(arms(USUAL, COSTLY, SECONDS), USUAL)
    assert half.why == "no processor time is known yet of the champion beside it"


def test_a_price_shows_money_and_changes_no_verdict() -> None:
    found = read(arms(COSTLY, COSTLY, SECONDS), price_per_hour=0.36)
    assert (found.verdict, found.unit) == (Verdict.SOUND, "per million")
    assert found.challenger == pytest.approx(36.6 * 0.36 / 3600, rel=0.02)


def test_rows_in_any_pieces_give_the_same() -> None:
    rows = arms(COSTLY, COSTLY, 100)
    past = learn_past(drawn(CHAMPION, COSTLY, -300, 0, seed=9), SECOND)
    assert past is not None
    whole, pieces = Cost(CostGuard(), past), Cost(CostGuard(), past)
    ours, theirs = ([one for one in rows if one.key.arm == arm] for arm in ("challenger", "champion"))
    whole.feed(ours, theirs)
    for second in range(SECOND, SECOND + 100):
        pieces.feed(
            [one for one in ours if one.key.second == second], [one for one in theirs if one.key.second == second]
        )
    assert whole.finding("cost", "challenger", 0.05) == pieces.finding("cost", "challenger", 0.05)
    assert whole.finding("cost", "challenger", 0.05).log_sound > 0


def test_a_quiet_arm_is_judged_on_blocks_of_enough_calls() -> None:
    past = learn_past(drawn(CHAMPION, COSTLY, -300, 0, seed=9), SECOND)
    assert past is not None
    cost = Cost(CostGuard(), past)
    rows = arms(replace(COSTLY, per_second=4.0), replace(COSTLY, per_second=4.0), 40)
    ours, theirs = ([one for one in rows if one.key.arm == arm] for arm in ("challenger", "champion"))
    assert sum(one.spent.calls for one in ours) < BLOCK_CALLS
    cost.feed(ours, theirs)
    assert cost.finding("cost", "challenger", 0.05).log_sound == 0.0


def test_a_line_through_the_calls_is_found_with_its_bounds() -> None:
    rng, sums = np.random.default_rng(1), [0.0] * 6
    for n in rng.integers(1, 11, 4000).tolist():
        add_call(sums, n, (50 + 10 * n) * float(rng.lognormal(0, 0.2)) * 1e-6)
    work = learn(Spent.of(sums))
    truth = 10 * work.rows / (50 + 10 * work.rows)
    assert work.low < truth < work.high < work.low + 0.2
    assert work.rows == pytest.approx(5.5, abs=0.2)
    assert learn(NOTHING) == Work(0.0, 1.0, 1.0)
    alike = [0.0] * 6
    for _ in range(100):
        add_call(alike, 4, 50e-6)
    assert learn(Spent.of(alike)) == Work(0.0, 1.0, 4.0)


def test_nothing_seen_bounds_nothing_and_wider_margins_need_fewer_blocks() -> None:
    assert Bounds().of(0.05) == (0.0, float("inf"))
    assert needed(1.2, 0.05) > needed(1.5, 0.05) > needed(3.0, 0.05) > 1
