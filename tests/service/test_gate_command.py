"""`headgate gate` on a real project folder, journal and ONNX bundles, while the tracking server is away."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner, Result

from headgate.base.errors import Tampered
from headgate.base.files import make_folder
from headgate.cli import approve, gate
from headgate.journal.event import NewEvent
from headgate.registry.bundle import Manifest, list_files, open_bundle, seal
from headgate.registry.signature import Field, Signature
from headgate.release.ledger import stream_of
from headgate.wiring import Project

SPLIT = datetime(2026, 2, 15, tzinfo=UTC)
POLICY = """\
project: trains
models:
  late:
    task: binary
    data:
      source: rows.csv
      id: id
      time: time
      label: {{ column: late }}
      columns:
        id: {{ type: string }}
        time: {{ type: timestamp }}
        a: {{ type: float }}
        b: {{ type: float, missing: true }}
        line: {{ type: string }}
        late: {{ type: int }}
    features: {{ inputs: [a, b], file: null }}
    split: {{ holdout: 14d }}
    scorecard:
      - {{ kind: metric, metric: roc_auc, at_least: {at_least}, champion: {{ rule: better }} }}
      - {{ kind: segment, by: line, metric: roc_auc, may_drop: 0.05 }}
      - {{ kind: latency, at_most_ms: 2000, rate: 100, seconds: 1 }}
      - {{ kind: memory, at_most_mb: 2000 }}
      - {{ kind: size, at_most_mb: 1 }}
      - {{ kind: parity }}
