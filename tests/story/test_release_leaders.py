"""Two controllers with paused processes and clocks that differ: whatever overlaps, no move is made twice."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.loop.releases import Controller
from headgate.release.evidence import Evidence, Reading, Verdict, weigh
from headgate.release.move import Act, State
from headgate.release.standing import Standing
from headgate.release.steps import Desk
from headgate.testing.clock import START, FakeClock
from headgate.testing.fakes import MemoryEventStore
from headgate.testing.release_supply import ReleaseSupply
from headgate.testing.release_world import verdicts
from headgate.testing.supply import policy_of

SOUND = weigh([Reading("errors", required=True, verdict=Verdict.SOUND, why="as it was measured")], START, 5000)
GOOD = verdicts(dict.fromkeys(("shadow", "5 %", "25 %", "full"), SOUND))
NO_MODELS = policy_of().model_copy(update={"models": {}})
IN_PLAN = [{"1": 1.0}, {"2": 1.0}, {"1": 0.95, "2": 0.05}, {"1": 0.75, "2": 0.25}]
CLIMB = [Act.ADVANCE, Act.ADVANCE, Act.ADVANCE, Act.PROMOTE, Act.FINISH]


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> ReleaseSupply:
    supply = ReleaseSupply(tmp_path_factory.mktemp("begun"), GOOD, MemoryEventStore(FakeClock()))
    supply.champion_and_challenger()
    supply.begin()
    return supply


def again(begun: ReleaseSupply) -> ReleaseSupply:
    store, clock = begun.faulty.store, FakeClock()
    assert isinstance(store, MemoryEventStore)
    supply = ReleaseSupply(begun.folder, GOOD, store.copy(clock), clock)
    supply.registry = begun.registry
    return supply


class Dozing:
    """A judge during whose answer the process sleeps, when told to: for as long, and while whatever happens."""

    def __init__(self) -> None:
        self.meanwhile: list[Callable[[], object]] = []

    def evidence(self, at: Standing, now: datetime) -> Evidence:
        happens, self.meanwhile = self.meanwhile, []
        for one in happens:
            one()
        found = GOOD(at, now)
        assert found is not None
        return found

    def shares(self, _at: Standing, _now: datetime) -> dict[str, float]:
        return {}


class Pair:
    """Two processes on machines whose clocks are ahead or behind by seconds; the lease has a third clock."""

    def __init__(self, supply: ReleaseSupply, skews: tuple[int, int] = (0, 0)) -> None:
        self.supply = supply
        self.clocks = [FakeClock(START + timedelta(seconds=skew)) for skew in skews]
        self.judges = [Dozing(), Dozing()]
        self.controllers = [self._controller(number) for number in range(2)]

    def _controller(self, number: int) -> Controller:
        supply = self.supply
        desk = Desk(supply.store, supply.registry, self.clocks[number], supply.policy, supply.desk.bundles)
        return Controller(desk, supply.leases, self.judges[number], f"process-{number}")

    def wait(self, seconds: int) -> None:
        for clock in (*self.clocks, self.supply.clock):
            clock.advance(timedelta(seconds=seconds))


def test_who_slept_beyond_its_lease_is_refused_though_nobody_wrote_meanwhile(begun: ReleaseSupply) -> None:
    # Given a leader that falls asleep just before it would raise a share
    pair = Pair(again(begun))
    first, second = pair.controllers
    first.run_pass()
    pair.wait(61)
    journal = pair.supply.releases.sequence
    idle = Controller(replace(pair.supply.desk, policy=NO_MODELS), pair.supply.leases, pair.judges[1], "idle")
    pair.judges[0].meanwhile = [lambda: pair.wait(11), idle.run_pass]
    # When it wakes, and another one leads that has recorded nothing
    (part,) = first.run_pass()
    # Then its write is refused, and the journal is as it was
    assert "may record nothing: idle leads since, in term 2" in part.trouble
    assert (pair.supply.releases.sequence, first.term) == (journal, None)
    # And whoever leads next carries on
    pair.wait(11)
    second.run_pass()
    assert pair.supply.weights == {"1": 0.95, "2": 0.05}


SKEW = st.integers(-20, 20)
STEPS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 30), st.integers(1, 90)), min_size=10, max_size=40)


@given(st.tuples(SKEW, SKEW), STEPS)
def test_no_move_is_made_twice_however_two_controllers_overlap(
    begun: ReleaseSupply, skews: tuple[int, int], steps: list[tuple[int, int, int]]
) -> None:
    # Given passes of either controller; one that dozes off in the middle wakes after the other has acted
    pair = Pair(again(begun), skews)
    for who, dozes, seconds in steps:
        if dozes:
            pair.judges[who].meanwhile = [partial(pair.wait, dozes), pair.controllers[1 - who].run_pass]
        pair.controllers[who].run_pass()
        pair.judges[who].meanwhile = []
        pair.wait(seconds)
    # Then each move was made once and in order, whatever was recorded stands in the plan, and it goes on to its end
    for _ in range(60):
        pair.controllers[0].run_pass()
        pair.wait(30)
    assert [act for _, act, _ in pair.supply.outcomes()] == CLIMB
    assert pair.supply.releases.all[0].state is State.FINISHED
    assert all(shares in IN_PLAN for shares in pair.supply.faulty.shares)
