"""What an ensemble's run makes in place of a fitted model: its bundle as it will serve, and how that agrees.

draft/        members/NAME/  ensemble.json  features.py  combine.py  bundle.json
pins.json     the members' versions, and until when they were trained
metrics.json  predictions.parquet  parity.json
"""

import json
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from headgate.base.digest import Json
from headgate.features.combine import Combine, Flat, load_combine, weighted
from headgate.features.ensemble import Ensemble
from headgate.features.predictor import FEATURES, Predictor
from headgate.features.request import prove_chunks
from headgate.features.warm import warm
from headgate.registry.bundle import Manifest, list_files, open_bundle, read_dag, seal, write_dag
from headgate.registry.dag import COMBINE, MEMBERS, Dag
from headgate.registry.field import Columns, Field
from headgate.registry.signature import Signature
from headgate.registry.steps import ensure_bundle
from headgate.training import baseline, native, parity
from headgate.training.assemble import Assembled, columns_of
from headgate.training.draft import BASELINE, PARITY
from headgate.training.evaluation import write_evaluation
from headgate.training.material import as_columns, outputs_of
from headgate.training.members import Pin, classes_of, trained_until, wire
from headgate.training.ports import Bench
from headgate.training.run import Stage

DRAFT, PINS = "draft", "pins.json"
PROOF_ROWS = 500
Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Parts:
    """What an ensemble is made of.

    Attributes:
        pins: The members' versions.
        features: The text of its features.py; None: members read its inputs as they are.
        combine: The text of its combine.py; None: a weighted mean.
    """

    pins: Mapping[str, Pin]
    features: str | None
    combine: str | None


def compose(bench: Bench, parts: Parts, made: Assembled, target: Path) -> None:
    """Write the sealed draft of the bundle, and pins.json.

    Raises:
        BadInput: The members do not fit together.
        Leak: A member was trained on rows that are to judge.
    """
    where, policy, ensemble = f"model {bench.model}", bench.policy, bench.policy.ensemble
    assert ensemble is not None  # noqa: S101 - only ensembles come here
    first = pc.min(made.heldout.rows[policy.data.time]).as_py()
    until = trained_until(parts.pins, first.isoformat(), where)
    folder = target / DRAFT
    manifests = {name: _embed(bench, pinned, folder / MEMBERS / name) for name, pinned in parts.pins.items()}
    features = features_of(made, prepared=parts.features is not None)
    dag = wire(ensemble, parts.pins, manifests, {field.name: field for field in features}, where)
    classes = classes_of(policy.task, dag.weights, manifests, _labels(made, policy.data.label.column))
    write_dag(dag, folder)
    for name, text in ((FEATURES, parts.features), (COMBINE, parts.combine)):
        if text is not None:
            (folder / name).write_text(text, encoding="utf-8")
    signature = Signature(made.inputs, features, outputs_of(policy.task, len(classes)))
    why = f"asks {', '.join(f'{name} ({one.model} {one.version})' for name, one in parts.pins.items())}"
    manifest = Manifest(
        bench.model, policy.task, "ensemble", why, signature, classes, policy.api_version, list_files(folder)
    )
    seal(folder, manifest)
    pins = {name: pinned.to_json() for name, pinned in parts.pins.items()}
    (target / PINS).write_text(json.dumps({"members": pins, "trained_until": until}, indent=1))


def read_pins(fitted: Path) -> dict[str, Json]:
    """Return `members` and `trained_until` as the record holds them."""
    found: dict[str, Json] = json.loads((fitted / PINS).read_text())
    return found


def _embed(bench: Bench, pinned: Pin, place: Path) -> Manifest:
    source = ensure_bundle(bench.bundles, bench.registry, pinned.model, pinned.version, pinned.digest)
    shutil.copytree(source, place)
    return open_bundle(place, pinned.digest)


def features_of(made: Assembled, *, prepared: bool) -> tuple[Field, ...]:
    """Return what members may read: what features.py makes, then every input that it does not replace."""
    own = made.features if prepared else ()
    names = {field.name for field in own}
    return (*own, *(field for field in made.inputs if field.name not in names))


def _labels(made: Assembled, column: str) -> tuple[str, ...]:
    values = [part.rows[column].to_numpy(zero_copy_only=False) for part in (made.train, made.heldout)]
    return tuple(str(value) for value in np.unique(np.concatenate(values)))


def _opened(bench: Bench, folder: Path, digest: str | None, after: ExitStack) -> Predictor:
    predictor = bench.open_model(folder, digest)
    after.callback(predictor.close)
    return predictor


