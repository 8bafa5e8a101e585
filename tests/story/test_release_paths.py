"""A release on a fake clock, by every path: what is seen decides, and nothing waits for ever."""

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from headgate.loop.effect import RenewLease
from headgate.release import events
from headgate.release.evidence import Evidence, Reading, Verdict, weigh
from headgate.release.move import Act, State
from headgate.release.plan import Side
from headgate.release.shares import Wish
from headgate.release.standing import Standing
from headgate.testing.release_world import ACTOR, KilledError, ReleaseWorld, See, verdicts
from headgate.testing.releases import plan_of

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)
RUNGS = ("shadow", "5 %", "25 %", "full")


def saw(verdict: Verdict, why: str = "as it was measured", *, stop: str = "", winner: str = "") -> Evidence:
    reading = Reading("errors", required=True, verdict=verdict, why=why)
    return weigh([reading], MONDAY, 5000, stop=stop, winner=winner)


GOOD, BAD, UNCLEAR = saw(Verdict.SOUND), saw(Verdict.HARM, "9 % fail, 1 % of the champion's"), saw(Verdict.UNSURE)


def good_until(harm_on: str) -> See:
    return verdicts({**dict.fromkeys(RUNGS, GOOD), harm_on: BAD})


ALL_GOOD = verdicts(dict.fromkeys(RUNGS, GOOD))
STUCK = verdicts({"shadow": GOOD, "5 %": UNCLEAR})


def world_of(see: See, **said: Any) -> ReleaseWorld:
    world = ReleaseWorld(plan_of(**said), see, MONDAY)
    world.start(plan_of(**said))
    return world


def acts(world: ReleaseWorld) -> list[Act]:
    return [act for _, act, _ in world.made]


def test_a_good_challenger_climbs_to_champion_and_is_watched() -> None:
    # Given a challenger that is sound on every rung
    world = world_of(ALL_GOOD)
    # When its controller runs for a while
    world.run(5 * MINUTE)
    assert [shadow.version for shadow in world.route.shadows] == ["2"]
    world.run(2 * HOUR)
    # Then it is champion, with the old one warm
    assert world.champion == "2"
    assert world.standing().state is State.PROMOTED
    assert [(one.name, one.version) for one in world.route.shadows] == [("previous", "1")]
    # And when the watch is over, the release is, and the old champion is let go
    world.run(2 * DAY)
    assert world.standing().state is State.FINISHED
    assert acts(world) == [Act.ADVANCE] * 3 + [Act.PROMOTE, Act.FINISH]
    assert world.route.shadows == ()
    assert world.kinds()[-1] == "release.reported"


@pytest.mark.parametrize("rung", ["shadow", "5 %", "25 %"])
def test_harm_takes_all_traffic_back_at_once(rung: str) -> None:
    # Given a challenger that does harm on a rung, and not before
    world = world_of(good_until(rung))
    # When the controller runs
    world.run(DAY)
    # Then everything is back with the champion, and the pointer never moved
    standing = world.standing()
    assert standing.state is State.ROLLED_BACK
    assert f"{rung}: harm: errors: 9 % fail" in standing.why
    assert world.champion == "1"
    assert [(arm.version, arm.weight) for arm in world.route.arms] == [("1", 1.0)]
    assert Act.PROMOTE not in acts(world)


def test_harm_after_the_promotion_brings_the_old_champion_back() -> None:
    # Given a challenger that is sound on every rung, and harms once it has everything
    world = world_of(good_until("full"))
    # When the controller runs
    world.run(DAY)
    # Then the pointer is back, and the release rolled back
    assert acts(world)[-2:] == [Act.PROMOTE, Act.ROLL_BACK]
    assert (world.champion, world.standing().state) == ("1", State.ROLLED_BACK)


def test_without_traffic_nothing_moves_and_a_person_is_asked_then_it_is_rolled_back() -> None:
    # Given a model that nobody calls
    world = world_of(verdicts({}))
    # When a rung's patience is over
    world.run(DAY + 10 * MINUTE)
    # Then a person is asked
    assert world.standing().state is State.ASKING
    assert "unsure beyond its patience of 1d" in world.standing().why
    # And when nobody answers, it is rolled back
    world.run(2 * DAY)
    assert world.standing().state is State.ROLLED_BACK
    assert "nobody answered for 1d" in world.standing().why
    assert acts(world) == [Act.ADVANCE, Act.ROLL_BACK]


