"""`headgate release` and `promote` as people type them, on a real journal; only the registry is in memory."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from headgate.cli import approve, audit, promote, release, status, tick
from headgate.predictions.rollup import Key, Row
from headgate.release.evidence import Evidence, Reading, Verdict, weigh
from headgate.release.standing import Standing
from headgate.testing.clock import FakeClock
from headgate.testing.registry import MemoryRegistry
from headgate.testing.release_supply import MINUTE, Scripted, release_policy
from headgate.testing.supply import MODEL, Supply
from headgate.wiring import Project

Command = Callable[..., Result]
NOISY = Reading(
    "errors", required=True, verdict=Verdict.SOUND, why="1.0 % fail, 1.1 % of the champion's", champion=0.011,
    challenger=0.010, estimate=0.91, lower=0.6, upper=1.4, requests=1200,
)  # fmt: skip


def sees(at: Standing, _now: object) -> Evidence | None:
    return weigh([NOISY], at.since, 1200) if at.rung >= 0 else None


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    one = FakeClock()
    real = Project.open.__func__  # type: ignore[attr-defined]
    monkeypatch.setattr(Project, "open", classmethod(lambda cls, folder, clock=None: real(cls, folder, clock or one)))
    return one


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> Path:
    policy = release_policy().model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    (tmp_path / "headgate.yaml").write_text(yaml.safe_dump(policy))
    registry = MemoryRegistry(tmp_path / "registry")
    monkeypatch.setattr(Project, "registry", lambda _: registry)
    monkeypatch.setattr(Project, "judge", lambda _: Scripted(sees))
    monkeypatch.setenv("HEADGATE_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("COLUMNS", "240")
    monkeypatch.setenv("HEADGATE_ACTOR", "grace")
    project = Project.open(tmp_path)
    supply = Supply(project.state, project.policy, project.journal())
    supply.clock, supply.registry, supply.keeps_bundles = clock, registry, True
    supply.promote(supply.ready())
    second = supply.register()
    supply.judge(second)
    supply.approve(second)
    return tmp_path


@pytest.fixture
def headgate(folder: Path) -> Command:
    app = typer.Typer()
    for noun in (approve, audit, promote, release, status, tick):
        noun.attach(app)
    return lambda *words: CliRunner().invoke(app, [*words, "-C", str(folder)])


def serve(folder: Path, seconds: int = 600, per_second: int = 100) -> None:
    """Leave the rollups of ten minutes of traffic."""
    project = Project.open(folder)
    now = int(project.clock.now().timestamp())
    keys = [Key(now - ago, MODEL, "1", "champion", "live") for ago in range(seconds, 0, -1)]
    project.rollups().add([Row(key, per_second, 1, {700: per_second}) for key in keys])


def data(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def passes(headgate: Command, clock: FakeClock, number: int) -> Sequence[str]:
    told = []
    for _ in range(number):
        clock.advance(MINUTE)
        told.append(headgate("tick").output)
    return told


def test_promote_starts_a_release_that_ticks_carry_to_the_end(
    headgate: Command, folder: Path, clock: FakeClock
) -> None:
    serve(folder)
    begun = headgate("promote", "2", "--because", "it is better")
    assert begun.exit_code == 0, begun.output
    assert "release delay-1 started" in begun.output
    assert "at 100 requests/s" in begun.output
    assert "headgate release watch delay-1" in begun.output
    told = passes(headgate, clock, 3)
    assert "set the shares champion 100 %, challenger copies of 100 %: begins with shadow" in told[0]
    shown = headgate("release", "show").output
    for line in ("running, on 5 % (2 of 4)", "version 2", "95.0%", "1.0 % fail", "0.6 - 1.4", "sound", "holds until"):
        assert line in shown
    (listed,) = data(headgate("release", "list", "--json"))
    assert (listed["state"], listed["waits_for"], listed["shares"]) == ("running", "evidence", {"1": 0.95, "2": 0.05})
    status = headgate("status").output
    assert "release delay-1: running, on 5 %" in status
    assert "nothing: release delay-1 runs" in status
    passes(headgate, clock, 9)
    ended = headgate("release", "watch", "delay-1").output
    assert "delay-1 finished" in ended
    assert data(headgate("release", "list", "--json")) == []
    assert [one["state"] for one in data(headgate("release", "list", "--all", "--json"))] == ["finished"]
    assert data(headgate("audit", "--json"))["holds"] is True


def test_what_traffic_cannot_decide_is_refused_with_the_nearest_plan(headgate: Command, folder: Path) -> None:
    nothing = headgate("release", "start", MODEL, "2", "--because", "go")
    assert nothing.exit_code == 3
    assert "today's traffic (0 requests/s) cannot decide this plan" in nothing.output
    assert "--traffic N" in nothing.output
    little = headgate("release", "start", MODEL, "2", "--because", "go", "--traffic", "0.05")
    assert little.exit_code == 3
    assert "more patience (shadow" in little.output
    asked = data(headgate("release", "start", MODEL, "2", "--because", "go", "--traffic", "50", "--dry-run", "--json"))
    assert asked["started"] is False
    assert [one["name"] for one in asked["rungs"]] == ["shadow", "5 %", "25 %", "full"]
    assert all(one["enough"] for one in asked["rungs"])
    assert data(headgate("release", "list", "--all", "--json")) == []
    assert headgate("release", "start", MODEL, "--because", "go").exit_code == 4
    assert "no releases run" in headgate("release", "watch").output


def test_people_hold_a_release_let_it_go_on_and_end_it(headgate: Command, folder: Path, clock: FakeClock) -> None:
    headgate("promote", "2", "--because", "it is better", "--traffic", "500")
    passes(headgate, clock, 2)
    held = headgate("release", "pause", "delay-1", "--because", "a [deploy]")
    assert "paused, on 5 %" in held.output
    assert data(headgate("release", "show", "--json"))["waits_for"] == "a person"
    assert headgate("release", "pause", "delay-1", "--because", "again").exit_code == 3
    assert "running, on 5 %" in headgate("release", "resume", "delay-1", "--because", "deployed").output
    assert (
        "aborted by person:grace: wrong data"
        in headgate("release", "abort", "delay-1", "--because", "wrong data").output
    )
    passes(headgate, clock, 1)
    assert data(headgate("release", "show", "delay-1", "--json"))["state"] == "aborted"
    assert headgate("release", "show", "delay-9").exit_code == 4


def test_now_is_the_journalled_exception_and_ends_what_runs(headgate: Command, clock: FakeClock) -> None:
    headgate("promote", "2", "--because", "it is better", "--traffic", "500")
    passes(headgate, clock, 2)
    assert "an override" not in headgate("promote", "2", "--because", "x", "--override", "y", "--traffic", "5").output
    told = data(headgate("promote", "2", "--now", "--because", "it is on fire", "--json"))
    assert (told["version"], told["moved"]) == ("2", True)
    assert data(headgate("release", "show", "--json"))["state"] == "promoted"
    assert headgate("rollback", "--because", "worse").exit_code == 0
    assert data(headgate("release", "show", "delay-1", "--json"))["state"] == "rolled_back"


def test_a_tick_says_what_it_would_do(headgate: Command, folder: Path) -> None:
    headgate("promote", "2", "--because", "it is better", "--traffic", "500")
    assert "would: delay: set the shares champion 100 %, challenger copies" in headgate("tick", "--dry-run").output
    assert data(headgate("release", "show", "--json"))["rung"] == -1


def test_watching_prints_a_line_for_each_change(
    headgate: Command, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    headgate("promote", "2", "--because", "it is better", "--traffic", "500")
    monkeypatch.setattr(release, "SECONDS", 0.0)
    watched = release._watched

    def ticked(project: Project, name: str) -> Any:
        for one in watched(project, name):
            yield one
            passes(headgate, clock, 1)

    monkeypatch.setattr(release, "_watched", ticked)
    lines = [json.loads(line) for line in headgate("release", "watch", "--json").stdout.splitlines()]
    states = list(dict.fromkeys((one["state"], one["rung"]) for one in lines))
    assert states[0] == ("waiting", -1)
    assert states[-1] == ("finished", 3)
    assert [rung for state, rung in states if state == "running"] == [0, 1, 2]
    assert len(lines) < 20
