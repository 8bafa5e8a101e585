"""A run fails with a clear word, loses nothing, goes on where it stopped; killed anywhere, it ends as it would have."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from headgate.base.errors import BadInput, HeadgateError, Refused, Unavailable
from headgate.cli.train import attach
from headgate.training.run import STAGES, Run
from headgate.training.steps import Training, read_runs, start
from headgate.wiring import Project

ADA = "person:ada"
LIMIT = "10m"  # of train(), in the policy


def begin(folder: Path, **options: Any) -> tuple[Training, list[str]]:
    told: list[str] = []
    return start(Project.open(folder).bench("churn", told.append), ADA, **options), told


def train(folder: Path) -> Run:
    return begin(folder)[0].through("register")


def registered(folder: Path) -> list[str]:
    events = Project.open(folder).journal().read("model/churn", kinds=("version.registered",))
    return [str(event.body["version"]) for event in events]


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory, write_small_project: Callable[[Path], Path]) -> Path:
    """Return a project that was trained; to be copied."""
    folder = write_small_project(tmp_path_factory.mktemp("trained") / "small")
    assert train(folder).version == "1"
    return folder


@pytest.fixture
def trained(once: Path, tmp_path: Path) -> Path:
    """Return a project that was trained, moved here."""
    return Path(shutil.copytree(once, tmp_path / "small"))


def test_a_run_becomes_a_version_and_the_same_inputs_are_that_version(trained: Path) -> None:
    again = train(trained)
    assert again.version == "1"
    assert all(done.reused for done in again.done.values())
    assert registered(trained) == ["1"]
    version = Project.open(trained).registry().version("churn", "1")
    assert version.author == ADA
    assert version.trained_until is not None


def test_what_changes_is_made_again_and_only_that(trained: Path) -> None:
    policy = trained / "headgate.yaml"
    policy.write_text(policy.read_text().replace("strength: 1.0", "strength: 0.01"))
    second = train(trained)
    assert second.version == "2"
    assert [stage for stage in STAGES if second.done[stage].reused] == ["validate", "assemble"]


def test_a_changed_scorecard_makes_no_new_version(trained: Path) -> None:
    policy = trained / "headgate.yaml"
    policy.write_text(policy.read_text().replace("at_least: 0.6", "at_least: 0.7"))
    assert train(trained).version == "1"


def test_stages_are_commands_of_their_own(small_project: Path) -> None:
    training, _ = begin(small_project)
    training.only("validate")
    run = training.run.id
    with pytest.raises(BadInput, match=r"stage assemble of run .* is not finished"):
        begin(small_project, run=run)[0].only("fit")
    for stage in STAGES[1:]:
        done = begin(small_project, run=run)[0].only(stage)
    assert done.version == "1"
    assert set(done.done) == set(STAGES)


def test_runs_shows_the_id_that_run_takes_whole_on_a_narrow_terminal(
    small_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(small_project)[0].through("assemble")
    monkeypatch.setenv("COLUMNS", "80")
    app = typer.Typer()
    attach(app)
    shown = CliRunner().invoke(app, ["runs", "-C", str(small_project)]).output
    assert read_runs(small_project / ".headgate" / "runs")[0].id in shown
    assert "up to" in shown


def test_a_misspelt_stage_begins_no_run(small_project: Path) -> None:
    app = typer.Typer()
    attach(app)
    result = CliRunner().invoke(app, ["train", "--stage", "pack", "-C", str(small_project)])
    assert (result.exit_code, "there is no stage 'pack'" in result.output) == (BadInput.exit_code, True)
    assert read_runs(small_project / ".headgate" / "runs") == ()


WRONG = [
    ("    raise ValueError('no such column')", r"train\(\) raised ValueError: no such column", "it goes on from here"),
    ("    return None", r"train\(\) returned nothing", "`return` and the fitted model"),
    ("    return 7", r"train\(\) returned", "scikit-learn"),
    ("    import os; os._exit(3)", "ended with exit code 3", "what ends the process"),
    ("    import os; os.kill(os.getpid(), 9)", "ended with signal SIGKILL", "out of memory"),
    ("    import os; os.kill(os.getpid(), 11)", "ended with signal SIGSEGV", "a crash in a library"),
    ("    import os; os._exit(0)", r"ended the process before train\(\) returned a model", "take out"),
    ("    while True: pass", "did not end within 2s", "training.time_limit"),
]


def test_a_train_py_that_fails_is_named_and_the_run_goes_on_after_the_repair(small_project: Path) -> None:
    """However often, and in whatever way: the run is one and the same."""
    train_py, policy = small_project / "train.py", small_project / "headgate.yaml"
    whole, runs = train_py.read_text(), set[str]()
    for body, words, way_out in WRONG:
        limit = "2s" if "while True" in body else LIMIT
        policy.write_text(policy.read_text().replace(f"time_limit: {LIMIT}", f"time_limit: {limit}"))
        train_py.write_text(f"def train(frame, labels, params):\n{body}\n")
        training, _ = begin(small_project)
        with pytest.raises(BadInput, match=words) as caught:
            training.through("register")
        assert "train" in caught.value.where
        assert way_out in caught.value.way_out
        assert read_runs(small_project / ".headgate" / "runs")[0].failed["stage"] == "fit"
        runs.add(training.run.id)
    policy.write_text(policy.read_text().replace("time_limit: 2s", f"time_limit: {LIMIT}"))
    train_py.write_text(whole)
    after, told = begin(small_project)
    done = after.through("register")
    assert runs == {after.run.id}
    assert done.version == "1"
    assert done.done["assemble"].reused
    assert any("going on with run" in line for line in told)


def test_a_model_that_was_never_fitted_is_named(small_project: Path) -> None:
    train_py = small_project / "train.py"
    train_py.write_text(train_py.read_text().replace(".fit(frame, labels)", ""))
    with pytest.raises(BadInput, match=r"the Pipeline that train\(\) returned"):
        train(small_project)


KILLED = """
import os, signal, sys
from pathlib import Path
from headgate.training import steps
from headgate.wiring import Project

