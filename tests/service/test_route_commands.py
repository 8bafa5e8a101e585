"""`headgate route` and `headgate key` as people type them, on a real journal; only the registry is in memory."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from headgate.cli import approve, audit, key, promote, route, status
from headgate.gateway.guard.follow import read_key
from headgate.gateway.guard.keys import KeyTable
from headgate.release.route_steps import read_route, renew_route
from headgate.release.steps import Desk
from headgate.testing.registry import MemoryRegistry
from headgate.testing.supply import MODEL, Supply, policy_of
from headgate.wiring import Project

Command = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    policy = policy_of().model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    (tmp_path / "headgate.yaml").write_text(yaml.safe_dump(policy))
    registry = MemoryRegistry(tmp_path / "registry")
    monkeypatch.setattr(Project, "registry", lambda _: registry)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("HEADGATE_ACTOR", "grace")
    return tmp_path


@pytest.fixture
def headgate(folder: Path) -> Command:
    app = typer.Typer()
    for noun in (approve, audit, key, promote, route, status):
        noun.attach(app)
    return lambda *words: CliRunner().invoke(app, [*words, "-C", str(folder)])


def trained(folder: Path) -> None:
    project = Project.open(folder)
    supply = Supply(project.state, project.policy, project.journal())
    registry: Any = project.registry()
    supply.registry, supply.keeps_bundles = registry, True
    supply.judge(supply.register("person:ada"))


def data(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def serving(headgate: Command, folder: Path) -> Path:
    """Version 1 is champion; version 2 is judged and not approved."""
    trained(folder)
    headgate("approve", "--scorecard", MODEL, "--because", "fair")
    headgate("approve", "1", "--because", "yes")
    assert headgate("promote", "1", "--because", "first").exit_code == 0
    trained(folder)
    return folder


SET = ("route", MODEL, "--set", "champion=95,challenger=5", "--because", "a canary")


def test_a_challenger_gets_a_share_once_it_is_ready_and_loses_it_by_promotion(headgate: Command, serving: Path) -> None:
    assert "which version is challenger?" in headgate(*SET).output
    early = headgate(*SET, "--challenger", "2")
    assert early.exit_code == 3
    assert "1 more approval needed" in early.output
    headgate("approve", "2", "--because", "yes")
    told = data(headgate(*SET, "--challenger", "2", "--lease", "1h", "--json"))
    assert [(arm["name"], arm["version"], arm["weight"]) for arm in told["arms"]] == [
        ("champion", "1", 0.95),
        ("challenger", "2", 0.05),
    ]
    assert told["leased"]
    assert told["salt"]
    again = data(headgate("route", MODEL, "--set", "champion=50,challenger=50", "--because", "more", "--json"))
    assert (again["salt"], again["revision"]) == (told["salt"], told["revision"] + 1)
    assert "50.0000%" in headgate("route", MODEL).output
    assert data(headgate("audit", "--json"))["findings"] == []
    project = Project.open(serving)
    desk = Desk(project.journal(), project.registry(), project.clock, project.policy, project.bundles())
    until = project.clock.now().replace(year=2999)
    renewed = renew_route(desk, MODEL, until, "process:controller", "the release goes on")
    assert read_route(project.journal(), MODEL) == renewed
    assert data(headgate("audit", "--json"))["holds"]
    assert headgate("promote", "2", "--now", "--because", "it won").exit_code == 0
    assert [arm["version"] for arm in data(headgate("route", MODEL, "--json"))["arms"]] == ["2"]
    assert headgate("rollback", "--because", "it did not").exit_code == 0
    assert data(headgate("audit", "--json"))["holds"]
    kinds = [event.kind for event in Project.open(serving).journal().read(f"model/{MODEL}")]
    assert [kind for kind in kinds if kind.startswith(("route", "pointer"))] == [
        "pointer.moved",
        "route.set",
        "route.set",
        "route.renewed",
        "pointer.moved",
        "pointer.moved",
    ]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--set", "champion=95,challenger=6", "--challenger", "2"), 4, "sum to 101"),
        (("--set", "champion=much"), 4, "cannot read"),
        (("--set", "champion=90,challenger=10", "--challenger", "9"), 4, "has no version 9"),
        (("--set", "challenger=100", "--challenger", "2"), 4, "champion's share is not named"),
        (("--set", "champion=100", "--arm", "champion=2"), 3, "the champion is version 1"),
        (("--set", "champion=100", "--challenger", "2"), 4, "no share is named for challenger"),
        (("--set", "champion=90,challenger=10", "--challenger", "2", "--lease", "soon"), 4, "write a span"),
    ],
)
def test_what_cannot_be_set_is_said_in_a_sentence(
    headgate: Command, serving: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    told = headgate("route", MODEL, *words, "--because", "x")
    assert (told.exit_code, says in told.output) == (code, True), told.output
    assert "Traceback" not in told.output
    assert headgate("route", MODEL, "--set", "champion=100").exit_code == 4  # no reason given


def test_an_override_sets_shares_and_shows(headgate: Command, serving: Path) -> None:
    told = headgate(*SET, "--challenger", "2", "--override", "the old one is on fire")
    assert "the rules were overridden: the old one is on fire" in told.output
    shadow = headgate("route", MODEL, "--set", "champion=100", "--shadow", "2=25", "--because", "look", "--json")
    assert data(shadow)["shadows"][0]["fraction"] == 0.25


def test_a_key_is_shown_once_listed_and_revoked(headgate: Command, serving: Path) -> None:
    made = data(headgate("key", "create", "--name", "checkout", "--expires", "90d", "--because", "x", "--json"))
    other = headgate("key", "create", "--name", "checkout", "--scope", f"predict:{MODEL}", "--because", "x")
    assert "only time it is shown" in other.output
    assert (
        "there is no scope 'all'" in headgate("key", "create", "--name", "a", "--scope", "all", "--because", "x").output
    )
    store = Project.open(serving).journal()
    table = KeyTable.of([one for one in map(read_key, store.documents("key")) if one], needed=True)
    now = Project.open(serving).clock.now()
    assert table.admit(made["key"].encode(), f"predict:{MODEL}", now)
    assert headgate("key", "revoke", made["id"], "--after", "1h", "--because", "changed over").exit_code == 0
    assert headgate("key", "revoke", made["id"], "--because", "leaked").exit_code == 0
    listed = data(headgate("key", "list", "--json"))
    assert [one["state"] for one in listed] == ["revoked", "holds"]
    secret = made["key"].rsplit("_", 1)[1]
    assert secret not in headgate("key", "list").output + repr([event.body for event in store.read()])
    assert headgate("key", "revoke", "nobody", "--because", "x").exit_code == 4
