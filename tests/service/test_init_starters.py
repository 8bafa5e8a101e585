"""A starter project runs as it is: init, check, train and gate, with nothing edited between."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from headgate.policy.load import load
from headgate.testing.waiting import LONGEST


def headgate(folder: Path, *words: str, code: int = 0) -> str:
    """Run a command in the folder as a user would; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "headgate.cli.main", *words],
        cwd=folder,
        env={**os.environ, "HEADGATE_ACTOR": "ada"},
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert done.returncode == code, (words, done.stdout, done.stderr)
    return done.stdout


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_starter_is_checked_trained_and_judged(task: str, tmp_path: Path) -> None:
    headgate(tmp_path, "init", "mine", "--task", task)
    folder = tmp_path / "mine"
    assert json.loads(headgate(folder, "check", "--json"))["good"]
    version = json.loads(headgate(folder, "train", "--json"))["version"]
    assert version == "1"
    loosen_latency(folder)
    headgate(folder, "approve", "--scorecard", "--as", "grace", "--because", "the bar")
    headgate(folder, "gate", "1")
    headgate(folder, "approve", "1", "--as", "grace", "--because", "good")
    headgate(folder, "promote", "1", "--because", "first")
    train = folder / "train.py"
    train.write_text(train.read_text() + "\n# looked at again\n")
    assert json.loads(headgate(folder, "train", "--json"))["version"] == "2"
    second = json.loads(headgate(folder, "gate", "2", "--json"))
    assert any("against champion 1's" in line["why"] for line in second["lines"])


def loosen_latency(folder: Path) -> None:
    """Other work on the machine is no matter of this test."""
    policy = folder / "headgate.yaml"
    policy.write_text(policy.read_text().replace("at_most_ms: 50", "at_most_ms: 5000"))


def test_init_says_what_comes_next_and_names_the_project_after_its_folder(tmp_path: Path) -> None:
    said = headgate(tmp_path, "init", "My Churn (2025)")
    assert "headgate check" in said
    assert "made up" in said
    policy = load(tmp_path / "My Churn (2025)")
    assert policy.project == "my-churn"
    assert load_name(tmp_path, "init", "other", "--name", "churn") == "churn"


def load_name(folder: Path, *words: str) -> str:
    headgate(folder, *words)
    return load(folder / words[1]).project


def test_init_never_overwrites_and_writes_nothing_when_it_refuses(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("mine\n")
    refused = subprocess.run(
        [sys.executable, "-m", "headgate.cli.main", "init", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert refused.returncode == 3
    assert "train.py would be overwritten" in refused.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train.py"]
    assert (tmp_path / "train.py").read_text() == "mine\n"


def test_init_refuses_what_is_no_task_or_no_name(tmp_path: Path) -> None:
    headgate(tmp_path, "init", "a", "--task", "clasification", code=4)
    headgate(tmp_path, "init", "b", "--name", "Not a name", code=4)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_rows_are_the_same_each_time_and_every_choice_is_explained(task: str) -> None:
    from headgate.cli.starter import starter

    first, second = starter(task, "mine"), starter(task, "mine")
    assert first == second
    assert first["headgate.yaml"].startswith("# yaml-language-server: $schema=headgate.schema.json\n")
    assert "$name" not in first["headgate.yaml"]
    assert "$metrics" not in first["headgate.yaml"]
    assert first["headgate.yaml"].count(" # ") >= 15
    assert json.loads(first["headgate.schema.json"])["title"] == "headgate.yaml"