def evaluate_ensemble(bench: Bench, made: Assembled, fitted: Path, target: Path) -> None:
    """Write metrics, predictions and parity: the ensemble's answers against those of its members, asked one by one.

    Raises:
        BadInput: It does not answer the held-out rows, or the made-up one that a worker tries first; or an answer
            depends on other rows than its own.
    """
    folder, policy = fitted / DRAFT, bench.policy
    inputs = columns_of(made.heldout.rows, made.inputs)
    with ExitStack() as after:
        whole = _opened(bench, folder, None, after)
        warm(whole)
        manifest, features = whole.manifest, whole.featurise(inputs)
        first = manifest.signature.outputs[0].name
        answers = whole.predict(inputs)[first]
        alone, combine = _alone(bench, folder, manifest, after)
        known = alone.columns(features)
        expected = combine(known, len(answers))[first]
    where = policy.ensemble.combine if policy.ensemble else COMBINE
    _prove(Flat(combine, where), known, made.heldout.rows[policy.data.id])
    predictions = native.SHAPES[policy.task](answers.astype(np.float64), len(answers), bench.model)
    count = len(answers)
    cases = parity.Cases({}, (parity.HELD_OUT,) * count, tuple(f"held-out row {row}" for row in range(count)))
    same = parity.compare("ensemble", expected, answers, cases, 0.0)
    (target / PARITY).write_text(_text(_with_members(same, folder, read_dag(folder))))
    write_evaluation(policy, made.heldout.rows, predictions, manifest.classes, target)


def _alone(bench: Bench, folder: Path, manifest: Manifest, after: ExitStack) -> tuple[Ensemble, Combine]:
    """Return the same ensemble over members that were opened one by one, and what combines them."""
    dag = read_dag(folder)
    members = {
        name: _opened(bench, folder / MEMBERS / name, member.digest, after) for name, member in dag.members.items()
    }
    outputs, classes = manifest.signature.outputs, manifest.classes
    if dag.weights:
        combine = Combine(weighted(dag.weights, outputs[0].name), outputs, classes, "ensemble")
    else:
        where = bench.policy.ensemble.combine if bench.policy.ensemble else COMBINE
        source = (folder / COMBINE).read_text(encoding="utf-8")
        combine = load_combine(source, "alone", where, outputs, classes)
    return Ensemble(dag, members, combine), combine


def _prove(combine: Flat, known: Columns, ids: Any) -> None:
    """Prove on some held-out rows that a row's answer depends on that row alone."""
    sample = np.unique(np.linspace(0, len(ids) - 1, min(len(ids), PROOF_ROWS)).astype(np.intp))
    chosen = {name: column[sample] for name, column in known.items()}
    prove_chunks(combine, chosen, ids.take(pa.array(sample)).to_pylist())


def _with_members(same: parity.Parity, folder: Path, dag: Dag) -> dict[str, Json]:
    """Return what parity.json holds: the worst of the ensemble itself and of its members as they were packaged."""
    found: dict[str, Any] = {"ensemble": same.to_json()}
    for name in dag.members:
        path = folder / MEMBERS / name / PARITY
        if path.is_file():
            found[name] = json.loads(path.read_text())
    worst = min(found, key=lambda name: (float(found[name]["share"]), name != "ensemble"))
    return {**found[worst], "rows": same.rows, "of": worst, "members": {**found, "ensemble": same.to_json()}}


def package_ensemble(bench: Bench, made: Assembled, folders: Mapping[Stage, Path], target: Path) -> Path:
    """Write the sealed bundle: the draft, with what it agrees with and what its rows looked like."""
    shutil.copytree(folders["fit"] / DRAFT, target)
    shutil.copyfile(folders["evaluate"] / PARITY, target / PARITY)
    drafted = open_bundle(folders["fit"] / DRAFT)
    rows = pq.read_table(folders["evaluate"] / "predictions.parquet").drop_columns(["id"])
    (target / BASELINE).write_text(_text(_baseline(made, drafted, rows)))
    fields = {name: getattr(drafted, name) for name in Manifest.__slots__}
    manifest = Manifest(**{**fields, "api_version": bench.policy.api_version, "files": list_files(target)})
    seal(target, manifest)
    return target


def _baseline(made: Assembled, manifest: Manifest, predictions: pa.Table) -> dict[str, Json]:
    first, *labels = manifest.signature.outputs
    values = np.stack([column.to_numpy() for column in predictions.columns], axis=1).astype(np.float32)
    parts = {
        "inputs": as_columns(made.train.rows, manifest.signature.inputs),
        "features": as_columns(made.train.features, made.features) if FEATURES in manifest.files else {},
        "outputs": {
            first.name: values[:, 0] if first.width is None else values,
            **{field.name: np.array(manifest.classes, object)[values.argmax(axis=1)] for field in labels},
        },
    }
    return {name: baseline.to_json(baseline.summarise(columns)) for name, columns in parts.items()}


def _text(body: Json) -> str:
    return json.dumps(body, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"