def die(*_args, **_kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

folder, point = Path(sys.argv[1]), sys.argv[2]
project = Project.open(folder)
bench = project.bench("churn", print)
training = steps.start(bench, "person:ada")
if point == "registry":
    type(bench.registry).register = die
elif point == "journal":
    type(bench.journal).append = die
else:
    make = training._maker
    def half(stage):
        fill = make(stage)
        def filled(target):
            fill(target)
            if stage == point:
                die()
        return filled
    training._maker = half
training.through("register")
"""


def test_killed_anywhere_the_run_ends_as_it_would_have(small_project: Path) -> None:
    """Killed at every point, one after the other: each time it goes on with the same run, where it was cut off."""
    for at, point in enumerate((*STAGES[:5], "registry", "journal")):
        command = [sys.executable, "-c", KILLED, str(small_project), point]
        killed = subprocess.run(command, capture_output=True, text=True, check=False)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert registered(small_project) == []
        (run,) = read_runs(small_project / ".headgate" / "runs")
        assert list(run.done) == list(STAGES[: min(at, 5)])
    done = train(small_project)
    assert done.version == "1"
    assert len(read_runs(small_project / ".headgate" / "runs")) == 1
    assert registered(small_project) == ["1"]
    registry = Project.open(small_project).registry()
    assert [version.number for version in registry.versions("churn")] == ["1"]
    assert all(done.done[stage].reused for stage in STAGES[:5])


def test_a_full_disk_is_said_and_the_next_attempt_goes_on(small_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copytree", full)
        with pytest.raises(HeadgateError, match="No space left on device"):
            train(small_project)
    assert train(small_project).version == "1"


LITTLE, HALF = 16, 1000  # blocks of 512 bytes that a file may have: the kernel refuses what lies beyond


@pytest.mark.parametrize("blocks", [LITTLE, HALF])
def test_where_the_kernel_refuses_to_write_on_the_run_says_so_and_goes_on_later(
    small_project: Path, blocks: int
) -> None:
    command = [sys.executable, "-m", "headgate.cli.main", "train", "--json", "--as", "ada", "-C", str(small_project)]
    short = ["sh", "-c", f'ulimit -f {blocks}; exec "$@"', "sh", *command]
    full = subprocess.run(short, capture_output=True, text=True, check=False)
    assert full.returncode == Unavailable.exit_code, full.stdout + full.stderr
    assert "Traceback" not in full.stderr
    assert train(small_project).version == "1"
    assert registered(small_project) == ["1"]


def test_without_a_tracking_server_nothing_is_lost(small_project: Path) -> None:
    policy = small_project / "headgate.yaml"
    whole = policy.read_text()
    policy.write_text(whole + "settings: { tracking: 'http://127.0.0.1:9' }\n")
    with pytest.raises(Unavailable, match="MLflow did not do it") as caught:
        train(small_project)
    assert "start the tracking server" in caught.value.way_out
    policy.write_text(whole)
    done = train(small_project)
    assert done.version == "1"
    assert done.done["package"].reused


def test_two_processes_start_on_an_empty_state_folder(small_project: Path) -> None:
    shutil.rmtree(small_project / ".headgate")
    command = [sys.executable, "-m", "headgate.cli.main", "train", "--json", "--as", "ada", "-C", str(small_project)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert {json.loads(out)["version"] for out, _ in outputs} == {"1"}
    assert registered(small_project) == ["1"]


def test_a_version_is_reproduced_from_its_record_alone(trained: Path) -> None:
    for file in ("train.py", "features.py", "data/rows.csv"):
        (trained / file).unlink()
    command = [sys.executable, "-m", "headgate.cli.main", "reproduce", "1", "--json", "-C", str(trained)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["same"]
    assert [entry["what"] for entry in found["compared"]] == ["metrics", "predictions", "artefact"]
    assert found["surroundings"] == ["data/rows.csv: changed or gone since; the kept copy was used"]
    assert (found["ran_on"]["threads"], found["ran_on"]["machine"]["cores"]) == (1, os.cpu_count())


def test_reproducing_is_refused_when_the_data_changed_and_no_copy_is_left(trained: Path) -> None:
    shutil.rmtree(trained / ".headgate" / "content")
    data = trained / "data" / "rows.csv"
    data.write_text(data.read_text().replace("c7,", "c7777,", 1))
    command = [sys.executable, "-m", "headgate.cli.main", "reproduce", "1", "-C", str(trained)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == Refused.exit_code, done.stdout
    assert "changed" in done.stderr
    assert "rows.csv" in done.stderr
