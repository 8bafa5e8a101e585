"""The controller is killed, and the database lost, at every write of whole releases: they end as they would have.

Each append is one effect or one intent, so before and after each append is between each pair of effects.
"""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from headgate.adapters.head.keeper import HeadKeeper
from headgate.adapters.sql.lease import SqlLeases
from headgate.adapters.sql.store import SqlEventStore
from headgate.base.errors import Unavailable
from headgate.loop.lease import Term
from headgate.release import release_steps as people
from headgate.release.evidence import Evidence, Reading, Verdict, weigh
from headgate.release.move import Act, State
from headgate.testing.clock import START, FakeClock
from headgate.testing.fakes import MemoryEventStore
from headgate.testing.release_supply import MINUTE, Faulty, KilledError, ReleaseSupply, killed_at, lost_at
from headgate.testing.release_world import See, verdicts

Fault = Callable[[int, str], Callable[[int, str], None]]
RUNGS = ("shadow", "5 %", "25 %", "full")


def saw(verdict: Verdict) -> Evidence:
    return weigh([Reading("errors", required=True, verdict=verdict, why="as it was measured")], START, 5000)


def harm_on(rung: str) -> See:
    return verdicts({**dict.fromkeys(RUNGS, saw(Verdict.SOUND)), rung: saw(Verdict.HARM)})


GOOD = verdicts(dict.fromkeys(RUNGS, saw(Verdict.SOUND)))
STORIES: dict[str, tuple[See, State, str]] = {
    "a good one": (GOOD, State.FINISHED, "2"),
    "harm in shadow": (harm_on("shadow"), State.ROLLED_BACK, "1"),
    "harm on a rung": (harm_on("25 %"), State.ROLLED_BACK, "1"),
    "harm as champion": (harm_on("full"), State.ROLLED_BACK, "1"),
    "aborted on a rung": (GOOD, State.ABORTED, "1"),
}
CLIMB = [Act.ADVANCE, Act.ADVANCE, Act.ADVANCE, Act.PROMOTE, Act.FINISH]
IN_PLAN = [{"1": 1.0}, {"2": 1.0}, {"1": 0.95, "2": 0.05}, {"1": 0.75, "2": 0.25}]


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> ReleaseSupply:
    """A release that was just started: the same for every case."""
    supply = ReleaseSupply(tmp_path_factory.mktemp("begun"), GOOD, MemoryEventStore(FakeClock()))
    supply.champion_and_challenger()
    supply.begin()
    return supply


def again(begun: ReleaseSupply, see: See) -> ReleaseSupply:
    """Return the same, with a journal of its own."""
    store = begun.faulty.store
    assert isinstance(store, MemoryEventStore)
    clock = FakeClock()
    supply = ReleaseSupply(begun.folder, see, store.copy(clock), clock)
    supply.registry = begun.registry
    supply.controller = supply.new_controller()
    return supply


def play(supply: ReleaseSupply, story: str) -> None:
    """Run passes until the release has ended; whoever is killed is followed by a new process."""
    for minute in range(40):
        try:
            supply.controller.run_pass()
        except KilledError:
            supply.controller = supply.new_controller()
        if not supply.releases.open:
            return
        if story == "aborted on a rung" and minute == 4:
            desk = replace(supply.desk, store=supply.faulty.store)  # a person's command is another process
            people.abort(desk, "delay-1", "person:ada", "wrong data")
        supply.clock.advance(MINUTE)
    raise AssertionError("the release did not end")


def moves(supply: ReleaseSupply) -> list[tuple[str, str, str]]:
    return [(key, act, outcome) for key, act, outcome in supply.outcomes()]


@pytest.fixture(scope="module", params=list(STORIES))
def story(request: pytest.FixtureRequest, begun: ReleaseSupply) -> tuple[str, list[tuple[str, str, str]], int]:
    """A story that nothing disturbs: its name, its moves, and how many times it wrote."""
    name = str(request.param)
    see, state, champion = STORIES[name]
    supply = again(begun, see)
    play(supply, name)
    assert supply.releases.all[0].state is state
    assert supply.weights == {champion: 1.0}
    return name, moves(supply), supply.faulty.appends


