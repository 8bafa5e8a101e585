"""A bandit follows matured outcomes, window by window, and asks for the same again after a restart."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from headgate.base.errors import Unavailable
from headgate.policy.guards import BusinessGuard
from headgate.release.bandit_steps import Bandit
from headgate.release.judging.answers import Answers
from headgate.release.judging.effect import worth
from headgate.release.judging.steps import Observer
from headgate.release.move import State
from headgate.release.plan import Side
from headgate.release.standing import Standing
from headgate.testing.arms import MemoryLog, MemoryRollups
from headgate.testing.clock import START
from headgate.testing.releases import MODEL, plan_of

SECOND = int(START.timestamp())
MINUTE = timedelta(minutes=1)
ARMS = {"champion": 0.5, "bold": 0.3, "shy": 0.2}
SALES = {"metric": "conversion", "margin": 0.02, "maturity": "5m"}


def standing(**said: Any) -> Standing:
    rules = {
        "strategy": "ab",
        "shadow": None,
        "ab": {"arms": ARMS, "decide": "sales", "bandit": "thompson", "every": "10m", **said.pop("ab", {})},
        "guards": {"business": {"sales": {**SALES, **said}}},
    }
    plan = plan_of({"bold": Side("2", "sha256:2"), "shy": Side("3", "sha256:3")}, **rules)
    return Standing("late-1", plan, State.RUNNING, "1", START, START, START, 0)


def log(rates: tuple[float, float, float] = (0.1, 0.5, 0.1), n: int = 3_000, **said: Any) -> MemoryLog:
    dice = np.random.default_rng(7)
    side = dice.integers(0, 3, n)
    good = (dice.random(n) < np.array(rates)[side]).astype(float)
    good = said.get("number", good)
    unit = said.get("unit", np.array([f"u{at}" for at in range(n)], np.object_))
    second = SECOND + np.arange(n) * 3600 // n
    outcome = np.array([str(one) for one in good], np.object_)
    return MemoryLog(Answers(second, side, unit, np.full(n, 0.5, np.object_), outcome, good))


def bandit(found: MemoryLog) -> Bandit:
    return Bandit(Observer(MemoryRollups(), found, {MODEL: "binary"}), found, {MODEL: "binary"})


def ask(one: Bandit, at: Standing, now: datetime) -> Mapping[str, float]:
    """Ask as often as a controller does, until it knows."""
    return next((found for _ in range(30) if (found := one.shares(at, now))), {})


def test_one_that_starts_anew_asks_for_none_until_it_has_read_on() -> None:
    at, one, late = standing(), bandit(log()), START + 60 * MINUTE
    asked = [one.shares(at, late) for _ in range(5)]
    assert [bool(found) for found in asked] == [False, False, True, True, True]


def test_shares_follow_the_better_arm_once_outcomes_are_due() -> None:
    at, one = standing(), bandit(log())
    assert ask(one, at, START + 9 * MINUTE) == {}
    first = ask(one, at, START + 10 * MINUTE)
    assert first["bold"] == max(first.values())
    late = ask(one, at, START + 60 * MINUTE)
    assert late == pytest.approx({"champion": 0.05, "bold": 0.9, "shy": 0.05})


def test_a_new_process_asks_for_the_same_shares() -> None:
    at, one = standing(), bandit(log((0.3, 0.33, 0.3)))
    steps = [ask(one, at, START + minutes * MINUTE) for minutes in range(0, 45, 3)]
    assert ask(bandit(log((0.3, 0.33, 0.3))), at, START + 42 * MINUTE) == steps[-1]
    assert len({tuple(found.items()) for found in steps}) > 2


def test_a_unit_counts_once_however_often_it_comes_back() -> None:
    same = log(unit=np.array([f"u{at % 2}" for at in range(3_000)], np.object_))
    found = ask(bandit(same), standing(), START + 60 * MINUTE)
    assert max(found.values()) < 0.85  # two units are not three thousand


def test_an_arm_that_was_taken_out_is_asked_for_no_more() -> None:
    at = standing()
    one = bandit(log())
    ask(one, at, START + 20 * MINUTE)
    left = Standing(at.release, at.plan, at.state, "1", START, START, START, 0, dropped=frozenset({"bold"}), shares={})
    assert set(ask(one, left, START + 20 * MINUTE)) == {"champion", "shy"}


def test_only_a_bandit_asks_for_shares_and_a_log_that_is_away_loses_nothing() -> None:
    assert ask(bandit(log()), standing(ab={"bandit": None}), START + 60 * MINUTE) == {}
    found = log()
    one, at = bandit(found), standing()
    found.broken = "gone"
    with pytest.raises(Unavailable):
        ask(one, at, START + 60 * MINUTE)
    found.broken = ""
    assert ask(one, at, START + 60 * MINUTE) == ask(bandit(log()), at, START + 60 * MINUTE)


def test_less_is_better_where_the_policy_says_so() -> None:
    dice = np.random.default_rng(1)
    number = dice.normal(10, 1, 3_000)
    found = log(number=number)
    assert found.every is not None
    number[found.every.side == 2] -= 3
    asked = ask(bandit(found), standing(metric="mean", column="price", better="lower"), START + 60 * MINUTE)
    assert asked["shy"] == pytest.approx(0.9)


def test_what_an_answer_was_worth() -> None:
    value = np.array([0.9, 0.2, 0.9, None], np.object_)
    answers = Answers(
        np.arange(4), np.array([0, 1, -1, 0]), value, value, np.array(["1", "1", "1", "1"], np.object_), np.ones(4)
    )
    rules = BusinessGuard.model_validate({"metric": "accuracy", "margin": 0.1})
    assert worth(rules, "binary", answers).tolist()[:2] == [1.0, 0.0]
    assert np.isnan(worth(rules, "binary", answers)[2:]).all()
    mean = BusinessGuard.model_validate({"metric": "mean", "column": "price", "margin": 0.1})
    assert worth(mean, "binary", answers).tolist()[:2] == [1.0, 1.0]
