"""One pass over releases: wherever it is killed, the release ends as it would have, and no move is made twice."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.loop.control import Facts, explain, plan_pass
from headgate.loop.effect import Finish, KeepWarm, MovePointer, RenewLease, RollBack, SetShares
from headgate.release import events
from headgate.release.evidence import Evidence, Reading, Verdict, weigh
from headgate.release.move import Act, State
from headgate.release.standing import Standing
from headgate.testing.clock import START
from headgate.testing.release_world import KilledError, ReleaseWorld, verdicts
from headgate.testing.releases import plan_of

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
RUNGS = ("shadow", "5 %", "25 %", "full")


def saw(verdict: Verdict) -> Evidence:
    return weigh([Reading("errors", required=True, verdict=verdict, why="because")], START, 5000)


GOOD, BAD, UNCLEAR = (saw(verdict) for verdict in (Verdict.SOUND, Verdict.HARM, Verdict.UNSURE))
PATHS = {
    "good": dict.fromkeys(RUNGS, GOOD),
    "harm in shadow": {"shadow": BAD},
    "harm at 5 %": {"shadow": GOOD, "5 %": BAD},
    "harm at 25 %": {**dict.fromkeys(RUNGS, GOOD), "25 %": BAD},
    "harm when full": {**dict.fromkeys(RUNGS, GOOD), "full": BAD},
    "silence": {},
    "stuck": {"shadow": GOOD, "5 %": UNCLEAR},
}


def world_of(path: str) -> ReleaseWorld:
    plan = plan_of(watch="2h", ask_for="2h")
    world = ReleaseWorld(plan, verdicts(PATHS[path]))
    world.start(plan)
    return world


@dataclass(frozen=True)
class End:
    """How a release went."""

    state: State
    champion: str
    made: tuple[tuple[str, Act, int], ...]
    arms: tuple[tuple[str, float], ...]
    shadows: int


def end_of(world: ReleaseWorld) -> End:
    arms = tuple((arm.version, arm.weight) for arm in world.route.arms)
    return End(world.standing().state, world.champion, tuple(world.made), arms, len(world.route.shadows))


def play(path: str, kills: list[int]) -> End:
    """Play a release to its end, with the controller killed after so many pieces of work, again and again."""
    world = world_of(path)
    for kill in kills:
        world.fuse = kill
        try:
            world.run(10 * DAY, 10 * MINUTE)
        except KilledError:
            check_shares(world)
            world.restart()
    world.fuse = None
    world.run(10 * DAY, 10 * MINUTE)
    world.restart()
    assert world.standing().reported
    return end_of(world)


def check_shares(world: ReleaseWorld) -> None:
    """Whatever happened, the arms are those of a rung, or the champion alone."""
    shares = {arm.name: arm.weight for arm in world.route.arms}
    assert shares in [dict(rung.shares) for rung in world.standing().plan.rungs]


UNDISTURBED = {path: play(path, []) for path in PATHS}


def test_undisturbed_releases_end_as_they_should() -> None:
    states = {path: end.state for path, end in UNDISTURBED.items()}
    assert states.pop("good") is State.FINISHED
    assert set(states.values()) == {State.ROLLED_BACK}
    assert {end.champion for path, end in UNDISTURBED.items() if path != "good"} == {"1"}
    assert all(end.arms in {(("1", 1.0),), (("2", 1.0),)} and not end.shadows for end in UNDISTURBED.values())


@pytest.mark.parametrize("path", PATHS)
def test_a_kill_between_any_two_pieces_of_work_changes_nothing(path: str) -> None:
    for kill in range(0, 40, 2 if path in {"silence", "stuck"} else 1):
        assert play(path, [kill]) == UNDISTURBED[path], kill


@settings(max_examples=30)
@given(st.sampled_from(sorted(PATHS)), st.lists(st.integers(0, 8), max_size=12))
def test_no_series_of_kills_makes_a_move_twice(path: str, kills: list[int]) -> None:
    end = play(path, kills)
    assert end == UNDISTURBED[path]
    assert len({(act, rung) for _, act, rung in end.made}) == len(end.made)


def killed_at(path: str, act: Act, pieces: int) -> ReleaseWorld:
    """Return the world as it is when the controller dies in the middle of a move."""
    world = world_of(path)
    while True:
        state = world.releases
        effects = plan_pass(state, facts_of(world), world.now)
        if any(getattr(effect, "intent", None) and effect.intent.move.act is act for effect in effects):  # type: ignore[union-attr]
            world.fuse = pieces
            with pytest.raises(KilledError):
                world.tick()
            world.restart()
            return world
        world.tick()
        world.now += 10 * MINUTE


def facts_of(world: ReleaseWorld) -> Facts:
    seen = {one.release: found for one in world.releases.open if (found := world.see(one, world.now))}
    return Facts(world.route, seen)


@pytest.mark.parametrize(
    ("act", "kind"),
    [(Act.ADVANCE, SetShares), (Act.PROMOTE, MovePointer), (Act.FINISH, Finish)],
)
@pytest.mark.parametrize("pieces", [1, 2])
def test_an_open_intent_comes_back_with_its_key_before_anything_else(act: Act, kind: type, pieces: int) -> None:
    world = killed_at("good", act, pieces)
    pending = world.standing().pending
    assert pending is not None
    world.see = verdicts({})  # whatever is seen now
    effects = plan_pass(world.releases, facts_of(world), world.now)
    assert isinstance(effects[0], kind)
    assert all(isinstance(effect, RenewLease | KeepWarm) for effect in effects[1:])
    assert effects[0].intent == pending  # type: ignore[union-attr]


def test_harm_goes_before_an_open_intent_that_would_raise_a_share() -> None:
    # Given a controller that died between the intent to raise the share and the doing
    world = killed_at("good", Act.ADVANCE, 1)
    world.tick()
    world = killed_at("good", Act.PROMOTE, 1)
    # When harm is seen before it comes back
    world.see = verdicts(dict.fromkeys(RUNGS, BAD))
    (effect,) = plan_pass(world.releases, facts_of(world), world.now)
    # Then the share is not raised
    assert isinstance(effect, RollBack)
    world.tick()
    assert (world.standing().state, world.champion) == (State.ROLLED_BACK, "1")
    assert Act.PROMOTE not in {act for _, act, _ in world.made}


def test_an_order_to_end_goes_before_an_open_intent_that_would_raise_a_share() -> None:
    world = killed_at("good", Act.ADVANCE, 1)
    world.record(events.aborted("r1", "person:ada", "no"))
    world.tick()
    assert world.standing().state is State.ABORTED


def test_promoted_but_not_recorded_so_is_promoted_once() -> None:
    world = killed_at("good", Act.PROMOTE, 2)
    assert (world.champion, world.standing().state) == ("2", State.PROMOTED)
    world.tick()
    assert world.standing().pending is None
    assert [act for _, act, _ in world.made].count(Act.PROMOTE) == 1


def test_a_lease_is_renewed_when_it_is_due_and_only_by_its_own_release() -> None:
    world = world_of("stuck")
    world.run(HOUR, 10 * MINUTE)
    until = world.route.renewed_until
    assert until is not None
    for early, due in ((timedelta(seconds=46), False), (timedelta(seconds=45), True)):
        effects = plan_pass(world.releases, facts_of(world), until - early)
        assert any(isinstance(effect, RenewLease) for effect in effects) is due
    stranger = Facts(world.route.__class__.from_json({**world.route.to_json(), "release": "r9"}))
    assert not any(isinstance(one, RenewLease) for one in plan_pass(world.releases, stranger, until))


def test_a_lease_is_renewed_while_a_raise_that_was_decided_cannot_be_made() -> None:
    world = killed_at("good", Act.PROMOTE, 1)
    until = world.route.renewed_until
    assert until is not None
    effects = plan_pass(world.releases, facts_of(world), until)
    assert [type(effect) for effect in effects] == [MovePointer, RenewLease]
    world.see = verdicts(dict.fromkeys(RUNGS, BAD))
    assert not any(isinstance(one, RenewLease) for one in plan_pass(world.releases, facts_of(world), until))


def test_the_old_champion_is_kept_warm_until_the_watch_is_over() -> None:
    world = world_of("good")
    while world.standing().state is not State.PROMOTED:
        world.tick()
        world.now += 10 * MINUTE
    (warm, *_) = plan_pass(world.releases, facts_of(world), world.now)
    assert isinstance(warm, KeepWarm)
    assert (warm.wish.versions, warm.wish.shadows) == ({"previous": "1"}, {"previous": 0.05})
    world.tick()
    assert not any(isinstance(effect, KeepWarm) for effect in world.tick())


def test_a_verdict_that_wavers_is_recorded_once_a_minute() -> None:
    world = world_of("stuck")
    world.run(HOUR, 10 * MINUTE)

    def waver(_at: Standing, now: datetime) -> Evidence:
        sound = int(now.timestamp()) % 2 == 0
        return weigh([Reading("errors", required=True, verdict=Verdict("sound" if sound else "unsure"), why="w")], now)

    world.see = waver
    before = len(world.journal)
    for _ in range(300):
        world.tick()
        world.now += timedelta(seconds=1)
    recorded = [event for event in world.journal[before:] if event.kind == events.EVIDENCE]
    assert 1 <= len(recorded) <= 6


@pytest.mark.parametrize("path", PATHS)
def test_what_is_explained_is_what_is_done(path: str) -> None:
    world, said = world_of(path), list[str]()
    for _ in range(1000):
        planned = plan_pass(world.releases, facts_of(world), world.now)
        done = world.tick()
        assert planned == done
        said += [explain(effect) for effect in done]
        world.now += 10 * MINUTE
        if not world.releases.open and not planned:
            break
    assert all(line.startswith("late: ") for line in said)
    assert "late: set the shares champion 100 %, challenger copies of 100 %: begins with shadow" in said
    assert said[-1] == "late: store the report of release r1"
