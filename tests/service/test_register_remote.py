"""A model that another server runs, here Headgate's own worker, becomes a version that answers as that server does."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper

from headgate.adapters.machine.served import let_serve, serving
from headgate.base.clock import SystemClock
from headgate.registry.bundle import Manifest, list_files, seal
from headgate.registry.field import Field
from headgate.registry.signature import Signature
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
      label: {{ column: left }}
      columns:
        id: {{ type: string }}
        seen_at: {{ type: timestamp }}
        age: {{ type: float }}
        left: {{ type: int }}
    features: {{ file: null, inputs: [age] }}
    split: {{ holdout: 100h }}
    package: {{ allow_private: {allowed} }}
    scorecard: [{{ kind: metric, metric: roc_auc, at_least: 0.6 }}]
"""


def a_bundle(folder: Path) -> str:
    """Seal a bundle: the older, the likelier."""
    folder.mkdir()
    take, give = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [None]) for name in ("age", "probability"))
    nodes = [
        helper.make_node("Mul", ["age", "slope"], ["scaled"]),
        helper.make_node("Sigmoid", ["scaled"], ["probability"]),
    ]
    slope = onnx.numpy_helper.from_array(np.array(0.05, np.float32), "slope")
    graph = helper.make_graph(nodes, "g", [take], [give], [slope])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), folder / "model.onnx"
    )
    signature = Signature((Field("age", "float32"),), (Field("age", "float32"),), (Field("probability", "float32"),))
    return seal(folder, Manifest("churn", "binary", "onnx", "", signature, ("0", "1"), 1, list_files(folder)))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("other")
    (folder / "headgate.yaml").write_text(OWN.format(allowed="false"))
    digest = a_bundle(folder / "bundle")
    let_serve(Project.open(folder, SystemClock()).journal(), "churn", "1", digest, folder / "bundle")
    with serving(folder) as (host, port):
        yield f"http://{host}:{port}/v2/models/churn"


def register(folder: Path, url: str, allowed: str) -> "subprocess.CompletedProcess[str]":
    (folder / "headgate.yaml").write_text(OWN.format(allowed=allowed))
    hours = pd.date_range("2026-02-01T00:00:00Z", periods=300, freq="h").strftime("%Y-%m-%dT%H:%M:%SZ")
    age = np.random.default_rng(3).uniform(18, 80, 300).round(1)
    ids = [f"c{at}" for at in range(300)]
    frame = pd.DataFrame({"id": ids, "seen_at": hours, "age": age, "left": (age > 50).astype(int)})
    frame.to_csv(folder / "heldout.csv", index=False)
    command = [sys.executable, "-m", "headgate.cli.main", "register", url, "--heldout", str(folder / "heldout.csv")]
    words = ["--as", "ada", "--json", "-C", str(folder)]
    return subprocess.run([*command, *words], capture_output=True, text=True, check=False)


def test_it_answers_as_the_server_does(url: str, tmp_path: Path) -> None:
    done = register(tmp_path, url, "true")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["runtime"] == "remote"
    assert said["why"].startswith(f"{url} answers")
    digest = said["digest"]
    project = Project.open(tmp_path, SystemClock())
    predictor = open_model(project.bundles() / digest.removeprefix("sha256:"), digest)
    ages = np.array([20.0, 50.0])
    found = predictor.predict({"age": ages})["probability"]
    predictor.close()
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-0.05 * ages)), rtol=1e-6)


def test_a_private_address_needs_the_policys_word(url: str, tmp_path: Path) -> None:
    done = register(tmp_path, url, "false")
    assert done.returncode == 4
    assert "set package.allow_private: true" in done.stderr