def test_a_question_answered_goes_on_with_new_patience() -> None:
    # Given a release that asks on its first rung of traffic
    seen = {"shadow": GOOD, "5 %": UNCLEAR, "25 %": GOOD, "full": GOOD}
    world = world_of(verdicts(seen))
    world.run(DAY + HOUR)
    assert world.standing().state is State.ASKING
    # When a person says to go on, and the evidence comes
    world.record(events.resumed("r1", "person:ada", "traffic comes on Tuesday"))
    world.run(2 * HOUR)
    assert world.standing().state is State.RUNNING
    seen["5 %"] = GOOD
    world.see = verdicts(seen)
    world.run(3 * DAY)
    # Then it finishes
    assert world.standing().state is State.FINISHED


def test_a_policy_may_roll_back_rather_than_ask() -> None:
    world = world_of(STUCK, on_unsure="roll_back")
    world.run(3 * DAY)
    assert world.standing().state is State.ROLLED_BACK
    assert events.ASKED not in world.kinds()


def test_a_sample_ratio_mismatch_stops_the_release_at_once_however_good_it_looks() -> None:
    # Given guards that are all sound, over arms that were not split as planned
    odd = saw(Verdict.SOUND, stop="the challenger got 9 % of the units, not 5 %")
    world = world_of(verdicts({"shadow": GOOD, "5 %": odd}))
    # When the controller runs
    world.run(HOUR)
    # Then it asks at once, and says why
    assert world.standing().state is State.ASKING
    assert "got 9 % of the units" in world.standing().why
    # And unanswered it is rolled back
    world.run(2 * DAY)
    assert world.standing().state is State.ROLLED_BACK


def test_nothing_moves_on_in_a_freeze_and_harm_is_rolled_back_nevertheless() -> None:
    # Given a freeze from noon today until tomorrow morning
    freeze = ["2026-03-02 13:00 - 2026-03-03 08:00"]
    world = world_of(ALL_GOOD, freeze=freeze)
    # When the release is sound meanwhile
    world.run(12 * HOUR)
    # Then it stands where it was, and goes on afterwards
    assert world.standing().rung < 3
    held = world.standing().rung
    world.run(7 * HOUR)
    assert world.standing().rung == held
    world.run(3 * HOUR)
    assert world.standing().state is State.PROMOTED
    # And harm is rolled back in the freeze
    other = world_of(good_until("5 %"), freeze=["2026-03-02 12:30 - 2026-03-03 08:00"])
    other.now = MONDAY
    other.run(HOUR)
    other.see = verdicts({other.standing().at.name: BAD})
    other.run(10 * MINUTE)
    assert other.standing().state is State.ROLLED_BACK


def test_a_person_holds_a_release_and_lets_it_go_on() -> None:
    # Given a release on its first rung of traffic that a person pauses
    world = world_of(ALL_GOOD)
    world.run(20 * MINUTE)
    assert world.standing().at.name == "5 %"
    world.record(events.paused("r1", "person:ada", "the caller deploys"))
    # When a day goes by
    world.run(DAY)
    # Then it stands, with its share renewed, and says who is waited for
    assert world.standing().at.name == "5 %"
    assert world.route.renewed_until is not None
    assert "person:ada: the caller deploys" in world.standing().why
    # And when it is resumed it finishes
    world.record(events.resumed("r1", "person:ada", "done"))
    world.run(2 * DAY)
    assert world.standing().state is State.FINISHED


def test_a_forgotten_pause_is_rolled_back() -> None:
    world = world_of(ALL_GOOD, pause_for="2d")
    world.run(20 * MINUTE)
    world.record(events.paused("r1", "person:ada", "a look first"))
    world.run(3 * DAY)
    assert world.standing().state is State.ROLLED_BACK
    assert "nobody answered for 2d" in world.standing().why


