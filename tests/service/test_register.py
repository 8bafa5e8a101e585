"""A model that was made elsewhere becomes a version by one command, with the rows that judge it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from headgate.wiring import Project, open_model

OWN = """\
project: own
models:
  churn:
    task: binary
    data:
      source: data/rows.csv
      id: id
      time: seen_at
      label: { column: left }
      columns:
        id: { type: string }
        seen_at: { type: timestamp }
        age: { type: float }
        visits: { type: float }
        left: { type: int }
    features: { file: null, inputs: [age, visits] }
    split: { holdout: 100h }
    scorecard: [{ kind: metric, metric: roc_auc, at_least: 0.6 }]
"""


@pytest.fixture
def own_project(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "headgate.yaml").write_text(OWN)
    rows().to_csv(folder / "heldout.csv", index=False)
    return folder


def rows(count: int = 300) -> pd.DataFrame:
    random = np.random.default_rng(3)
    age, visits = random.uniform(18, 80, count).astype(np.float32), random.poisson(3, count).astype(np.float32)
    left = (random.random(count) < 1 / (1 + np.exp((age - 45) / 6))).astype(int)
    hours = pd.date_range("2026-02-01T00:00:00Z", periods=count, freq="h").strftime("%Y-%m-%dT%H:%M:%SZ")
    return pd.DataFrame(
        {"id": [f"c{n}" for n in range(count)], "seen_at": hours, "age": age, "visits": visits, "left": left}
    )


def register(folder: Path, source: str, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "headgate.cli.main", "register", source, "--heldout", str(folder / "heldout.csv")]
    return subprocess.run(
        [*command, "--as", "ada", "--json", "-C", str(folder), *words], capture_output=True, text=True, check=False
    )


def registered(folder: Path, source: str, *words: str) -> Any:
    done = register(folder, source, *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def lightgbm_model() -> Any:
    import lightgbm

    frame = rows(2000)
    data = lightgbm.Dataset(frame[["age", "visits"]], frame["left"])
    return lightgbm.train({"objective": "binary", "verbosity": -1, "num_leaves": 7, "seed": 1}, data, 20)


def test_a_lightgbm_file_is_a_version_that_answers_as_it_did(own_project: Path) -> None:
    model = lightgbm_model()
    model.save_model(own_project / "model.txt")
    said = registered(own_project, str(own_project / "model.txt"), "--trained-until", "2026-01-31T23:00:00Z")
    assert (said["version"], said["runtime"]) == ("1", "onnx")
    again = registered(own_project, str(own_project / "model.txt"), "--trained-until", "2026-01-31T23:00:00Z")
    assert again["version"] == "1"
    folder = Project.open(own_project).bundles() / said["digest"].removeprefix("sha256:")
    frame = rows()
    predictor = open_model(folder, said["digest"])
    answers = predictor.predict({name: frame[name].to_numpy(np.float64) for name in ("age", "visits")})
    predictor.close()
    np.testing.assert_allclose(answers["probability"], model.predict(frame[["age", "visits"]]), atol=1e-6)
    gate = [sys.executable, "-m", "headgate.cli.main", "gate", "1", "--json", "-C", str(own_project)]
    verdict = json.loads(subprocess.run(gate, capture_output=True, text=True, check=False).stdout)
    by_line = {line["line"]: line["passed"] for line in verdict["lines"]}
    assert by_line["roc_auc at least 0.6"]


@pytest.mark.filterwarnings("ignore::UserWarning")  # MLflow's own, when a notebook logs a model
def test_an_mlflow_model_is_taken_by_run_and_by_name(own_project: Path) -> None:
    import mlflow
    import mlflow.lightgbm

    state = own_project / ".headgate"
    state.mkdir()
    mlflow.set_tracking_uri(f"sqlite:///{state / 'mlflow.db'}")
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("notebook", str(state / "artefacts")))
    with mlflow.start_run() as run:
        mlflow.lightgbm.log_model(lightgbm_model(), name="model", registered_model_name="theirs")
    by_run = registered(own_project, f"runs:/{run.info.run_id}/model")
    by_name = registered(own_project, "models:/theirs/1")
    assert by_run["runtime"] == by_name["runtime"] == "onnx"
    assert by_run["digest"] == by_name["digest"]


@pytest.mark.parametrize(
    ("source", "words", "code", "said"),
    [
        ("nowhere.onnx", (), 4, "there is no model here"),
        ("heldout.csv", (), 4, "is no model that is taken"),
        ("bad.onnx", (), 4, "it is no valid ONNX model"),
        ("model.txt", ("--trained-until", "yesterday"), 4, "--trained-until"),
        ("model.txt", ("--trained-until", "2026-02-05T00:00:00Z"), 4, "training went on until"),
    ],
)
def test_what_cannot_be_taken_is_refused(
    own_project: Path, source: str, words: tuple[str, ...], code: int, said: str
) -> None:
    (own_project / "bad.onnx").write_bytes(b"not a graph")
    lightgbm_model().save_model(own_project / "model.txt")
    done = register(own_project, str(own_project / source), *words)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "way out" in done.stderr
