"""The demo of releases: a good challenger becomes champion, bad ones go back, and it says when, why and to whom."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Run the demo; return what it printed."""
    folder = tmp_path_factory.mktemp("demo") / "releases"
    command = [sys.executable, str(TOP / "examples" / "flights" / "demo_release.py"), str(folder)]
    wide = {**os.environ, "COLUMNS": "400"}  # a row of a table is one line
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=wide)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def row_of(told: str, model: str) -> list[str]:
    """Return the cells of a model's row of the last table."""
    (found,) = [line for line in told.splitlines() if line.startswith(f"│ {model} ")]
    return [cell.strip() for cell in found.strip("│").split("│")][1:]


def flights(cell: str) -> int:
    found = re.match(r"([\d,]+) of ", cell)
    assert found, cell
    return int(found[1].replace(",", ""))


def test_a_good_challenger_goes_from_shadow_over_a_canary_to_champion(told: str) -> None:
    climbed = re.findall(r"s  late +moved (.*)", told)
    assert climbed[0] == "begins with shadow"
    assert climbed[1].startswith("shadow: sound: ")
    assert climbed[2].startswith("30 %: sound: ")
    _, ended, _, met = row_of(told, "late")
    assert re.fullmatch(r"champion, after \d+ s", ended)
    assert flights(met) > 500
    assert "; 0 got an error" in met


@pytest.mark.parametrize(("model", "rung", "guard"), [("ewr", "20 %", "errors"), ("jfk", "5 %", "latency")])
def test_a_fault_that_shows_in_the_canary_goes_back_on_its_own_guard(
    told: str, model: str, rung: str, guard: str
) -> None:
    _, ended, why, met = row_of(told, model)
    assert re.fullmatch(r"rolled back after \d+ s", ended)
    assert why.startswith(f"{rung}: harm: {guard}: ")
    assert 0 < flights(met) < 5_000
    assert ("; 0 got an error" in met) is (guard == "latency")


def test_wrong_predictions_go_back_before_anybody_meets_them(told: str) -> None:
    _, ended, why, met = row_of(told, "lga")
    assert re.fullmatch(r"rolled back after \d+ s", ended)
    assert why.startswith("shadow: harm: quality: accuracy ")
    assert met == "none"