@pytest.mark.parametrize(("after", "champion"), [(5 * MINUTE, "1"), (45 * MINUTE, "1"), (4 * HOUR, "1")])
def test_an_abort_takes_everything_back_wherever_it_is(after: timedelta, champion: str) -> None:
    world = world_of(ALL_GOOD)
    world.run(after)
    world.record(events.aborted("r1", "person:ada", "wrong model"))
    world.run(HOUR)
    assert (world.standing().state, world.champion) == (State.ABORTED, champion)
    assert "aborted by person:ada: wrong model" in world.standing().why
    assert [arm.version for arm in world.route.arms] == ["1"]


def test_an_abort_before_it_began_touches_nothing() -> None:
    world = world_of(ALL_GOOD)
    world.record(events.aborted("r1", "person:ada", "wrong model"))
    world.run(HOUR)
    assert (world.standing().state, world.made) == (State.ABORTED, [])


def test_a_person_promotes_now_and_the_release_watches() -> None:
    # Given a release that is stuck
    world = world_of(STUCK)
    world.run(DAY + HOUR)
    assert world.standing().state is State.ASKING
    # When a person promotes the challenger around the controller
    world.move_pointer("2")
    # Then it is watched like any other
    assert world.standing().state is State.PROMOTED
    world.see = good_until("full")
    world.run(HOUR)
    # And harm brings back the champion of before
    assert (world.standing().state, world.champion) == (State.ROLLED_BACK, "1")


def test_a_person_rolls_back_while_the_controller_is_dead() -> None:
    world = world_of(ALL_GOOD)
    world.run(3 * HOUR)
    assert world.champion == "2"
    world.move_pointer("1")
    assert world.standing().state is State.ROLLED_BACK
    world.run(HOUR)
    assert world.champion == "1"


def test_another_champion_ends_the_release() -> None:
    world = world_of(STUCK)
    world.run(HOUR)
    world.move_pointer("7")
    world.run(HOUR)
    assert (world.standing().state, world.champion) == (State.SUPERSEDED, "7")


def test_shares_set_by_hand_pause_the_release_and_resuming_begins_the_rung_anew() -> None:
    # Given a release on its first rung of traffic
    world = world_of(ALL_GOOD)
    world.run(20 * MINUTE)
    # When a person gives the champion everything
    world.set_route(Wish({"champion": 1.0}, {}, None, {}), "person:ada")
    world.run(HOUR)
    # Then the release waits for that person
    assert world.standing().state is State.PAUSED
    assert [arm.version for arm in world.route.arms] == ["1"]
    # And begins the rung anew when it may go on
    world.record(events.resumed("r1", "person:ada", "go on"))
    since = world.now
    world.run(10 * MINUTE)
    assert world.standing().at.name == "5 %"
    assert world.standing().since >= since
    assert [arm.weight for arm in world.route.arms] == [0.95, 0.05]


def test_what_the_rules_refuse_asks_a_person_once() -> None:
    # Given a version whose approval was withdrawn after the release started
    world = world_of(ALL_GOOD)
    world.refuse = "grace rejects version 2"
    # When its controller runs
    world.run(HOUR)
    # Then the refusal is said once, and nothing is tried again
    assert world.kinds().count(events.CLIMBED) == 1
    assert (world.standing().state, world.standing().blocked) == (State.ASKING, "grace rejects version 2")
    # And it ends when nobody answers
    world.run(2 * DAY)
    assert world.standing().state is State.ROLLED_BACK
    assert world.made[-1][1] is Act.FINISH


def two_releases(see: See, second: str) -> ReleaseWorld:
    world = world_of(see)
    world.run(20 * MINUTE)
    world.start(plan_of({"challenger": Side("3", "sha256:3")}, second_release=second), "r2")
    return world


def test_a_second_release_waits_and_then_takes_its_turn() -> None:
    # Given a release that runs, and another that starts
    world = two_releases(ALL_GOOD, "wait")
    # When the first is under way, the second waits
    world.run(HOUR)
    assert world.standing("r2").state is State.WAITING
    # Then it climbs against the champion that the first one made
    world.run(5 * DAY)
    assert [one.state for one in world.releases.all] == [State.FINISHED, State.FINISHED]
    assert (world.champion, world.standing("r2").before) == ("3", "2")


