"""An ensemble from policy to traffic: two members (one in a process of its own), prepared, combined, gated, served.

What it answers over HTTP is what its combine() makes of what the members alone answer.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

from headgate.adapters.machine.served import serving
from headgate.base.errors import BadInput, Leak, Tampered
from headgate.cli import approve, promote
from headgate.registry.bundle import open_bundle, read_dag
from headgate.registry.steps import place_of
from headgate.testing.waiting import LONGEST
from headgate.training.run import Run
from headgate.training.steps import start
from headgate.wiring import Project, open_model

ENSEMBLE = """\
    segments: []
  leaving:
    task: binary
    data: &data
      source: data/rows.csv
      id: id
      time: seen_at
      label: { column: left }
      columns:
        id: { type: string }
        seen_at: { type: timestamp }
        age: { type: float, missing: true }
        plan: { type: string }
        left: { type: int }
    features: { inputs: [plan], file: null }
    split: { holdout: 200h }
    training: { file: plan.py }
    package: { runtime: pyfunc }
    scorecard: [{ kind: parity, share: 0.999 }]
  both:
    task: binary
    data: *data
    features: { inputs: [age, plan], file: prepare.py }
    split: { holdout: 200h }
    ensemble:
      members:
        young: { model: churn, inputs: { age: known_age } }
        small: { model: leaving, version: 1 }
      combine: combine.py
    scorecard:
      - { kind: metric, metric: roc_auc, role: primary, at_least: 0.6 }
      - { kind: parity, share: 0.999 }
      - { kind: size, at_most_mb: 10 }
      - { kind: memory, at_most_mb: 2000 }
