"""The commands that people type, on a real journal; only the registry is in memory."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from headgate.cli import approve, at, audit, person, promote, status, tick
from headgate.registry.version import Version
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
    monkeypatch.setenv("HEADGATE_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("HEADGATE_ACTOR", raising=False)
    return tmp_path


@pytest.fixture
def headgate(folder: Path) -> Command:
    app = typer.Typer()
    for noun in (approve, at, audit, person, promote, status, tick):
        noun.attach(app)

    def run(*words: str) -> Result:
        return CliRunner().invoke(app, [*words, "-C", str(folder)])

    return run


@pytest.fixture
def version(folder: Path) -> Version:
    return trained(folder)


def trained(folder: Path) -> Version:
    project = Project.open(folder)
    supply = Supply(project.state, project.policy, project.journal())
    registry: Any = project.registry()
    supply.registry, supply.keeps_bundles = registry, True
    version = supply.register("person:ada")
    supply.judge(version)
    return version


def data(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_from_a_judged_version_to_a_clean_audit(headgate: Command, folder: Path, version: Version) -> None:
    assert headgate("promote", "1", "--because", "now").exit_code == 3
    signed = headgate("approve", "--scorecard", MODEL, "--as", "grace", "--because", "fair bar")
    assert "the scorecard of delay (unauthenticated)" in signed.output
    requester = headgate("approve", "1", "--as", "ada", "--because", "mine is fine")
    assert requester.exit_code == 3
    assert "ada trained or asked for this version" in requester.output
    assert "Traceback" not in requester.output
    assert "next: headgate promote 1" in headgate("approve", "1", "--as", "grace", "--because", "numbers hold").output
    told = data(headgate("promote", "1", "--because", "now", "--json"))
    assert (told["version"], told["moved"], told["authenticated"], told["warnings"]) == ("1", True, False, [])
    assert data(headgate("audit", "--json"))["holds"] is True
    assert "the journal holds" in headgate("audit").output
    assert "the report of event 2 is stored" in headgate("tick").output
    assert "nothing to do" in headgate("tick").output
    (shown,) = data(headgate("status", "--json"))["models"]
    assert shown["champion"]["approvers"] == ["grace"]
    assert re.search(r"champion +version 1 since .* \(unauthenticated\)", headgate("status").output)


def test_keys_make_it_authenticated_and_an_override_shows_everywhere(
    headgate: Command, folder: Path, version: Version
) -> None:
    made = data(headgate("person", "add", "grace", "--json"))
    assert Path(made["key_file"]).stat().st_mode & 0o777 == 0o600
    refused = headgate("person", "add", "linus", "--as", "nobody")
    assert refused.exit_code == 3
    assert not (folder / "keys" / "linus.pem").exists()
    assert headgate("person", "add", "linus", "--as", "grace").exit_code == 0
    assert [one["trusted"] for one in data(headgate("person", "list", "--json"))] == [True, True]
    assert headgate("approve", "--scorecard", "--as", "grace", "--because", "fair").exit_code == 0
    assert data(headgate("approve", "1", "--as", "linus", "--because", "yes", "--json"))["authenticated"] is True
    assert data(headgate("promote", "1", "--because", "now", "--json"))["authenticated"] is True
    trained(folder)
    forced = headgate("promote", "2", "--now", "--because", "fire", "--override", "1 [leaks] memory")
    assert "the rules were overridden: 1 [leaks] memory" in forced.output
    for words in (("status",), ("at", "2999-01-01"), ("audit",)):
        assert "1 [leaks] memory" in headgate(*words).output
    assert headgate("rollback", "--because", "calm again").exit_code == 0
    assert "version 1" in headgate("at", "2999-01-01T00:00").output
    assert headgate("person", "revoke", "linus", "--as", "grace", "--because", "left").exit_code == 0
    assert data(headgate("audit", "--json"))["holds"] is True


def test_at_reads_a_time_without_zone_as_utc_and_says_so(headgate: Command, version: Version) -> None:
    early = headgate("at", "2026-03-01T12:00", MODEL)
    assert "(no zone given: read as UTC)" in early.output
    assert "nothing served yet" in early.output
    assert headgate("at", "soon").exit_code == 4


def test_a_broken_alias_makes_audit_exit_1_and_tick_repairs_it(
    headgate: Command, folder: Path, version: Version
) -> None:
    headgate("approve", "--scorecard", "--as", "grace", "--because", "fair")
    headgate("approve", "1", "--as", "grace", "--because", "yes")
    registry: Any = Project.open(folder).registry()
    registry.reachable = False
    late = headgate("promote", "1", "--because", "now")
    assert late.exit_code == 0
    assert "alias champion of delay does not name 1 yet" in late.output
    assert headgate("tick").exit_code == 5
    registry.reachable = True
    found = headgate("audit", "--json")
    assert (found.exit_code, json.loads(found.stdout)["findings"][0]["where"]) == (1, "alias champion of delay")
    dry = headgate("tick", "--dry-run")
    assert "would: delay: set alias champion to 1" in dry.output
    assert headgate("tick").exit_code == 0
    assert headgate("audit").exit_code == 0


def test_an_unknown_model_and_a_missing_version_are_named(headgate: Command, version: Version) -> None:
    wrong = headgate("promote", "1", "--model", "nope", "--because", "x")
    assert (wrong.exit_code, "name one of: delay" in wrong.output) == (4, True)
    which = headgate("approve", "--as", "grace", "--because", "x")
    assert (which.exit_code, "which version?" in which.output) == (4, True)
    assert headgate("promote", "1", "--because", " ").exit_code == 4


def test_doctor_says_what_a_champion_lacks_and_that_tick_brings_it(
    headgate: Command, folder: Path, version: Version
) -> None:
    from headgate.cli.doctor import examine

    headgate("promote", version.number, "--because", "now", "--override", "a test")
    project = Project.open(folder)
    (project.bundles() / version.digest.removeprefix("sha256:") / "model.onnx").write_text("other")
    found = {one.name: one for one in examine(project)}
    assert found[f"bundle {MODEL}"].level == "fail"
    assert "changed since it was sealed" in found[f"bundle {MODEL}"].said
    assert "`headgate tick`" in found[f"bundle {MODEL}"].way_out
    assert headgate("tick").exit_code == 0
    assert {one.name: one.level for one in examine(project)}[f"champion {MODEL}"] == "ok"
