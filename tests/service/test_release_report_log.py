"""A report and a bandit on a real log: rollups, spooled predictions and outcomes of an A/B test in a project folder."""

import json
import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
import yaml
from typer.testing import CliRunner

from headgate.adapters.spool.writer import SpoolLog
from headgate.cli import release
from headgate.journal.event import NewEvent
from headgate.predictions.outcome import Outcome, micros
from headgate.predictions.redact import hasher
from headgate.predictions.rollup import Key, Row
from headgate.predictions.row import Answered, Layout, Source
from headgate.registry.field import Field
from headgate.release import events
from headgate.release.ledger import stream_of
from headgate.release.move import Act, Intent, Move, State
from headgate.release.plan import Side, make_plan
from headgate.release.report_steps import told_of
from headgate.release.standing import Standing
from headgate.testing.clock import START, FakeClock
from headgate.testing.release_supply import release_policy
from headgate.testing.supply import MODEL
from headgate.wiring import Project
from headgate.wiring.meeting import ProjectWitness

LAYOUT = Layout(MODEL, (Field("distance", "float64"), Field("origin", "string")), (Field("probability", "float32"),))
SECONDS, EACH = 120, 4
VERSIONS = {"champion": "1", "bold": "2"}
RATES = {"champion": 0.2, "bold": 0.6}
AB: dict[str, Any] = {
    "strategy": "ab",
    "shadow": None,
    "ab": {"arms": {"champion": 0.5, "bold": 0.5}, "decide": "sales", "bandit": "thompson", "every": "1m"},
    "guards": {"business": {"sales": {"metric": "conversion", "margin": 0.02, "maturity": "30s"}}},
}


def write_policy(folder: Path) -> None:
    policy = release_policy(**AB).model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    model = policy["models"][MODEL]
    model["release"]["shadow"] = None
    model["data"]["columns"]["origin"] = {"type": "string"}
    model["features"]["inputs"] = ["distance", "origin"]
    model["scorecard"].append({"kind": "segment", "by": "origin", "metric": "roc_auc", "at_least": 0.5})
    (folder / "headgate.yaml").write_text(yaml.safe_dump(policy))


def route(revision: int, shares: dict[str, float]) -> NewEvent:
    arms: list[Any] = [{"name": name, "version": VERSIONS[name], "weight": share} for name, share in shares.items()]
    return NewEvent("route.set", "process:controller", "as the rung says", {"revision": revision, "arms": arms})


def play(project: Project, clock: FakeClock) -> None:
    """Record a test that ran for two minutes, and was ended by a person."""
    plan = make_plan(MODEL, project.policy.models[MODEL], Side("1", "sha256:1"), {"bold": Side("2", "sha256:2")})
    store, at = project.journal(), 0
    begin = Intent("delay-1", 1, Move(Act.ADVANCE, "begins", 0))
    back = Intent("delay-1", 2, Move(Act.ROLL_BACK, "aborted by person:ada: enough", 0, end=State.ABORTED))

    def record(*new: NewEvent) -> None:
        nonlocal at
        at = store.append(stream_of(MODEL), at, new)[-1].sequence

    record(events.started("delay-1", plan, "person:ada", "which text sells"))
    record(NewEvent(events.INTENDED, "c", "begins", begin.to_json()), route(2, {"champion": 0.5, "bold": 0.5}))
    record(events.moved(begin, "c"))
    clock.advance(timedelta(seconds=SECONDS))
    record(NewEvent(events.INTENDED, "c", "ends", back.to_json()), route(3, {"champion": 1.0}))
    record(events.rolled_back(back, "c"))


