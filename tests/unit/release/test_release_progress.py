"""What the journal says of releases: total, whatever stands in it, and the same however it is read."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.base.errors import Tampered
from headgate.journal.event import Event, NewEvent
from headgate.release import events
from headgate.release.evidence import Evidence, Verdict
from headgate.release.ladder import next_move
from headgate.release.ledger import MOVED, ROUTE_SET
from headgate.release.move import Act, Intent, Move, State
from headgate.release.progress import Releases, advance, releases_of
from headgate.testing.releases import MODEL, plan_of

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PLAN, ADA, CONTROLLER = plan_of(), "person:ada", "process:controller"
SEEN = Evidence(Verdict.SOUND, "because", NOON)
UP = Move(Act.ADVANCE, "begins", 0)


def intent(step: int, move: Move, release: str = "r1") -> Intent:
    return Intent(release, step, move)


def journal(*new: NewEvent, stream: str = f"model/{MODEL}") -> list[Event]:
    return [
        Event(at, stream, at, one.kind, NOON + timedelta(minutes=at), one.actor, one.reason, one.body, "", "")
        for at, one in enumerate(new, 1)
    ]


def folded(*new: NewEvent) -> Releases:
    return releases_of(MODEL, journal(*new))


def go(step: int, move: Move) -> tuple[NewEvent, ...]:
    done = events.moved(intent(step, move), CONTROLLER)
    return (*events.intended(intent(step, move), SEEN, CONTROLLER), done)


START = events.started("r1", PLAN, ADA, "better")
FIRST = (START, *go(1, UP))
intents = st.builds(
    intent,
    st.integers(1, 5),
    st.builds(
        Move,
        st.sampled_from([act for act in Act if act not in {Act.WAIT, Act.ASK}]),
        st.just("because"),
        st.integers(0, 3),
        st.just("challenger"),
    ),
    st.sampled_from(["r1", "r2", "nobody's"]),
)
names = st.sampled_from(["r1", "r2", "nobody's"])
anything = st.one_of(
    st.builds(events.started, names, st.just(PLAN), st.just(ADA), st.just("better")),
    st.builds(lambda one: events.intended(one, SEEN, CONTROLLER)[1], intents),
    st.builds(events.moved, intents, st.just(CONTROLLER)),
    st.builds(events.failed, intents, st.just(CONTROLLER), st.just("refused")),
    st.builds(events.finished, intents, st.just(CONTROLLER)),
    st.builds(events.rolled_back, intents, st.just(CONTROLLER)),
    st.builds(lambda name: events.asked(name, SEEN, NOON, CONTROLLER, "unsure")[1], names),
    st.builds(events.paused, names, st.just(ADA), st.just("wait")),
    st.builds(events.resumed, names, st.just(ADA), st.just("go on")),
    st.builds(events.aborted, names, st.just(ADA), st.just("no")),
    st.builds(events.superseded, names, names, st.just(CONTROLLER), st.just("later")),
    st.builds(events.evidence, names, st.just(SEEN), st.just(CONTROLLER), st.just(1)),
    st.builds(events.reported, names, st.just("reports"), st.just(CONTROLLER)),
    st.builds(lambda to: NewEvent(MOVED, ADA, "now", {"from": "1", "to": to}), st.sampled_from(["1", "2", "3"])),
    st.builds(lambda name: NewEvent(ROUTE_SET, ADA, "shares", {"release": name}), names),
    st.just(NewEvent("verdict.given", ADA, "", {"release": "r1"})),
    st.just(NewEvent("release.sung", ADA, "", {})),
)
streams = st.lists(anything, max_size=25).map(lambda new: journal(START, *new))
many = settings(max_examples=40)


@many
@given(streams, st.integers(0, 25))
def test_a_prefix_and_then_the_rest_is_all_of_it(found: list[Event], cut: int) -> None:
    whole = releases_of(MODEL, found)
    state = releases_of(MODEL, found[:cut])
    for event in found:  # the first ones once more
        state = advance(state, event)
    assert state == whole


@many
@given(streams)
def test_an_end_is_an_end_and_steps_only_rise(found: list[Event]) -> None:
    state = Releases(MODEL)
    for event in found:
        before, state = state, advance(state, event)
        for old in before.all:
            new = state.find(old.release)
            assert new is not None
            assert new.step in {old.step, old.step + 1}
            assert -1 <= new.rung <= new.plan.last
            assert not old.state.ended or replace(new, reported=old.reported) == old
            assert not new.state.ended or new.pending is None
            assert (new.state in {State.PAUSED, State.ASKING}) <= (new.held is not None)


@many
@given(streams)
def test_an_outcome_said_again_changes_nothing(found: list[Event]) -> None:
    for cut, event in enumerate(found):
        if event.kind in {events.CLIMBED, events.FINISHED, events.ROLLED_BACK, events.STARTED, events.INTENDED}:
            once = releases_of(MODEL, found[: cut + 1])
            again = advance(once, replace(event, position=event.position + 1, sequence=event.sequence + 1))
            assert replace(again, position=once.position, sequence=once.sequence) == once


def test_a_release_starts_climbs_and_ends() -> None:
    (at,) = folded(START).all
    assert (at.state, at.rung, at.before) == (State.WAITING, -1, "1")
    (at,) = folded(*FIRST).all
    assert (at.state, at.rung, at.since, at.pending) == (State.RUNNING, 0, NOON + timedelta(minutes=4), None)
    back = intent(2, Move(Act.ROLL_BACK, "harm", 0, end=State.ROLLED_BACK))
    (at,) = folded(*FIRST, *events.intended(back, SEEN, CONTROLLER), events.rolled_back(back, CONTROLLER)).all
    assert (at.state, at.why) == (State.ROLLED_BACK, "harm")


def test_an_intent_without_an_outcome_is_pending() -> None:
    told = events.intended(intent(1, UP), SEEN, CONTROLLER)
    (at,) = folded(START, *told).all
    assert at.pending == intent(1, UP)
    assert at.pending.key == "r1/1"


def test_only_going_back_takes_the_place_of_an_open_intent() -> None:
    told = events.intended(intent(1, UP), SEEN, CONTROLLER)
    up = events.intended(intent(2, replace(UP, rung=1)), SEEN, CONTROLLER)
    back = intent(2, Move(Act.ROLL_BACK, "harm"))
    assert folded(START, *told, *up).all[0].pending == intent(1, UP)
    assert folded(START, *told, *events.intended(back, SEEN, CONTROLLER)).all[0].pending == back


def test_an_outcome_of_another_move_is_no_outcome() -> None:
    told = events.intended(intent(1, UP), SEEN, CONTROLLER)
    stranger = events.moved(intent(2, replace(UP, rung=2)), CONTROLLER)
    assert folded(START, *told, stranger).all[0].pending == intent(1, UP)


def test_the_watch_begins_when_the_pointer_moved() -> None:
    up = intent(2, Move(Act.PROMOTE, "sound", PLAN.last, "challenger"))
    told, moved = events.intended(up, SEEN, CONTROLLER), NewEvent(MOVED, CONTROLLER, "sound", {"from": "1", "to": "2"})
    found = journal(*FIRST, *told, moved, events.moved(up, CONTROLLER))
    (at,) = releases_of(MODEL, found).all
    assert (at.state, at.since, at.pending, at.before) == (State.PROMOTED, found[-2].at, None, "1")


def test_shares_set_by_a_move_of_its_own_are_not_set_by_hand() -> None:
    route = NewEvent(ROUTE_SET, CONTROLLER, "begins", {"release": ""})
    told = events.intended(intent(2, replace(UP, rung=1)), SEEN, CONTROLLER)
    assert folded(*FIRST, *told, route).all[0].state is State.RUNNING
    assert folded(*FIRST, route).all[0].state is State.PAUSED


def test_a_pause_while_a_rung_is_entered_is_kept() -> None:
    told, done = events.intended(intent(1, UP), SEEN, CONTROLLER), events.moved(intent(1, UP), CONTROLLER)
    (at,) = folded(START, *told, events.paused("r1", ADA, "a look"), done).all
    assert (at.state, at.rung) == (State.PAUSED, 0)
    assert at.held is not None


def test_a_pause_adds_to_patience_and_keeps_the_evidence() -> None:
    (at,) = folded(*FIRST, events.paused("r1", ADA, "a look"), events.resumed("r1", ADA, "go on")).all
    assert (at.state, at.held) == (State.RUNNING, None)
    assert at.since < at.clock


@pytest.mark.parametrize("act", [Act.ROLL_BACK, Act.FINISH])
def test_taking_traffic_back_is_never_given_up(act: Act) -> None:
    back = intent(2, Move(act, "because", 0))
    told = events.intended(back, SEEN, CONTROLLER)
    (at,) = folded(*FIRST, *told, events.failed(back, CONTROLLER, "the database is away")).all
    assert at.pending == back


def test_an_arm_that_cannot_be_dropped_alone_takes_the_release_back() -> None:
    drop = intent(2, Move(Act.DROP, "harm", 0, drop=frozenset({"bold"})))
    refused = events.failed(drop, CONTROLLER, "grace rejects version 3")
    (at,) = folded(*FIRST, *events.intended(drop, SEEN, CONTROLLER), refused).all
    move = next_move(at, SEEN, NOON)
    assert (at.pending, move.act, move.end) == (None, Act.ROLL_BACK, State.ROLLED_BACK)
    assert move.why == "harm; the other arms cannot stay: grace rejects version 3"


def test_the_first_order_to_end_stands() -> None:
    orders = events.aborted("r1", ADA, "no"), events.superseded("r1", "r2", CONTROLLER, "later")
    (at,) = folded(*FIRST, *orders).all
    assert at.order is not None
    assert at.order.end is State.ABORTED


def test_the_champion_that_moved_while_a_release_waited_is_the_one_that_it_goes_back_to() -> None:
    moved = NewEvent(MOVED, ADA, "now", {"from": "1", "to": "5"})
    assert folded(START, moved).all[0].before == "5"
    assert folded(moved, START).all[0].before == "5"
    assert folded(*FIRST, moved).all[0].state is State.SUPERSEDED


def test_another_models_events_are_none_of_its_business() -> None:
    assert releases_of(MODEL, journal(START, stream="model/other")).all == ()


@pytest.mark.parametrize(
    "body", [{}, {"release": "r1"}, {"release": "r1", "plan": {"rungs": []}, "from": "1"}], ids=len
)
def test_a_plan_that_cannot_be_read_is_tampered_with(body: dict[str, Any]) -> None:
    with pytest.raises(Tampered, match=r"release\.started cannot be read"):
        folded(NewEvent(events.STARTED, ADA, "", body))


def bodies(found: Sequence[NewEvent]) -> list[Any]:
    return [event.body for event in found]


@given(intents)
def test_an_intent_comes_back_from_its_body(one: Intent) -> None:
    told, done = events.intended(one, SEEN, CONTROLLER)[1], events.moved(one, CONTROLLER)
    assert all(Intent.from_json(body) == one for body in bodies([told, done]))
