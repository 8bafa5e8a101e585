"""An existing training script becomes a version, completely recorded, with three lines around it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import headgate
from headgate.base.errors import BadInput, Leak
from headgate.training.reproduce import reproduce
from headgate.training.steps import read_runs
from headgate.wiring import Project

SCRIPT = '''\
"""A script as people write them, and three lines of Headgate."""
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder
import headgate
from features import features

frame = pd.read_csv("data/rows.csv", parse_dates=["seen_at"])
train, heldout = frame[:800], frame[800:]
with headgate.run("churn", params={"trees": 20}, seed=3) as run:
    run.data("data/rows.csv")
    X = pd.DataFrame(features({name: train[name].to_numpy() for name in ("age", "plan")}))
    plan = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = ColumnTransformer([("plan", plan, ["plan"])], remainder="passthrough")
    model = Pipeline([("columns", columns), ("trees", RandomForestClassifier(20, max_depth=4, random_state=3))])
    run.model(model.fit(X, train["left"]), train=train, heldout=heldout)
    run.metric("trees_used", 20)
print(run.version.number)
'''


def frames(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    frame = pd.read_csv(folder / "data" / "rows.csv", parse_dates=["seen_at"])
    return frame[:800], frame[800:]


class Constant:
    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        return np.zeros(len(frame))


def test_a_script_becomes_a_version_with_everything_recorded(small_project: Path) -> None:
    (small_project / "fit_it.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "fit_it.py", "--fast"],
        cwd=small_project,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HEADGATE_ACTOR": "ada"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "1"
    project = Project.open(small_project)
    version = project.registry().version("churn", "1")
    record = json.loads(
        (project.registry().fetch(version, "record", small_project / "got") / "record.json").read_text()
    )
    assert version.author == "person:ada"
    assert record["script"] == {"path": "fit_it.py", "inside": True, "arguments": ["--fast"]}
    assert record["params"] == {"trees": 20}
    assert "fit_it.py" in record["code"]["files"]
    assert record["snapshots"]["data/rows.csv"]["rows"] == 1000
    assert record["bundle"]["runtime"] == "onnx"
    assert record["rows"] == {"train": 800, "heldout": 200}
    with pytest.raises(BadInput, match="recorded from a script"):
        reproduce(project.bench("churn", print), version)


def test_rows_that_overlap_in_time_are_refused(small_project: Path) -> None:
    train, heldout = frames(small_project)
    with pytest.raises(Leak, match="training went on until"), headgate.run("churn", project=small_project) as run:
        run.model(Constant(), train=heldout, heldout=train)
    assert read_runs(small_project / ".headgate" / "runs")[0].version == ""


def test_a_script_that_raises_is_recorded_and_raises(small_project: Path) -> None:
    with pytest.raises(ZeroDivisionError), headgate.run("churn", project=small_project):
        _ = 1 / 0
    assert "ZeroDivisionError" in read_runs(small_project / ".headgate" / "runs")[0].failed["why"]


def test_a_run_without_a_model_says_what_to_call(small_project: Path) -> None:
    with pytest.raises(BadInput, match="ended without a model") as caught, headgate.run(project=small_project):
        pass
    assert "run.model(" in caught.value.way_out


def test_a_decorated_function_is_a_run_of_its_own_each_time(small_project: Path) -> None:
    @headgate.run("churn", project=small_project)
    def fit(run: headgate.run) -> str:
        raise RuntimeError(run.id)

    for _ in range(2):
        with pytest.raises(RuntimeError):
            fit()
    runs = read_runs(small_project / ".headgate" / "runs")
    assert len({run.id for run in runs}) == 2
    assert all(run.id in run.failed["why"] for run in runs)