@pytest.mark.parametrize("fault", [killed_at, lost_at], ids=["killed", "database lost"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_it_ends_as_it_would_have_wherever_it_was_cut(
    begun: ReleaseSupply, story: tuple[str, list[tuple[str, str, str]], int], fault: Fault, when: str
) -> None:
    name, undisturbed, writes = story
    see, state, champion = STORIES[name]
    assert writes >= 4
    for number in range(1, writes + 1):
        supply = again(begun, see)
        supply.faulty.fault = fault(number, when)
        play(supply, name)
        cut = f"{name}, {when} write {number}"
        assert supply.releases.all[0].state is state, cut
        assert supply.weights == {champion: 1.0}, cut
        assert supply.route.shadows == (), cut
        assert moves(supply) == undisturbed, cut
        assert [shares for shares in supply.faulty.shares if shares not in IN_PLAN] == [], cut
        moved = [event.body["to"] for event in supply.store.read(kinds=["pointer.moved"])][1:]
        assert moved == {"2": ["2"], "1": ["2", "1"] if name == "harm as champion" else []}[champion], cut
        assert supply.faulty.appends >= number, cut
        assert supply.started == (3 if fault is killed_at else 2), cut


def test_a_lease_that_cannot_be_kept_is_taken_again(begun: ReleaseSupply, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a controller whose lease cannot be renewed every other time
    supply = again(begun, GOOD)
    real, calls = supply.leases.renew, list[Term]()

    def renew(term: Term, span: timedelta) -> Term:
        calls.append(term)
        if len(calls) % 2:
            raise Unavailable("the database was lost", where="a test")
        return real(term, span)

    monkeypatch.setattr(supply.leases, "renew", renew)
    # When it runs
    play(supply, "a good one")
    # Then the release ends, under rising terms
    assert supply.releases.all[0].state is State.FINISHED
    assert supply.controller.term is not None
    assert supply.controller.term.number > 2
    assert len({act for key, act, _ in moves(supply)}) == 3


@pytest.mark.parametrize("when", ["before", "after"])
def test_on_a_database_it_ends_as_it_would_have_wherever_it_was_killed(tmp_path: Path, when: str) -> None:
    # Given a release that was just started, in SQLite, as often as the controller will write
    first = on_sqlite(tmp_path / "first")
    first.champion_and_challenger()
    first.begin()
    first.faulty.store.close()  # type: ignore[attr-defined]
    number, writes = 0, 1
    while number < writes:
        # When its controller is killed at one of its writes
        number += 1
        shutil.copytree(tmp_path / "first", tmp_path / f"{number}")
        supply = on_sqlite(tmp_path / f"{number}")
        supply.faulty.fault = killed_at(number, when)
        play(supply, "a good one")
        writes = supply.faulty.appends - (when == "before")
        # Then it ends as it would have
        cut = f"{when} write {number} of {writes}"
        assert supply.releases.all[0].state is State.FINISHED, cut
        assert (supply.weights, supply.route.shadows) == ({"2": 1.0}, ()), cut
        assert [act for _, act, _ in supply.outcomes()] == CLIMB, cut
        assert [shares for shares in supply.faulty.shares if shares not in IN_PLAN] == [], cut
        assert supply.started == 3, cut
        term = supply.leases.read("controller")
        assert term is not None
        over = number == writes and when == "after"  # nothing was left for whoever came next
        assert (term.number, term.holder) == ((1, "process-2") if over else (2, "process-3")), cut
        supply.faulty.store.close()  # type: ignore[attr-defined]
    assert number > 10


class Through(SqlLeases):
    """Leases in the database, of leaders whose writes may fail."""

    def __init__(self, store: SqlEventStore, faulty: Faulty) -> None:
        super().__init__(store)
        self._faulty = faulty

    def under(self, term: Term) -> Faulty:
        self._faulty.store = super().under(term)
        return self._faulty


def on_sqlite(folder: Path) -> ReleaseSupply:
    """Return a project whose journal and leases are in a file; a lease is over at once, as real time stands still."""
    clock, head = FakeClock(), HeadKeeper(folder / "head.json", folder / "head.pem")
    store = SqlEventStore(f"sqlite:///{folder}/journal.db", clock, head)
    supply = ReleaseSupply(folder, GOOD, store, clock)
    supply.leases, supply.span = Through(store, supply.faulty), timedelta(0)
    supply.controller = supply.new_controller()
    return supply
