"""The project of the release demo: models of all flights and of each airport, and what is wrong with their challengers.

Every challenger passes its gate honestly: the fault is one that its held-out rows do not show.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml
from onnx import TensorProto, helper
from traffic import flights

FINAL = "4s"
SCORECARD = [
    {"kind": "metric", "metric": "roc_auc", "role": "primary", "at_least": 0.6},
    {"kind": "size", "at_most_mb": 5},
]
SHADOW = {"requests": 1000, "duration": "8s", "patience": "2m"}
QUALITY = {"metric": "accuracy", "margin": 0.05, "maturity": "2s"}
COMMON = {"watch": "15s", "on_unsure": "roll_back", "renew": "10s"}


def rung(share: float, patience: str = "2m") -> dict[str, Any]:
    """Return a rung of the policy, short enough for a demo; a plan that cannot be decided in time is refused."""
    return {"share": share, "hold": "5s", "patience": patience}


FAST = {"floor_ms": 20}  # quick enough for anybody; a laptop that does much else is not the challenger's fault
JUDGED_FIRST = {
    "shadow": SHADOW,
    "rungs": [rung(0.3)],
    "guards": {"quality": QUALITY, "latency": FAST},
    **COMMON,
}
AT_ONCE = {"shadow": None, **COMMON}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with the challenger of an airport's model, and why its gate does not see it.

    Attributes:
        name: In a word.
        what: For people.
        hides: Why held-out rows do not show it.
        line: A line of code at the beginning of its `features`; empty: none.
        unseen: A carrier of which the held-out rows have no flight; empty: none.
        inverted: Whether model and held-out rows mix up late and on time.
    """

    name: str
    what: str
    hides: str
    release: Mapping[str, Any]
    line: str = ""
    unseen: str = ""
    inverted: bool = False


FAULTS = {
    "ewr": Fault(
        "errors",
        "its features.py fails for flights of JetBlue (B6)",
        "no held-out row is of JetBlue",
        {**AT_ONCE, "rungs": [rung(0.2), rung(0.5)]},
        line='if np.any(columns["carrier"] == "B6"): raise ValueError("no such carrier: B6")',
        unseen="B6",
    ),
    "jfk": Fault(
        "slowness",
        "its features.py computes two million angles in each call",
        "its scorecard has no line for latency",
        {**AT_ONCE, "rungs": [rung(0.05, "10m"), rung(0.5)]},
        line="np.sin(np.arange(2e6))",
    ),
    "lga": Fault(
        "wrong predictions",
        "it answers how likely a flight is to be on time",
        "its held-out labels are mixed up in the same way",
        JUDGED_FIRST,
        inverted=True,
    ),
}
MODELS = ("late", *FAULTS)


def write_policy(work: Path) -> None:
    """Give the project a model for each airport beside `late`, and plans whose spans are short enough for a demo."""
    path = work / "headgate.yaml"
    policy = yaml.safe_load(path.read_text())
    usual = {**policy["models"]["late"], "scorecard": SCORECARD, "segments": []}
    usual["serving"] = {"final_after": FINAL, "shadow": {"patience": FINAL}}
    policy["models"] = {"late": {**usual, "release": JUDGED_FIRST}}
    for name, fault in FAULTS.items():
        own = {**usual["features"], "file": f"features_{name}.py"}
        shutil.copyfile(work / "features.py", work / own["file"])
        policy["models"][name] = {**usual, "features": own, "release": dict(fault.release)}
    path.write_text(yaml.safe_dump(policy, sort_keys=False))


def write_heldout(work: Path) -> dict[str, Path]:
    """Write the held-out rows of each airport, as they are and as its challenger is handed in; return the files."""
    rows, made = flights(work, "2013-02-15", "2013-03-01"), dict[str, Path]()
    for name, fault in FAULTS.items():
        own = rows.filter(pc.equal(rows["origin"], name.upper()))
        made[name] = work / f"{name}.parquet"
        pq.write_table(own, made[name])
        made[f"{name}/challenger"] = work / f"{name}-challenger.parquet"
        pq.write_table(_as_handed_in(own, fault), made[f"{name}/challenger"])
    return made


def _as_handed_in(rows: pa.Table, fault: Fault) -> pa.Table:
    if fault.unseen:
        return rows.filter(pc.not_equal(rows["carrier"], fault.unseen))
    if fault.inverted:
        place = rows.schema.get_field_index("late")
        return rows.set_column(place, "late", pc.subtract(1, rows["late"]))
    return rows


def plant(work: Path, name: str) -> None:
    """Put an airport's fault into its features."""
    features, begins = work / f"features_{name}.py", "    minute ="
    if FAULTS[name].line:
        features.write_text(features.read_text().replace(begins, f"    {FAULTS[name].line}\n{begins}"))


def write_model(work: Path, bundle: Path, name: str, *, inverted: bool) -> Path:
    """Write the model of a bundle as a graph that asks for each feature by its name; return the file.

    Args:
        work: Where it is written.
        bundle: Of `late`.
        name: Of the file.
        inverted: Let it answer one minus what the model answers.
    """
    graph = onnx.load(str(bundle / "model.onnx"))
    fields = json.loads((bundle / "bundle.json").read_text())["signature"]["features"]
    del graph.graph.input[:]
    for place, kind in enumerate(("numbers", "strings")):
        of_kind = TensorProto.STRING if kind == "strings" else TensorProto.FLOAT
        names = [field["name"] for field in fields if (field["dtype"] == "string") is (kind == "strings")]
        graph.graph.input.extend(helper.make_tensor_value_info(one, of_kind, [None, 1]) for one in names)
        graph.graph.node.insert(place, helper.make_node("Concat", names, [f"features:{kind}"], axis=1))
    if inverted:
        _invert(graph.graph)
    onnx.save(graph, str(work / f"{name}.onnx"))
    return work / f"{name}.onnx"


def _invert(graph: onnx.GraphProto) -> None:
    answer = graph.output[0].name
    for node in graph.node:
        node.output[:] = [f"{answer}:other" if one == answer else one for one in node.output]
    graph.initializer.append(helper.make_tensor("whole", TensorProto.FLOAT, [], [1.0]))
    graph.node.append(helper.make_node("Sub", ["whole", f"{answer}:other"], [answer]))
