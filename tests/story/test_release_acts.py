"""Releases by the real controller, on a real ledger, route and pointer; the clock and what is measured are scripted."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from headgate.base.errors import BadInput, Refused
from headgate.release import events
from headgate.release import release_steps as people
from headgate.release.evidence import Evidence, Reading, Verdict, weigh
from headgate.release.forecast import Traffic
from headgate.release.ledger import stream_of
from headgate.release.move import Act, State
from headgate.release.standing import Standing
from headgate.testing.clock import START
from headgate.testing.release_supply import BUSY, MINUTE, ReleaseSupply, plenty
from headgate.testing.release_world import See, verdicts
from headgate.testing.supply import MODEL


def saw(verdict: Verdict) -> Evidence:
    return weigh([Reading("errors", required=True, verdict=verdict, why="as it was measured")], START, 5000)


GOOD, BAD = saw(Verdict.SOUND), saw(Verdict.HARM)
RUNGS = ("shadow", "5 %", "25 %", "full")
ALL_GOOD = verdicts(dict.fromkeys(RUNGS, GOOD))


def good_until(harm_on: str) -> See:
    return verdicts({**dict.fromkeys(RUNGS, GOOD), harm_on: BAD})


def supply_of(folder: Path, see: See = ALL_GOOD, **said: Any) -> ReleaseSupply:
    supply = ReleaseSupply(folder, see, **said)
    supply.champion_and_challenger()
    return supply


def run(supply: ReleaseSupply, minutes: int) -> None:
    for _ in range(minutes):
        done = supply.controller.run_pass()
        assert not [part.trouble for part in done if part.trouble]
        supply.clock.advance(MINUTE)


def standing(supply: ReleaseSupply) -> Standing:
    return supply.releases.all[0]


def test_a_release_climbs_to_champion_with_the_old_one_warm_and_ends(tmp_path: Path) -> None:
    # Given a champion, and a version that may serve
    supply = supply_of(tmp_path)
    begun = supply.begin()
    assert (begun.release, begun.ahead) == ("delay-1", "")
    # When the controller runs
    run(supply, 1)
    assert [(one.version, one.fraction) for one in supply.route.shadows] == [("2", 1.0)]
    run(supply, 2)
    assert supply.weights == {"1": 0.95, "2": 0.05}
    assert supply.route.release == "delay-1"
    run(supply, 5)
    # Then it is champion, and the old one gets copies
    assert supply.weights == {"2": 1.0}
    assert [(one.name, one.version) for one in supply.route.shadows] == [("previous", "1")]
    # And in the end nothing of the release is left
    run(supply, 5)
    assert standing(supply).state is State.FINISHED
    assert supply.route.shadows == ()
    assert [act for _, act, _ in supply.outcomes()] == [Act.ADVANCE] * 3 + [Act.PROMOTE, Act.FINISH]


@pytest.mark.parametrize(("rung", "revisions"), [("shadow", 1), ("5 %", 1), ("25 %", 1), ("full", 1)])
def test_harm_takes_everything_back_in_one_revision_and_one_pass(tmp_path: Path, rung: str, revisions: int) -> None:
    # Given a release that stands on a rung
    supply = supply_of(tmp_path)
    supply.begin()
    while standing(supply).at.name != rung or standing(supply).rung < 0:
        run(supply, 1)
    before, supply.registry.reachable = supply.route.revision, False
    # When harm is seen there, and the registry is away
    supply.scripted.see = good_until(rung)
    run(supply, 1)
    # Then the champion of before has everything, by one revision
    assert standing(supply).state is State.ROLLED_BACK
    assert supply.weights == {"1": 1.0}
    assert supply.route.shadows == ()
    assert supply.route.revision == before + revisions
    assert supply.ledger.champion is not None
    assert supply.ledger.champion.version == "1"


def test_what_it_did_and_why_is_told_and_a_tick_lets_the_alias_follow(tmp_path: Path) -> None:
    from headgate.loop.inspect import inspect
    from headgate.loop.steps import tick

    supply = supply_of(tmp_path)
    supply.begin()
    assert [part.what for part in supply.controller.would()] == [
        "delay: set the shares champion 100 %, challenger copies of 100 %: begins with shadow"
    ]
    told = list[str]()
    for _ in range(9):
        told += tick(supply.desk, {}, releases=supply.controller.run_pass).done
        supply.clock.advance(MINUTE)
    assert "delay: make version 2 champion: 25 %: sound: errors: as it was measured" in told
    assert "delay: keep version 1 warm" in told
    assert supply.registry.alias(MODEL, "champion") == "2"
    assert inspect(supply.store, supply.registry, (MODEL,)).findings == ()


def test_what_the_rules_refuse_asks_a_person_and_holds_the_share(tmp_path: Path) -> None:
    # Given a version that somebody rejects after its release started
    supply = supply_of(tmp_path)
    supply.begin()
    supply.reject(supply.registry.version(MODEL, "2"), "linus")
    # When the controller comes to give it a share
    run(supply, 5)
    # Then a person is asked, and the champion has everything
    at = standing(supply)
    assert at.state is State.ASKING
    assert "linus rejects version 2" in at.blocked
    assert supply.weights == {"1": 1.0}
    assert [outcome for _, _, outcome in supply.outcomes()] == ["done", "failed"]


def test_a_person_pauses_resumes_and_aborts_with_a_reason(tmp_path: Path) -> None:
    supply = supply_of(tmp_path)
    release = supply.begin().release
    run(supply, 4)
    with pytest.raises(BadInput, match="a reason is needed"):
        people.pause(supply.desk, release, "person:ada", " ")
    assert people.pause(supply.desk, release, "person:ada", "a deploy").state is State.PAUSED
    held = supply.weights
    run(supply, 20)
    assert supply.weights == held
    assert supply.route.renewed_until is not None
    assert supply.route.renewed_until > supply.clock.now() - MINUTE
    with pytest.raises(Refused, match="release delay-1 cannot be paused: it is paused: person:ada: a deploy"):
        people.pause(supply.desk, release, "person:joe", "me too")
    assert people.resume(supply.desk, release, "person:ada", "deployed").state is State.RUNNING
    assert people.abort(supply.desk, release, "person:ada", "wrong data").order is not None
    with pytest.raises(Refused, match="it is to end: aborted by person:ada: wrong data"):
        people.abort(supply.desk, release, "person:ada", "wrong data")
    run(supply, 1)
    assert standing(supply).state is State.ABORTED
    assert supply.weights == {"1": 1.0}
    with pytest.raises(BadInput, match="there is no release 'delay-7'"):
        people.resume(supply.desk, "delay-7", "person:ada", "x")


def test_a_rollback_by_hand_with_the_controller_dead_ends_the_release(tmp_path: Path) -> None:
    # Given a release whose challenger is champion, a controller that is gone, and a registry that is away
    supply = supply_of(tmp_path)
    supply.begin()
    run(supply, 7)
    assert standing(supply).state is State.PROMOTED
    supply.registry.reachable = False
    # When a person rolls back
    supply.roll_back()
    # Then the champion of before serves, and whichever controller comes next leaves it so
    assert supply.weights == {"1": 1.0}
    supply.controller = supply.new_controller()
    run(supply, 3)
    assert standing(supply).state is State.ROLLED_BACK
    assert supply.weights == {"1": 1.0}


def test_a_rejected_champion_of_before_comes_back_nevertheless_and_it_shows(tmp_path: Path) -> None:
    supply = supply_of(tmp_path)
    supply.begin()
    run(supply, 7)
    supply.reject(supply.registry.version(MODEL, "1"), "linus")
    supply.scripted.see = good_until("full")
    run(supply, 1)
    assert supply.weights == {"1": 1.0}
    assert supply.ledger.champion is not None
    assert "release delay-1 rolls back: full: harm" in str(supply.ledger.champion.override)


def test_a_start_is_refused_with_the_reason_and_the_way_out(tmp_path: Path) -> None:
    supply = ReleaseSupply(tmp_path, ALL_GOOD)

    def begin(version: str, traffic: Traffic = BUSY) -> None:
        arms = {"challenger": version}
        people.start(supply.desk, MODEL, arms, traffic, plenty, "person:ada", "go")

    with pytest.raises(Refused, match="no version serves yet"):
        begin("1")
    supply.champion_and_challenger()
    with pytest.raises(BadInput, match="version 1 is champion already"):
        begin("1")
    with pytest.raises(BadInput, match="delay has no version 9"):
        begin("9")
    supply.register()
    with pytest.raises(Refused, match="version 3 has no verdict"):
        begin("3")
    with pytest.raises(Refused, match="cannot decide this plan") as caught:
        begin("2", Traffic(0.001, 0.0))
    assert "more patience (shadow 35h, 5 % 29d" in caught.value.way_out
    with pytest.raises(Refused, match=r"today's traffic \(0 requests/s\)") as caught:
        begin("2", Traffic(0.0, 0.0))
    assert caught.value.way_out.startswith("--traffic N")
    begin("2")
    with pytest.raises(Refused, match="version 2 is under release already"):
        begin("2")


def test_of_two_controllers_one_acts(tmp_path: Path) -> None:
    supply = supply_of(tmp_path)
    supply.begin()
    other = supply.new_controller()
    run(supply, 1)
    asked = supply.scripted.asked
    supply.clock.advance(timedelta(seconds=-55))
    assert other.run_pass() == ()
    assert (other.term, supply.scripted.asked) == (None, asked)
    # And when the leader says goodbye, the other one goes on at once
    supply.controller.resign()
    other.run_pass()
    assert other.term is not None
    assert other.term.number == 2


def test_a_database_that_is_away_stops_nothing_for_good(tmp_path: Path) -> None:
    from headgate.testing.release_supply import lost_at

    supply = supply_of(tmp_path)
    supply.begin()
    supply.faulty.fault = lost_at(supply.faulty.appends + 1, "before")
    (part,) = supply.controller.run_pass()
    assert "not done: the database was lost" in part.trouble
    run(supply, 14)
    assert standing(supply).state is State.FINISHED


def test_an_append_by_somebody_else_in_between_is_read_before_anything_is_done(tmp_path: Path) -> None:
    # Given a person who pauses the release just before the controller's move is recorded
    supply = supply_of(tmp_path)
    release = supply.begin().release
    run(supply, 1)
    at = supply.faulty.appends + 1

    def pause(number: int, when: str) -> None:
        if (number, when) == (at, "before"):
            people.pause(supply.desk, release, "person:ada", "stop")

    supply.faulty.fault = pause
    # When the controller tries to raise the share
    run(supply, 5)
    # Then its move is not recorded, and the release is held
    assert standing(supply).state is State.PAUSED
    assert supply.weights == {"1": 1.0}
    kinds = [event.kind for event in supply.store.read(stream_of(MODEL)) if event.kind != events.EVIDENCE]
    assert kinds[-1] == events.PAUSED


AB = {
    "strategy": "ab",
    "shadow": None,
    "ab": {"decide": "hits", "arms": {"champion": 0.4, "bold": 0.3, "shy": 0.3}, "hold": "2m", "horizon": "2d"},
    "guards": {"business": {"hits": {"metric": "precision", "margin": 0.02}}},
}


def ab_supply(folder: Path, see: See, **ab: object) -> ReleaseSupply:
    said = {**AB, "ab": {**AB["ab"], **ab}}  # type: ignore[dict-item]
    supply = supply_of(folder, see, **said)
    third = supply.register()
    supply.judge(third)
    supply.approve(third)
    arms = {"bold": "2", "shy": "3"}
    people.start(supply.desk, MODEL, arms, BUSY, plenty, "person:ada", "which text sells")
    return supply


def test_an_ab_test_serves_its_arms_and_ends_with_the_better_one(tmp_path: Path) -> None:
    # Given two arms of which one is better after a while
    better = weigh([Reading("hits", required=True, verdict=Verdict.SOUND, why="+3 points", arm="shy")], START, 5000)
    won = replace(better, winner="shy")
    supply = ab_supply(tmp_path, verdicts({"A/B": better, "full": GOOD}))
    # When it runs
    run(supply, 1)
    # Then each has its share, under one salt, and the better one becomes champion
    assert supply.weights == {"1": 0.4, "2": 0.3, "3": 0.3}
    salt = supply.route.salt
    supply.scripted.see = verdicts({"A/B": won, "full": GOOD})
    run(supply, 1)
    assert (supply.route.salt, supply.weights["3"]) == (salt, 0.3)
    run(supply, 2)
    assert supply.weights == {"3": 1.0}
    assert standing(supply).arm == "shy"


def test_an_arm_that_harms_is_taken_out_and_its_share_is_the_champions(tmp_path: Path) -> None:
    harm = Reading("errors", required=True, verdict=Verdict.HARM, why="9 % fail", arm="bold")
    fine = Reading("errors", required=True, verdict=Verdict.SOUND, why="1 % fail", arm="shy")
    supply = ab_supply(tmp_path, verdicts({"A/B": weigh([harm, fine], START, 5000)}))
    run(supply, 2)
    assert supply.weights == {"1": pytest.approx(0.7), "3": 0.3}


def test_a_bandits_shares_are_followed_and_nobody_changes_sides_for_it(tmp_path: Path) -> None:
    supply = ab_supply(tmp_path, verdicts({}), bandit="thompson", every="1m")
    supply.scripted.wish = {"champion": 0.2, "bold": 0.1, "shy": 0.7}
    run(supply, 1)
    salt = supply.route.salt
    run(supply, 2)
    assert supply.weights == pytest.approx({"1": 0.2, "2": 0.1, "3": 0.7})
    assert supply.route.salt == salt


def test_a_second_release_takes_the_firsts_place_where_the_policy_says_so(tmp_path: Path) -> None:
    # Given a release with a share, and another version that is to be released
    supply = supply_of(tmp_path, second_release="replace")
    supply.begin()
    run(supply, 3)
    third = supply.register()
    supply.judge(third)
    supply.approve(third)
    assert supply.begin("3").ahead == "delay-1"
    # When the controller runs once
    run(supply, 1)
    # Then the first gave everything back, and the second has begun
    assert [one.state for one in supply.releases.all] == [State.SUPERSEDED, State.RUNNING]
    assert supply.weights == {"1": 1.0}
    assert [one.version for one in supply.route.shadows] == ["3"]