def test_a_second_release_replaces_the_first_where_the_policy_says_so() -> None:
    world = two_releases(ALL_GOOD, "replace")
    world.run(5 * MINUTE)
    assert world.standing().state is State.SUPERSEDED
    assert "superseded by release r2" in world.standing().why
    assert [shadow.version for shadow in world.route.shadows] == ["3"]
    world.run(3 * DAY)
    assert (world.champion, world.standing("r2").before) == ("3", "1")


def test_a_replaced_release_that_is_champion_and_does_harm_is_taken_back() -> None:
    # Given a release in its watch, whose version begins to do harm in the second in which another one starts
    world = world_of(ALL_GOOD)
    world.run(2 * HOUR)
    assert world.champion == "2"
    world.see = good_until("full")
    world.start(plan_of({"challenger": Side("3", "sha256:3")}, second_release="replace"), "r2")
    # When the controller goes on
    world.run(MINUTE, MINUTE)
    # Then the old champion serves again, and is what the second release is compared with
    assert world.champion == "1"
    assert world.standing().state is State.ROLLED_BACK
    assert world.standing("r2").before == "1"


@pytest.mark.parametrize("rung", [0, 1])
def test_a_move_that_cannot_be_made_is_given_up_and_the_champion_has_everything(rung: int) -> None:
    # Given a release whose next move was decided, and cannot be made
    world = world_of(ALL_GOOD)
    while world.standing().rung < rung or world.standing().pending is None:
        world.fuse = None if world.standing().rung < rung else 1  # then the intent is recorded, and no more
        with contextlib.suppress(KilledError):
            world.tick()
        world.now += MINUTE
    world.restart()
    stuck = world.standing()
    assert stuck.pending is not None
    assert stuck.rung == rung
    # When as long has passed as a person is given to answer
    world.now += stuck.plan.rules.ask_for
    world.run(HOUR)
    # Then everything went back
    assert world.standing().state is State.ROLLED_BACK
    assert "could not be done for 1d" in world.standing().why
    assert [arm.version for arm in world.route.arms] == ["1"]


def test_a_replaced_release_that_is_champion_already_stays_champion() -> None:
    world = world_of(ALL_GOOD)
    world.run(3 * HOUR)
    world.start(plan_of({"challenger": Side("3", "sha256:3")}, second_release="replace"), "r2")
    world.run(HOUR)
    assert world.standing().state is State.FINISHED
    assert (world.standing("r2").before, world.standing("r2").plan.rules.second_release) == ("2", "replace")


def test_blue_green_goes_from_shadow_to_everything() -> None:
    world = world_of(ALL_GOOD, strategy="blue_green")
    world.run(HOUR)
    assert acts(world) == [Act.ADVANCE, Act.PROMOTE]
    assert world.champion == "2"


AB: Any = {
    "strategy": "ab",
    "shadow": None,
    "ab": {"decide": "hits", "arms": {"champion": 0.4, "bold": 0.3, "shy": 0.3}, "hold": "1h", "horizon": "2d"},
    "guards": {"business": {"hits": {"metric": "precision", "margin": 0.02}}},
}
ARMS = {"bold": Side("2", "sha256:2"), "shy": Side("3", "sha256:3")}


def ab_world(seen: Evidence) -> ReleaseWorld:
    plan = plan_of(ARMS, **AB)
    world = ReleaseWorld(plan, verdicts({"A/B": seen, "full": GOOD}), MONDAY)
    world.start(plan)
    return world


def test_an_ab_test_ends_with_the_arm_that_is_better() -> None:
    world = ab_world(saw(Verdict.SOUND, winner="shy"))
    world.run(30 * MINUTE)
    assert {arm.name: arm.weight for arm in world.route.arms} == {"champion": 0.4, "bold": 0.3, "shy": 0.3}
    world.run(HOUR)
    assert (world.champion, world.standing().arm) == ("3", "shy")


@pytest.mark.parametrize("seen", [UNCLEAR, GOOD])
def test_an_ab_test_that_nobody_wins_ends_at_its_horizon_with_the_champion(seen: Evidence) -> None:
    world = ab_world(seen)
    world.run(3 * DAY)
    standing = world.standing()
    assert (standing.state, world.champion) == (State.FINISHED, "1")
    assert "no arm was better by its horizon" in standing.why
    assert [arm.version for arm in world.route.arms] == ["1"]


