"""`headgate check` finds what is wrong with a project without running any of it, all of it at once."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from headgate.base.errors import BadInput
from headgate.cli.inspection import check_train, inspect
from headgate.cli.main import build
from headgate.cli.starter import starter

Edit = Callable[[str], str]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("starter")
    for name, text in starter("binary", "mine").items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def project(original: Path, tmp_path: Path) -> Path:
    return shutil.copytree(original, tmp_path / "project")


def problems(project: Path) -> list[str]:
    return [problem for finding in inspect(project / "headgate.yaml", {}) for problem in finding.problems]


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def run(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(build(), list(words))
    return done.exit_code, done.stdout, done.stderr


def test_a_good_project_is_good(project: Path) -> None:
    assert problems(project) == []
    code, out, _ = run("check", "--project", str(project))
    assert code == 0
    assert "wrong" not in out
    assert "10 of 11 columns" not in out
    assert "11 of 11 columns are read" in " ".join(out.replace("│", " ").split())


def test_nothing_of_the_project_is_run(project: Path) -> None:
    for name in ("features.py", "train.py"):
        with (project / name).open("a") as file:
            file.write("\nraise SystemExit(9)\n")
    found = [problem for problem in problems(project) if "train.py" in problem]
    assert found == []


def test_every_problem_is_reported_at_once_with_exit_code_4(project: Path) -> None:
    (project / "features.py").write_text("import pandas\n")
    (project / "train.py").unlink()
    edit(project / "data" / "rows.csv", "radius,texture", "radios,texture")
    code, out, err = run("check", "-C", str(project))
    assert code == 4
    assert "3 problems" in err
    assert "data/rows.csv: there is no column 'radius'. Did you mean radios?" in err
    assert "features.py" in err
    assert "pandas" in err
    assert "train.py: there is no such file" in err
    assert out.count("wrong") == 3
    code, out, err = run("check", "-C", str(project), "--json")
    body = json.loads(out)
    assert (code, body["good"], len(body["problems"])) == (4, False, 3)
    assert err == ""


def test_policy_problems_are_listed_by_line(project: Path) -> None:
    edit(project / "headgate.yaml", "metric: recall", "metric: recal")
    edit(project / "headgate.yaml", "need: 1", "need: one")
    code, _, err = run("check", "-C", str(project))
    assert code == 4
    assert "headgate.yaml:" in err
    assert "Did you mean recall?" in err
    assert "approval.need: must be a whole number, not 'one'" in err


def test_a_misspelt_column_of_the_future_guards_nothing_and_is_refused(project: Path) -> None:
    edit(project / "headgate.yaml", "# future: [treatment]", "future: [treatmnt]")
    edit(project / "data" / "rows.csv", "symmetry,malignant", "treatment,malignant")
    edit(project / "headgate.yaml", "symmetry: { type: float, at_least: 0 }", "treatment: { type: float }")
    edit(project / "headgate.yaml", "concavity, symmetry]", "concavity]")
    assert [one for one in problems(project) if "Did you mean treatment?" in one]


def test_stored_tables_are_checked_as_well(project: Path) -> None:
    stored = "stored: {lab: {source: lab.parquet, keys: [sample], time: at, columns: {dose: {type: float}}}}\n"
    edit(project / "headgate.yaml", "    split:\n", f"      {stored}    split:\n")
    (shown,) = problems(project)
    assert "lab.parquet: there is no such file" in shown
    frame = pd.DataFrame({"sample": ["sample-0001"], "at": [pd.Timestamp("2025-01-01")], "doses": [1.0]})
    frame.to_parquet(project / "lab.parquet")
    (shown,) = problems(project)
    assert "no column 'dose'. Did you mean doses?" in shown
    frame.rename(columns={"doses": "dose"}).to_parquet(project / "lab.parquet")
    (shown,) = problems(project)
    assert "column at has times without a zone" in shown
    frame.rename(columns={"doses": "dose"}).assign(at=frame["at"].dt.tz_localize("UTC")).to_parquet(
        project / "lab.parquet"
    )
    assert problems(project) == []


def test_a_folder_without_a_project_says_how_to_start_one(tmp_path: Path) -> None:
    code, _, err = run("check", "-C", str(tmp_path))
    assert code == 4
    assert "headgate init" in err


@pytest.mark.parametrize(
    "source",
    [
        "def train(frame, labels, params): ...",
        "def train(frame, labels, params, extra=1): ...",
        "def train(*parts): ...",
        "from mine import train",
        "import mine\ntrain = mine.fit",
    ],
)
def test_a_train_that_takes_three_is_accepted(source: str) -> None:
    check_train(source, "train.py")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def train(frame, labels, params)\n", "is no Python on line 1"),
        ("def trian(frame, labels, params): ...", "defines no function train. Did you mean trian?"),
        ("\ndef train(frame, labels): ...", "train on line 2 does not take three"),
        ("def train(frame, labels, params, more): ...", "does not take three"),
        ("def train(frame, labels, params, *, more): ...", "does not take three"),
        ("async def train(frame, labels, params): ...", "train is async on line 1"),
        ("\x00", "is no Python"),
    ],
)
def test_any_other_train_is_refused_with_its_line(source: str, said: str) -> None:
    with pytest.raises(BadInput, match=said.replace(".", r"\.").replace("?", r"\?")):
        check_train(source, "train.py")


def test_the_schema_is_printed_for_editors() -> None:
    code, out, _ = run("schema")
    assert code == 0
    assert set(json.loads(out)["required"]) == {"project", "models"}


def test_the_files_of_a_starter_are_for_the_team_as_far_as_the_mask_lets_them(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        code, _, _ = run("init", str(tmp_path / "team"))
    finally:
        os.umask(before)
    assert code == 0
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "team").rglob("*")}
    assert modes["headgate.yaml"] == modes["rows.csv"] == 0o644
    assert modes["data"] == 0o755