"""
PREPARE = '''\
"""Nobody is older than ninety."""

import numpy as np


def features(columns):
    return {"known_age": np.minimum(columns["age"], 90.0)}
'''
COMBINE = '''\
"""The young count twice."""

import numpy as np


def combine(columns):
    return {"probability": (2 * columns["young.probability"] + columns["small.probability"]) / 3}
'''
PLAN = '''\
"""A logistic regression on the plan alone."""

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder


def train(frame, labels, params):
    return make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression()).fit(frame, labels)
'''
ROWS: dict[str, list[Any]] = {"age": [20.0, 95.0, None, 44.5], "plan": ["small", "large", "small", "unheard of"]}


def headgate(folder: Path, *words: str, code: int = 0) -> str:
    """Run a command as people do; its pyfunc member has a process of its own."""
    command = [sys.executable, "-m", "headgate.cli.main", *words, "-C", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def trained(folder: Path, model: str) -> Run:
    return start(Project.open(folder).bench(model, lambda _line: None), "person:ada").through("register")


def promoted(folder: Path, model: str) -> None:
    """Gate, approve and promote the first version of a model, as people do."""
    headgate(folder, "gate", "1", "--model", model)
    for words in (
        ("approve", "1", "--model", model, "--because", "it holds"),
        ("promote", "1", "--model", model, "--because", "first"),
    ):
        here(folder, *words, "--as", "grace")


def here(folder: Path, *words: str) -> None:
    """Run a command in this process."""
    app = typer.Typer()
    approve.attach(app)
    promote.attach(app)
    result = CliRunner().invoke(app, [*words, "-C", str(folder)])
    assert result.exit_code == 0, result.output


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, write_small_project: Callable[[Path], Path]) -> Path:
    """A project whose ensemble is champion; made once, since it trains three models."""
    folder = write_small_project(tmp_path_factory.mktemp("ensemble") / "project")
    policy = folder / "headgate.yaml"
    policy.write_text(policy.read_text() + ENSEMBLE)
    for name, text in {"prepare.py": PREPARE, "combine.py": COMBINE, "plan.py": PLAN}.items():
        (folder / name).write_text(text)
    for model in ("churn", "both"):
        here(folder, "approve", "--scorecard", model, "--because", "fair", "--as", "grace")
    trained(folder, "churn")
    with pytest.raises(BadInput, match="leaving has no version 1"):
        trained(folder, "both")
    trained(folder, "leaving")
    with pytest.raises(BadInput, match="churn has no champion yet"):
        trained(folder, "both")
    promoted(folder, "churn")
    assert trained(folder, "both").version == "1"
    promoted(folder, "both")
    return folder


def bundle_of(folder: Path, model: str) -> tuple[Path, str]:
    project = Project.open(folder)
    version = project.registry().version(model, "1")
    return place_of(project.bundles(), version.digest), version.digest


@pytest.fixture(scope="module")
def alone(project: Path) -> list[float]:
    """Return what combine.py makes of what the members answer by themselves."""
    age, plan = np.array([np.nan if one is None else one for one in ROWS["age"]]), np.array(ROWS["plan"], object)
    answers = {}
    for model, columns in {"churn": {"age": np.minimum(age, 90.0), "plan": plan}, "leaving": {"plan": plan}}.items():
        predictor = open_model(*bundle_of(project, model))
        answers[model] = predictor.predict(columns)["probability"]
        predictor.close()
    combined: list[float] = ((2 * answers["churn"] + answers["leaving"]) / 3).tolist()
    return combined


def test_one_request_answers_what_the_members_alone_answer_combined(project: Path, alone: list[float]) -> None:
    with serving(project) as (host, port):
        connection = HTTPConnection(host, port, timeout=LONGEST)
        connection.request("POST", "/v1/models/both:predict", json.dumps({"inputs": ROWS}))
        answer = connection.getresponse()
        body = json.loads(answer.read())
        connection.request("GET", "/v2/models/both")
        about = json.loads(connection.getresponse().read())
        connection.close()
    assert answer.status == HTTPStatus.OK, body
    assert np.array(body["outputs"], np.float32).tolist() == alone
    assert [one["name"] for one in about["inputs"]] == ["age", "plan"]


def test_the_version_says_what_it_is_made_of(project: Path) -> None:
    bundle, digest = bundle_of(project, "both")
    manifest, dag = open_bundle(bundle, digest), read_dag(bundle)
    assert manifest.runtime == "ensemble"
    assert manifest.why == "asks small (leaving 1), young (churn 1)"
    assert {name: (one.model, one.digest) for name, one in dag.members.items()} == {
        "small": ("leaving", bundle_of(project, "leaving")[1]),
        "young": ("churn", bundle_of(project, "churn")[1]),
    }
    registered = Project.open(project).registry()
    assert registered.version("both", "1").trained_until == registered.version("churn", "1").trained_until
    parity = json.loads((bundle / "parity.json").read_text())
    assert (parity["share"], sorted(parity["members"])) == (1.0, ["ensemble", "small", "young"])


def test_a_changed_byte_in_a_member_is_refused(project: Path, tmp_path: Path) -> None:
    bundle, digest = bundle_of(project, "both")
    copy = shutil.copytree(bundle, tmp_path / "copy")
    for name in ("members/young/bundle.json", "members/young/model.onnx", "ensemble.json", "combine.py"):
        before = (copy / name).read_bytes()
        (copy / name).write_bytes(before[:-1] + b" ")
        with pytest.raises(Tampered, match=name):
            open_model(copy, digest)
        (copy / name).write_bytes(before)
    open_bundle(copy, digest)


def test_an_unchanged_ensemble_is_its_version_and_audit_score_and_reproduce_know_it(
    project: Path, alone: list[float]
) -> None:
    assert trained(project, "both").version == "1"
    said = headgate(project, "reproduce", "1", "--model", "both")
    assert "identical" in said
    (project / "in.csv").write_text("age,plan\n20.0,small\n95.0,large\n,small\n44.5,unheard of\n")
    headgate(project, "score", "both", str(project / "in.csv"), str(project / "out.parquet"))
    scored = pq.read_table(project / "out.parquet")["probability"].to_numpy()
    assert scored.astype(np.float32).tolist() == alone
    assert json.loads(headgate(project, "audit", "--json"))["holds"]


def test_members_that_saw_the_held_out_rows_are_refused(project: Path) -> None:
    policy = project / "headgate.yaml"
    before = policy.read_text()
    head, tail = before.rsplit("holdout: 200h", 1)
    policy.write_text(f"{head}holdout: 300h{tail}")
    try:
        with pytest.raises(Leak, match=r"member young \(version 1 of churn\) was trained until .* rows begin"):
            trained(project, "both")
    finally:
        policy.write_text(before)
