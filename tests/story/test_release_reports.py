"""Reports of releases that ended: stored once with the version, due for as long as the registry is away."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from headgate.base.errors import BadInput, HeadgateError, Unavailable
from headgate.release import release_steps as people
from headgate.release.chronicle import Chronicle
from headgate.release.evidence import Reading, Verdict, weigh
from headgate.release.meeting import Meeting, Met
from headgate.release.move import State
from headgate.release.report_steps import AGAIN, FINAL, Keeper, Reports, told_of
from headgate.release.standing import Standing
from headgate.testing.clock import START
from headgate.testing.release_supply import MINUTE, ReleaseSupply
from headgate.testing.release_world import verdicts
from headgate.testing.supply import MODEL

GOOD, BAD = (
    weigh([Reading("errors", required=True, verdict=verdict, why="as measured")], START, 5_000)
    for verdict in (Verdict.SOUND, Verdict.HARM)
)


class Counting:
    """Says that forty requests met the challenger, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def meeting(self, told: Chronicle, now: datetime) -> Meeting:
        self.asked += told.ended is None or now >= told.ended
        return Meeting([Met("challenger", "2", "live", 40, 1, 7)])


class Told:
    def __init__(self, folder: Path, **by_rung: Any) -> None:
        self.supply = ReleaseSupply(folder, verdicts({"shadow": GOOD, "5 %": GOOD, "25 %": BAD, **by_rung}))
        self.supply.champion_and_challenger()
        self.witness, self.folder = Counting(), folder
        self.reports = self.again()

    def again(self) -> Reports:
        """Return what a process that has just started has."""
        supply = self.supply
        keeper = Keeper(supply.store, supply.registry, self.folder / "reports", self.witness, supply.clock)
        return Reports(supply.store, [MODEL], keeper, supply.clock)

    def run(self, minutes: int) -> list[str]:
        found = list[str]()
        for _ in range(minutes):
            self.supply.controller.run_pass()
            found += self.reports.run()
            self.supply.clock.advance(MINUTE)
        return found

    @property
    def stored(self) -> list[str]:
        place = self.folder / "registry" / MODEL / "2" / "releases" / "delay-1"
        return sorted(file.name for file in place.iterdir()) if place.exists() else []

    @property
    def recorded(self) -> list[Any]:
        return [event.body for event in self.supply.store.read(kinds=["release.reported"])]


def test_a_release_that_ended_is_reported_once_with_its_version(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.supply.begin()
    assert told.run(60) == ["delay-1"]
    assert told.supply.releases.all[0].reported
    assert told.recorded == [{"release": "delay-1", "folder": "releases/delay-1"}]
    assert told.stored == ["report.html", "report.md"]
    text = (tmp_path / "reports" / MODEL / "releases" / "delay-1" / "report.md").read_text()
    assert "| challenger | 2 | answered | 40 | 1 | 7 |" in text
    assert "**rolled back: 25 %: harm: errors: as measured**" in text
    assert told.again().run() == []
    assert told.witness.asked == 1


def test_a_registry_that_is_away_keeps_it_due_and_the_local_copy_is_there(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.supply.begin()
    for _ in range(60):
        told.supply.controller.run_pass()
        told.supply.clock.advance(MINUTE)
    assert told.supply.releases.all[0].state is State.ROLLED_BACK
    told.supply.registry.reachable = False
    reports = told.again()
    with pytest.raises(Unavailable):
        reports.run()
    assert (tmp_path / "reports" / MODEL / "releases" / "delay-1" / "report.html").is_file()
    assert told.recorded == []
    with pytest.raises(Unavailable):
        reports.run()
    assert told.witness.asked == 1  # it is said again, and tried again in a minute
    told.supply.registry.reachable = True
    told.supply.clock.advance(AGAIN)
    assert reports.run() == ["delay-1"]
    assert len(told.recorded) == 1


def test_it_waits_until_what_was_answered_is_known_and_nothing_runs_is_reported(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.supply.begin()
    told.run(2)
    assert told.recorded == []
    people.abort(told.supply.desk, "delay-1", "person:ada", "wrong data")
    told.supply.controller.run_pass()
    assert told.supply.releases.all[0].state is State.ABORTED
    assert told.reports.run() == []
    told.supply.clock.advance(FINAL)
    assert told.reports.run() == ["delay-1"]


def test_a_release_that_nobody_knows_has_no_report(tmp_path: Path) -> None:
    told = Told(tmp_path)
    with pytest.raises(BadInput, match="no release 'delay-9'"):
        told_of(told.supply.store, [MODEL], "delay-9")
    with pytest.raises(BadInput, match="no release 'delay-9'"):
        Keeper(told.supply.store, told.supply.registry, tmp_path, told.witness, told.supply.clock).write(
            MODEL, "delay-9"
        )


def test_a_release_that_cannot_be_told_keeps_no_other_from_being_told(tmp_path: Path) -> None:
    told = Told(tmp_path)
    for release in ("delay-1", "delay-2"):
        told.supply.begin()
        told.supply.controller.run_pass()
        people.abort(told.supply.desk, release, "person:ada", "wrong data")
        told.supply.controller.run_pass()
    assert [one.state for one in told.supply.releases.all] == [State.ABORTED] * 2
    told.supply.clock.advance(FINAL)

    class Narrow:
        def store(self, at: Standing) -> str:
            if at.release == "delay-1":
                raise KeyError("until")
            return "releases/delay-2"

    reports = Reports(told.supply.store, [MODEL], Narrow(), told.supply.clock)
    with pytest.raises(HeadgateError, match="a fault of Headgate: KeyError: 'until'"):
        reports.run()
    assert [body["release"] for body in told.recorded] == ["delay-2"]