settings: {{ tracking: "http://127.0.0.1:9" }}
"""


def write_bundle(folder: Path, inputs: tuple[str, ...], weights: tuple[float, ...]) -> None:
    """Seal a logistic model as ONNX: probability = sigmoid(sum of weight x input)."""
    import onnx
    from onnx import TensorProto, helper

    nodes, terms = [], []
    for name in inputs:
        nodes.append(helper.make_node("Mul", [name, f"w_{name}"], [f"t_{name}"]))
        terms.append(f"t_{name}")
    nodes += [helper.make_node("Sum", terms, ["sum"]), helper.make_node("Sigmoid", ["sum"], ["probability"])]
    tensors = [
        helper.make_tensor(f"w_{name}", TensorProto.FLOAT, [], [w]) for name, w in zip(inputs, weights, strict=True)
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None]) for name in (*inputs, "probability")]
    graph = helper.make_graph(nodes, "headgate", ends[:-1], ends[-1:], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, folder / "model.onnx")
    (folder / "parity.json").write_text(json.dumps({"share": 1.0, "rows": 900, "largest": 1e-7, "groups": {}}))
    fields = tuple(Field(name, "float64") for name in inputs)
    features = tuple(Field(name, "float32") for name in inputs)
    signature = Signature(fields, features, (Field("probability", "float32"),))
    seal(folder, Manifest("late", "binary", "onnx", "", signature, ("0", "1"), 1, list_files(folder)))


def rows(count: int = 1200) -> pa.Table:
    rng = np.random.default_rng(6)
    late = rng.integers(0, 2, count)
    line = np.where(np.arange(count) % 3 == 0, "north", "south")
    return pa.table(
        {
            "id": [f"r{row}" for row in range(count)],
            "time": pa.array([SPLIT + timedelta(minutes=row + 1) for row in range(count)], pa.timestamp("us", "UTC")),
            "a": late + rng.normal(0, 1.0, count),
            "b": np.where(line == "south", late * 2.0, 0.0)
            + rng.normal(0, 0.6, count) * np.where(line == "north", 3, 1),
            "line": line,
            "late": late,
        }
    )


class Folder:
    """A project folder with versions that nobody had to train."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.policy(0.6)
        self.project = Project.open(place)

    def policy(self, at_least: float) -> None:
        (self.place / "headgate.yaml").write_text(POLICY.format(at_least=at_least))

    def version(self, number: str, *inputs: str) -> str:
        beside = self.place / f"made-{number}"
        make_folder(beside, lambda folder: write_bundle(folder, inputs, (1.0, 2.0)[: len(inputs)]))
        digest = open_bundle(beside).digest
        beside.rename(self._made(self.project.bundles()) / digest.removeprefix("sha256:"))
        assembled = self._made(self.project.state / "stages" / "assemble" / number)
        pq.write_table(rows(), assembled / "heldout_rows.parquet")
        done = {"assemble": {"key": number, "reused": False, "seconds": 0.0}}
        run = {"id": number, "model": "late", "requester": "person:ada", "started": "", "done": done, "version": number}
        (self._made(self.project.state / "runs" / number) / "run.json").write_text(json.dumps(run))
        self.record(
            "version.registered",
            {
                "version": number,
                "run": f"run-{number}",
                "digest": digest,
                "author": "person:ada",
                "requester": "person:ada",
                "trained_until": SPLIT.isoformat(),
                "source": "train",
            },
        )
        return digest

    def record(self, kind: str, body: dict[str, Any]) -> None:
        store, stream = self.project.journal(), stream_of("late")
        last = max((event.sequence for event in store.read(stream)), default=0)
        store.append(stream, last, [NewEvent(kind, "person:ada", "", body)])

    def run(self, *words: str) -> Result:
        app = typer.Typer()
        app.callback()(lambda: None)
        gate.attach(app)
        approve.attach(app)
        return CliRunner().invoke(app, [*words, "--project", str(self.place)])

    @staticmethod
    def _made(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        return folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def lines(result: Result) -> dict[str, Any]:
    body = json.loads(result.stdout)
    return {line["line"]: line for line in body["lines"]}


def test_a_version_passes_after_its_scorecard_is_signed_off_and_nothing_is_lost(folder: Folder) -> None:
    folder.version("1", "a")
    first = folder.run("gate", "1", "--json")
    assert first.exit_code == 1, first.output
    said = lines(first)
    assert [line["line"] for line in said.values() if not line["passed"]] == [
        "scorecard: a person approved it as it stands"
    ]
    assert (
        "no champion yet: absolute only"
        in said["roc_auc at least 0.6, better than the champion (95% confident)"]["why"]
    )

    signed = folder.run("approve", "--scorecard", "--because", "agreed with operations", "--as", "grace")
    assert signed.exit_code == 0, signed.output
    second = folder.run("gate", "1", "--json")
    body = json.loads(second.stdout)
    assert second.exit_code == 0, second.output
    assert body["passed"]
    assert body["machine"]["cores"]
    assert "headgate tick" in body["warning"]
    assert Path(body["report"]).read_text().startswith("<!doctype html>")
    given = list(folder.project.journal().read(kinds=("verdict.given",)))
    assert [event.body["passed"] for event in given] == [False, True]

    folder.policy(0.61)
    edited = folder.run("gate", "1", "--json")
    assert edited.exit_code == 1
    assert "it was edited since" in lines(edited)["scorecard: a person approved it as it stands"]["why"]


def test_a_higher_auc_with_a_worse_segment_is_rejected_and_the_segment_is_named(folder: Folder) -> None:
    digest = folder.version("1", "a")
    folder.record(
        "pointer.moved",
        {
            "from": None,
            "to": "1",
            "digest": digest,
            "revision": 1,
            "cause": "promote",
            "override": None,
            "authenticated": False,
            "approvers": [],
            "rules": {},
            "at": SPLIT.isoformat(),
        },
    )
    folder.version("2", "a", "b")
    result = folder.run("gate", "2", "--json")
    said = lines(result)
    assert result.exit_code == 1, result.output
    assert said["roc_auc at least 0.6, better than the champion (95% confident)"]["passed"]
    segment = said["roc_auc in every line no worse than the champion by more than 0.05"]
    assert not segment["passed"]
    assert segment["why"].startswith("line north: roc_auc")
    assert "against champion 1's" in segment["why"]
    signature = said["signature: callers of the champion can call it"]
    assert not signature["passed"]
    assert "input b is new" in signature["why"]


def test_the_table_names_what_is_not_met_and_an_unknown_version_is_refused(folder: Folder) -> None:
    folder.version("1", "a")
    shown = folder.run("gate", "1")
    assert shown.exit_code == 1
    assert "not passed: 1 of 8 lines is not met" in shown.output
    unknown = folder.run("gate", "9")
    assert unknown.exit_code == 4
    assert "has no version 9" in unknown.output


def test_a_tampered_bundle_without_a_registry_is_judged_by_nobody(folder: Folder) -> None:
    digest = folder.version("1", "a")
    model = folder.project.bundles() / digest.removeprefix("sha256:") / "model.onnx"
    model.write_bytes(model.read_bytes() + b"x")
    result = folder.run("gate", "1", "--json")
    assert result.exit_code == Tampered.exit_code
    assert "changed since it was sealed: model.onnx" in result.output
    assert [event.kind for event in folder.project.journal().read() if event.kind == "verdict.given"] == []