def test_an_arm_that_harms_is_dropped_and_the_test_goes_on() -> None:
    # Given an A/B test of two arms of which one harms
    harm = Reading("errors", required=True, verdict=Verdict.HARM, why="9 % fail", arm="bold")
    fine = Reading("errors", required=True, verdict=Verdict.SOUND, why="1 % fail", arm="shy")
    world = ab_world(weigh([harm, fine], MONDAY, 5000))
    # When the controller runs
    world.run(30 * MINUTE)
    # Then that arm's share is the champion's, and the other arm's is what it was
    assert {arm.name: round(arm.weight, 9) for arm in world.route.arms} == {"champion": 0.7, "shy": 0.3}
    assert world.standing().dropped == {"bold"}
    # And the other may win
    world.see = verdicts({"A/B": weigh([harm, fine], MONDAY, 5000, winner="shy"), "full": GOOD})
    world.run(HOUR)
    assert world.champion == "3"


def test_a_bandit_moves_shares_between_the_arms_of_the_plan() -> None:
    # Given an A/B test whose shares follow a bandit
    plan = plan_of(ARMS, **AB | {"ab": {**AB["ab"], "bandit": "thompson", "least": 0.1}})
    world = ReleaseWorld(plan, verdicts({"A/B": UNCLEAR}), MONDAY)
    world.start(plan)
    world.run(5 * MINUTE)
    # When it asks for other shares, again and again
    wish = {"champion": 0.2, "bold": 0.1, "shy": 0.7}
    world.wishes["r1"] = wish
    world.run(HOUR)
    # Then they are set once, and the test goes on from there
    assert {arm.name: round(arm.weight, 9) for arm in world.route.arms} == wish
    assert acts(world) == [Act.ADVANCE, Act.RESHARE]
    # And what is below the least is not followed
    world.wishes["r1"] = {"champion": 0.95, "bold": 0.0, "shy": 0.05}
    world.run(HOUR)
    assert world.standing().shares == wish
    # And at the horizon the champion has everything
    world.run(3 * DAY)
    assert [arm.version for arm in world.route.arms] == ["1"]


def test_the_last_arm_that_harms_ends_the_test() -> None:
    both = [Reading("errors", required=True, verdict=Verdict.HARM, why="9 % fail", arm=arm) for arm in ARMS]
    world = ab_world(weigh(both, MONDAY, 5000))
    world.run(30 * MINUTE)
    assert world.standing().state is State.ROLLED_BACK


def test_shares_are_renewed_while_the_controller_lives() -> None:
    world = world_of(STUCK)
    world.run(30 * MINUTE)
    renewed = 0
    for _ in range(60):
        renewed += sum(isinstance(effect, RenewLease) for effect in world.tick())
        world.now += timedelta(seconds=5)
        assert world.route.renewed_until is not None
        assert world.route.renewed_until > world.now
    assert 15 <= renewed <= 30


def test_what_the_controller_says_and_does_stands_in_the_journal() -> None:
    world = world_of(ALL_GOOD)
    world.run(3 * DAY)
    kinds = [kind for kind in world.kinds() if kind not in {events.INTENDED, events.CLIMBED}]
    assert kinds == [events.STARTED, events.FINISHED, events.REPORTED]
    moved = [event for event in world.journal if event.kind == events.CLIMBED]
    assert [event.body["key"] for event in moved] == ["r1/1", "r1/2", "r1/3", "r1/4"]
    assert all(event.actor == ACTOR and event.reason for event in moved)


def test_evidence_that_was_sound_before_this_rung_carries_nothing() -> None:
    # Given evidence that is sound, all of it from before the first rung of traffic began
    def see(at: Standing, _now: datetime) -> Evidence | None:
        return GOOD if at.rung >= 0 else None  # since noon, whatever the rung

    world = world_of(see)
    world.run(DAY)
    # Then the shadow, which began at noon, passes, and the rung after it does not
    assert world.standing().at.name == "5 %"
    assert world.standing().rung == 1
