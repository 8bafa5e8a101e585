"""`headgate score` as a process: killed and run again, the answers are those of the bundle, all of them."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from headgate.base.clock import SystemClock
from headgate.journal.event import NewEvent
from headgate.scoring.steps import PART
from headgate.testing.serving import sum_bundle
from headgate.testing.supply import MODEL, policy_of
from headgate.testing.waiting import LONGEST
from headgate.wiring import Project

ROWS = PART + PART // 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project whose journal knows one version, its bundle here, and a file of rows."""
    folder = tmp_path_factory.mktemp("score")
    policy = policy_of().model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    (folder / "headgate.yaml").write_text(yaml.safe_dump(policy))
    project = Project.open(folder, SystemClock())
    digest = sum_bundle(folder / "built", MODEL, 0.5)
    project.bundles().mkdir(parents=True)
    (folder / "built").rename(project.bundles() / digest.removeprefix("sha256:"))
    body: dict[str, Any] = {"version": "1", "run": "r", "digest": digest, "author": "person:ada"}
    body |= {"requester": "person:ada", "trained_until": None, "source": "train"}
    project.journal().append(f"model/{MODEL}", 0, [NewEvent("version.registered", "person:ada", "a test", body)])
    random = np.random.default_rng(1)
    numbers = pa.FixedSizeListArray.from_arrays(pa.array(random.normal(size=ROWS * 3).astype(np.float32)), 3)
    pq.write_table(pa.table({"id": np.arange(ROWS), "x": numbers}), folder / "rows.parquet", row_group_size=100_000)
    return folder


# Runs a command that kills itself once its first part is there.
KILLED = """
import os
from headgate.cli.main import main
from headgate.scoring.parts import Parts
real = Parts.write
def write(*args):
    real(*args)
    os.kill(os.getpid(), 9)
Parts.write = write
main()
"""


def score(folder: Path, output: str, *words: str, code: str = "") -> "subprocess.CompletedProcess[str]":
    start = [sys.executable, *(["-c", code] if code else ["-m", "headgate.cli.main"]), "score", MODEL]
    command = [*start, str(folder / "rows.parquet"), str(folder / output), "--json", "-C", str(folder), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST)


def test_killed_and_run_again_it_goes_on_and_loses_nothing(folder: Path) -> None:
    assert score(folder, "out.parquet", "--version", "1", code=KILLED).returncode == -signal.SIGKILL
    assert [path.name for path in (folder / ".out.parquet.parts").glob("*.arrow")] == ["0000000.arrow"]
    assert not (folder / "out.parquet").exists()
    done = score(folder, "out.parquet", "--version", "1")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["rows"], said["already"]) == (ROWS, False)
    assert said["resumed"] >= PART
    found, rows = pq.read_table(folder / "out.parquet"), pq.read_table(folder / "rows.parquet")
    assert found["id"].equals(rows["id"])
    sums = rows["x"].combine_chunks().flatten().to_numpy().reshape(-1, 3).sum(axis=1) + np.float32(0.5)
    np.testing.assert_allclose(found["prediction"].to_numpy(), sums, atol=1e-6)
    assert found["version"].unique().to_pylist() == ["1"]
    assert json.loads(score(folder, "out.parquet", "--version", "1").stdout)["already"] is True


def test_without_a_champion_a_version_must_be_named(folder: Path) -> None:
    done = score(folder, "other.parquet")
    assert done.returncode == 4
    assert "no version is champion yet" in done.stderr


def test_an_unknown_word_is_refused(folder: Path) -> None:
    done = score(folder, "other.parquet", "--version", "1", "--on-error", "ignore")
    assert (done.returncode, "say refuse or skip" in done.stderr) == (4, True)
