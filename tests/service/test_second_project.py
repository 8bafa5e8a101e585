"""A project that is not flights goes through the same commands: handwritten digits, ten classes, from one CSV file."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
HEADGATE = Path(sys.executable).parent / "headgate"


class Shell:
    """Runs headgate as a person would, in a project folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._environment = {**os.environ, "HOME": str(folder.parent), "HEADGATE_ACTOR": "ada"}

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [HEADGATE, *arguments],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ask(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json"))


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    folder = tmp_path_factory.mktemp("second") / "digits"
    shutil.copytree(DIGITS, folder, ignore=shutil.ignore_patterns("data", ".headgate", "__pycache__"))
    subprocess.run([sys.executable, folder / "prepare.py"], check=True, capture_output=True, timeout=600)
    shell = Shell(folder)
    shell.run("check")
    shell.run("train")
    return shell


@pytest.fixture(scope="module")
def verdict(digits: Shell) -> Mapping[str, Any]:
    digits.run("approve", "--scorecard", "--as", "grace", "--because", "the bar we agreed on")
    found: Mapping[str, Any] = digits.ask("gate", "1")
    return found


def test_every_line_of_its_scorecard_passes_with_a_why(verdict: Mapping[str, Any]) -> None:
    assert verdict["passed"]
    assert all(line["why"] for line in verdict["lines"])
    assert verdict["lines"][0]["line"].startswith("accuracy at least 0.85")


@pytest.mark.usefixtures("verdict")
def test_it_is_approved_promoted_and_stands_in_the_journal(digits: Shell) -> None:
    digits.run("approve", "1", "--as", "grace", "--because", "eighty-eight in a hundred")
    digits.run("promote", "1", "--because", "first version")
    assert "version 1" in digits.run("status")
    digits.run("audit")


def test_it_can_be_made_again_from_its_record(digits: Shell) -> None:
    assert "same" in digits.run("reproduce", "1").lower()