def answer(project: Project) -> None:
    """Leave rollups, predictions and outcomes of both arms."""
    dice, outcomes, rows = np.random.default_rng(3), list[Outcome](), list[Row]()
    log = SpoolLog(project.spool(), {}, hasher(b"salt"))
    for second in range(SECONDS):
        time = START + timedelta(seconds=second, microseconds=500)
        for arm, version in VERSIONS.items():
            names = [f"{arm}-{second}-{at}" for at in range(EACH)]
            ids = [str(uuid.uuid5(uuid.NAMESPACE_OID, name)).encode() for name in names]
            origin = np.array(["SFO" if at % 2 else "JFK" for at in range(EACH)], np.object_)
            inputs = {"distance": np.ones(EACH), "origin": origin}
            outputs = {"probability": np.full(EACH, 0.5, np.float32)}
            source = Source(LAYOUT, version, arm)
            log.add(Answered(source, ids, None, micros(time), names, inputs, outputs, 200, 7))
            key = Key(int(time.timestamp()), MODEL, version, arm, "live")
            rows.append(Row(key, EACH, 0, {700: EACH}))
            for one in ids:
                good = bool(dice.random() < RATES[arm])
                said = micros(time) + 1_000_000
                outcomes.append(
                    Outcome(one.decode(), 0, "", "", None, str(good).lower(), float(good), said, said, "http")
                )
    log.close()
    project.rollups().add(rows)
    sink, done = project.outcome_sink(), threading.Event()
    sink.record(outcomes, lambda _error: done.set())
    assert done.wait(60)
    sink.close()


@pytest.fixture
def played(tmp_path: Path) -> tuple[Project, FakeClock]:
    clock = FakeClock()
    write_policy(tmp_path)
    project = Project.open(tmp_path, clock)
    play(project, clock)
    answer(project)
    clock.advance(timedelta(minutes=2))
    return project, clock


def test_a_report_holds_what_rollups_log_and_outcomes_say(
    played: tuple[Project, FakeClock], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, clock = played
    told = told_of(project.journal(), project.policy.models, "delay-1")
    meeting = ProjectWitness(project).meeting(told, clock.now())
    assert meeting.missing == []
    total = SECONDS * EACH
    assert [(one.arm, one.version, one.requests, one.units) for one in meeting.arms] == [
        ("bold", "2", total, total),
        ("champion", "1", total, total),
    ]
    assert meeting.explored is not None
    cells = {cell.value: cell for cell in meeting.explored.cells}
    assert set(cells) == {"SFO", "JFK"}
    assert all(cell.low < 0.4 < cell.high and cell.rows == total // 2 for cell in cells.values())
    alone = meeting.explored.alone or {}
    assert alone["bold"].snips == pytest.approx(RATES["bold"], abs=0.08)
    assert alone["champion"].snips == pytest.approx(RATES["champion"], abs=0.08)
    # And the command writes it as a page
    real: Callable[..., Project] = Project.open.__func__  # type: ignore[attr-defined]
    monkeypatch.setattr(Project, "open", classmethod(lambda cls, folder, given=None: real(cls, folder, given or clock)))
    app = typer.Typer()
    release.attach(app)
    page = tmp_path / "out" / "page.html"
    asked = ["release", "report", "delay-1", "-C", str(tmp_path), "--html", str(page), "--json"]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["html"] == str(page)
    assert "Segments (exploratory)" in page.read_text()
    text = CliRunner().invoke(app, asked[:5]).output
    assert "Each arm alone" in text
    unknown = CliRunner().invoke(app, ["release", "report", "delay-9", "-C", str(tmp_path)])
    assert (unknown.exit_code, "there is no release 'delay-9'" in unknown.output) == (4, True)


def test_what_cannot_be_read_is_said_and_the_rest_is_there(played: tuple[Project, FakeClock]) -> None:
    project, clock = played
    (project.state / "rollups.db").write_bytes(b"no database at all, but long enough to be looked at" * 100)
    told = told_of(project.journal(), project.policy.models, "delay-1")
    meeting = ProjectWitness(project).meeting(told, clock.now() + timedelta(days=9))
    assert any("rollups cannot be read" in one for one in meeting.missing)
    assert any("kept for seven days" in one for one in meeting.missing)
    assert meeting.explored is not None


def test_the_projects_judge_asks_for_the_bandits_shares(played: tuple[Project, FakeClock]) -> None:
    project, _ = played
    plan = told_of(project.journal(), project.policy.models, "delay-1").plan
    at = Standing("delay-1", plan, State.RUNNING, "1", START, START, START, 0)
    judge, now = project.judge(), START + timedelta(minutes=3)
    assert judge.shares(at, now) == {}  # two of three windows are read
    assert judge.shares(at, now) == pytest.approx({"champion": 0.05, "bold": 0.95})
