"""A release climbs on evidence alone.  Time is an argument, so nothing here sleeps."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.release.evidence import Evidence, Reading, Verdict, weigh
from headgate.release.ladder import next_move
from headgate.release.move import Act, Intent, Move, Order, State
from headgate.release.plan import Kind, Plan, Side
from headgate.release.standing import Standing, shares_on
from headgate.testing.releases import plan_of

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TICK, MINUTE, HOUR, DAY = timedelta.resolution, timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SOUND, UNSURE, HARM = Verdict.SOUND, Verdict.UNSURE, Verdict.HARM
PLAN = plan_of()
AB: Any = {
    "strategy": "ab",
    "ab": {
        "decide": "hits",
        "arms": {"champion": 0.4, "bold": 0.3, "shy": 0.3},
        "bandit": "thompson",
        "least": 0.1,
        "every": "10m",
    },
    "guards": {"business": {"hits": {"metric": "precision", "margin": 0.02}}},
}
ARMS = {"bold": Side("2", "sha256:2"), "shy": Side("3", "sha256:3")}
TEST = plan_of(ARMS, **AB)
PLANS = (PLAN, TEST, plan_of(strategy="blue_green"), plan_of(on_unsure="roll_back"), plan_of(shadow=None))
HELD = (State.RUNNING, State.PAUSED, State.ASKING)


def standing(rung: int = 1, state: State = State.RUNNING, plan: Plan = PLAN, **more: Any) -> Standing:
    if rung == plan.last:
        state = State.PROMOTED
    held = NOON if state in {State.PAUSED, State.ASKING} else None
    at = Standing("r1", plan, state, "1", NOON, NOON, NOON, rung, held, why="a look first")
    return replace(at, **more)


def saw(verdict: Verdict, age: timedelta = timedelta(0), **more: Any) -> Evidence:
    return Evidence(verdict, "because", NOON - age, **({"requests": 9999} | more))


def act(verdict: Verdict, waited: timedelta, rung: int = 1, age: timedelta = timedelta(0)) -> Act:
    return next_move(standing(rung), saw(verdict, age), NOON + waited).act


many = settings(max_examples=120)
verdicts = st.sampled_from(Verdict)
ages = st.sampled_from([timedelta(0), HOUR, 2 * DAY, 30 * DAY]) | st.timedeltas(timedelta(0), 30 * DAY)
older = st.sampled_from([timedelta(0), timedelta(0), TICK, HOUR])
positions = st.integers(0, 3)


@st.composite
def standings(draw: st.DrawFn) -> Standing:
    """Every way in which a release may stand that has begun and has not ended."""
    plan = draw(st.sampled_from(PLANS))
    rung = draw(st.integers(0, plan.last))
    more: dict[str, Any] = {
        "blocked": draw(st.sampled_from(["", "", "", "refused"])),
        "entered": draw(st.sampled_from([True, True, True, False])),
        "order": draw(st.sampled_from([None] * 6 + [Order(State.ABORTED, "no"), Order(State.SUPERSEDED, "later")])),
    }
    if plan is TEST:
        more["dropped"] = frozenset(draw(st.sampled_from([(), ("bold",)])))
        more["arm"] = "shy" if rung == plan.last else ""
    return standing(rung, draw(st.sampled_from((State.RUNNING, *HELD))), plan, **more)


@st.composite
def evidences(draw: st.DrawFn) -> Evidence:
    winner = draw(st.sampled_from(["", "bold", "shy", "nobody"]))
    stop = draw(st.sampled_from(["", "", "", "mismatch"]))
    if draw(st.booleans()):
        requests = draw(st.sampled_from([0, 999, 2000, 2000, 2000]))
        return saw(draw(verdicts), draw(older), requests=requests, stop=stop, winner=winner)
    arms = st.sampled_from(["bold", "shy"])
    each = st.builds(Reading, st.just("errors"), st.booleans(), verdicts, st.just("because"), arms)
    return weigh(draw(st.lists(each, max_size=3)), NOON - draw(older), 2000, stop=stop, winner=winner)


def test_sound_evidence_advances_when_the_hold_ends_and_not_before() -> None:
    hold = PLAN.rungs[1].hold
    assert act(SOUND, hold - TICK) is Act.WAIT
    assert act(SOUND, hold) is Act.ADVANCE
    assert act(SOUND, hold, rung=2) is Act.PROMOTE


def test_a_wait_says_until_when() -> None:
    held = next_move(standing(), saw(SOUND), NOON)
    assert (held.until, held.why) == (NOON + timedelta(minutes=30), "5 %: sound, holds until 2026-03-02 12:30:00 UTC")
    unsure = next_move(standing(), saw(UNSURE), NOON)
    assert unsure.until == NOON + DAY


@given(positions, ages, ages)
def test_harm_rolls_back_at_once_however_old(rung: int, waited: timedelta, age: timedelta) -> None:
    assert act(HARM, waited, rung, age) is Act.ROLL_BACK


@many
@given(standings(), evidences(), ages)
def test_harm_never_leaves_its_arm_with_traffic(at: Standing, seen: Evidence, waited: timedelta) -> None:
    move = next_move(at, seen, NOON + waited)
    if seen.without(at.dropped).verdict is HARM and at.order is None:
        assert move.act in {Act.ROLL_BACK, Act.DROP}
        assert move.act is Act.ROLL_BACK or seen.harmed - at.dropped <= move.drop


@many
@given(standings(), evidences(), ages)
def test_only_sound_evidence_of_this_rung_carries_a_release_on(at: Standing, seen: Evidence, waited: timedelta) -> None:
    move = next_move(at, seen, NOON + waited)
    if move.rung > at.rung:
        assert move.act in {Act.ADVANCE, Act.PROMOTE}
        assert (move.act is Act.PROMOTE) == (move.rung == at.plan.last)
        assert move.act is not Act.PROMOTE or move.arm in at.left
        assert seen.without(at.dropped).verdict is SOUND
        assert not seen.stop
        assert seen.since >= at.since
        assert seen.requests >= at.at.requests
        assert at.state is not State.PAUSED
        assert waited >= at.at.hold
        assert at.order is None
        assert at.at.kind is Kind.AB or move.rung == at.rung + 1


@many
@given(standings(), evidences(), ages, st.dictionaries(st.sampled_from(["champion", "bold", "shy"]), st.floats(0, 1)))
def test_shares_never_leave_the_plan(at: Standing, seen: Evidence, waited: timedelta, wish: dict[str, float]) -> None:
    move = next_move(at, seen, NOON + waited, wish=wish)
    shares = shares_on(at, move) if move.act in {Act.ADVANCE, Act.DROP, Act.RESHARE} else {"champion": 1.0}
    rung = at.plan.rungs[move.rung]
    assert abs(sum(shares.values()) - 1) < 1e-9
    assert shares.keys() <= rung.shares.keys()
    assert not shares.keys() & (at.dropped | move.drop)
    if move.act in {Act.ADVANCE, Act.DROP}:
        assert all(share <= rung.shares[name] for name, share in shares.items() if name != "champion")
    if move.act is Act.RESHARE:
        assert min(shares.values()) >= 0.1


def bound(plan: Plan) -> timedelta:
    """How long, at most, a release stands on one rung in one state."""
    longest = max(max(rung.patience, rung.hold) for rung in plan.rungs)
    return longest + plan.rules.ask_for + plan.rules.pause_for + TICK


@many
@given(standings(), evidences(), st.timedeltas(timedelta(0), 1000 * DAY))
def test_no_release_waits_for_ever(at: Standing, seen: Evidence, extra: timedelta) -> None:
    move = next_move(at, seen, NOON + bound(at.plan) + extra)
    assert move.act is not Act.WAIT, move.why


@many
@given(standings(), evidences(), ages)
def test_every_move_says_why_and_every_wait_says_until_when(at: Standing, seen: Evidence, waited: timedelta) -> None:
    now = NOON + waited
    move = next_move(at, seen, now)
    assert move.why
    assert move.act is not Act.WAIT or (move.until is not None and move.until >= now)


@pytest.mark.parametrize(("state", "limit"), [(State.PAUSED, PLAN.rules.pause_for), (State.ASKING, PLAN.rules.ask_for)])
def test_who_is_waited_for_is_waited_for_so_long(state: State, limit: timedelta) -> None:
    at = standing(state=state)
    waiting = next_move(at, saw(UNSURE), NOON + limit)
    assert (waiting.act, waiting.until) == (Act.WAIT, NOON + limit)
    assert "a person decides until" in waiting.why
    assert next_move(at, saw(UNSURE), NOON + limit + TICK).act is Act.ROLL_BACK


def test_evidence_that_comes_while_a_person_is_asked_answers_the_question() -> None:
    asking = standing(state=State.ASKING)
    assert next_move(asking, saw(SOUND), NOON + HOUR).act is Act.ADVANCE
    assert next_move(replace(asking, blocked="refused"), saw(SOUND), NOON + HOUR).act is Act.WAIT


def test_too_few_requests_are_no_evidence() -> None:
    shadow = standing(0)
    few = next_move(shadow, saw(SOUND, requests=999), NOON + HOUR)
    assert (few.act, few.why) == (Act.WAIT, "shadow: unsure: 999 of 1,000 requests were judged")
    assert next_move(shadow, saw(SOUND, requests=1000), NOON + HOUR).act is Act.ADVANCE


def test_a_comparison_that_cannot_be_trusted_carries_nothing_however_sound() -> None:
    asked = next_move(standing(), saw(SOUND, stop="mismatch"), NOON + HOUR)
    assert (asked.act, asked.why, asked.until) == (Act.ASK, "5 %: unsure: mismatch", NOON + HOUR + DAY)


def test_an_ab_test_promotes_no_arm_that_is_not_in_it() -> None:
    at = standing(plan=TEST, dropped=frozenset({"bold"}))
    assert next_move(at, saw(SOUND, winner="bold"), NOON + 2 * DAY).act is Act.WAIT
    assert next_move(at, saw(SOUND, winner=""), NOON + 2 * DAY).act is Act.WAIT
    assert next_move(at, saw(SOUND, winner="shy"), NOON + 2 * DAY).arm == "shy"


def test_an_arm_that_harms_is_dropped_and_the_last_one_ends_the_test() -> None:
    bold, shy = (Reading("errors", required=True, verdict=HARM, why="because", arm=arm) for arm in ARMS)
    at = standing(plan=TEST)
    one = next_move(at, weigh([bold], NOON), NOON)
    assert (one.act, one.drop) == (Act.DROP, frozenset({"bold"}))
    assert shares_on(at, one) == {"champion": pytest.approx(0.7), "shy": 0.3}
    assert next_move(at, weigh([bold, shy], NOON), NOON).act is Act.ROLL_BACK


def test_an_order_to_end_is_obeyed_whatever_is_seen() -> None:
    for order in (Order(State.ABORTED, "no"), Order(State.SUPERSEDED, "later")):
        move = next_move(standing(order=order), saw(SOUND), NOON + HOUR)
        assert (move.act, move.end, move.why) == (Act.ROLL_BACK, order.end, order.why)
    watched = next_move(standing(3, order=Order(State.SUPERSEDED, "later")), saw(SOUND), NOON)
    assert (watched.act, watched.end) == (Act.FINISH, State.FINISHED)


def test_a_later_release_lets_no_champion_stay_that_harms() -> None:
    at = standing(3, order=Order(State.SUPERSEDED, "later"))
    move = next_move(at, saw(HARM), NOON)
    assert (move.act, move.end, move.why) == (Act.ROLL_BACK, State.ROLLED_BACK, "full: harm: because")


@pytest.mark.parametrize("rung", [-1, 1])
def test_what_was_decided_and_cannot_be_done_is_given_up_after_as_long_as_a_question(rung: int) -> None:
    move = Move(Act.ADVANCE, "sound", rung + 1)
    state = State.RUNNING if rung >= 0 else State.WAITING
    at = standing(rung, state, pending=Intent("r1", 1, move), intended=NOON)
    limit = PLAN.rules.ask_for
    assert next_move(at, saw(SOUND), NOON + limit).act is not Act.ROLL_BACK
    late = next_move(at, saw(SOUND), NOON + limit + TICK)
    assert (late.act, late.why) == (Act.ROLL_BACK, f"{at.at.name}: this could not be done for 1d: sound")
    back = replace(at, pending=Intent("r1", 1, Move(Act.ROLL_BACK, "harm", 1)), state=State.RUNNING, rung=1)
    assert next_move(back, saw(SOUND), NOON + limit + TICK).why != late.why


def test_shares_follow_nothing_in_a_freeze() -> None:
    plan = plan_of(ARMS, **{**AB, "freeze": ["2026-03-02 10:00 - 2026-03-02 18:00"]})
    at, wish = standing(plan=plan), {"champion": 0.2, "bold": 0.7, "shy": 0.1}
    held = next_move(at, saw(UNSURE), NOON + HOUR, wish=wish)
    assert (held.act, held.until) == (Act.WAIT, NOON + 6 * HOUR)
    assert next_move(at, saw(UNSURE), NOON + 6 * HOUR, wish=wish).act is Act.RESHARE


def test_harm_by_an_arm_that_was_dropped_is_past() -> None:
    gone = Reading("errors", required=True, verdict=HARM, why="because", arm="bold")
    at = standing(plan=TEST, dropped=frozenset({"bold"}))
    assert next_move(at, weigh([gone], NOON), NOON + HOUR).act is Act.WAIT


def test_a_frozen_release_says_until_when_and_still_rolls_back() -> None:
    plan = plan_of(freeze=["2026-03-02 10:00 - 2026-03-02 18:00"])
    at = standing(plan=plan)
    held = next_move(at, saw(SOUND), NOON + HOUR)
    assert (held.act, held.until) == (Act.WAIT, NOON + 6 * HOUR)
    assert held.why == "5 %: sound: because; frozen until 2026-03-02 18:00:00 UTC"
    assert next_move(at, saw(HARM), NOON + HOUR).act is Act.ROLL_BACK
    assert next_move(replace(at, state=State.WAITING, rung=-1), saw(UNSURE), NOON).act is Act.WAIT
    assert next_move(at, saw(SOUND), NOON + 6 * HOUR).act is Act.ADVANCE


def test_a_release_waits_for_the_one_before_it() -> None:
    at = replace(standing(), state=State.WAITING, rung=-1)
    assert next_move(at, saw(UNSURE), NOON, ahead="r0").why == "release r0 of the same model must end first"
    assert next_move(at, saw(UNSURE), NOON) == Move(Act.ADVANCE, "begins with shadow", 0)


@pytest.mark.parametrize("state", [state for state in State if state.ended])
def test_what_is_over_stays_over(state: State) -> None:
    at = replace(standing(), state=state, order=Order(State.ABORTED, "late"))
    assert next_move(at, saw(HARM), NOON + 99 * DAY).act is Act.WAIT


def test_a_watch_ends_without_harm_even_if_nobody_came() -> None:
    watched = standing(3)
    assert next_move(watched, saw(UNSURE), NOON + DAY - TICK).act is Act.WAIT
    done = next_move(watched, saw(UNSURE), NOON + DAY)
    assert (done.act, done.end) == (Act.FINISH, State.FINISHED)
    assert done.why == "full: watched for 1d without harm (unsure: because)"


def test_a_bandit_is_followed_within_its_bounds_and_not_too_often() -> None:
    at = standing(plan=TEST)
    wish = {"champion": 0.2, "bold": 0.7, "shy": 0.1}

    def asked(wish: dict[str, float], waited: timedelta = HOUR) -> Act:
        return next_move(at, saw(UNSURE), NOON + waited, wish=wish).act

    assert asked(wish) is Act.RESHARE
    assert asked(wish, 9 * MINUTE) is Act.WAIT
    assert asked({"champion": 0.25, "bold": 0.7, "shy": 0.05}) is Act.WAIT
    assert asked({"champion": 0.3, "bold": 0.7}) is Act.WAIT
    assert asked({"champion": 0.4, "bold": 0.7, "shy": 0.1}) is Act.WAIT
    assert next_move(replace(at, shares=wish), saw(UNSURE), NOON + HOUR, wish=wish).act is Act.WAIT
    assert next_move(standing(), saw(UNSURE), NOON + HOUR, wish=wish).act is Act.WAIT
