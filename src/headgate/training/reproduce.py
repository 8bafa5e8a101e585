"""Train a version again in a clean folder, from its record alone, and compare."""

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from headgate.base.digest import digest_file
from headgate.base.errors import BadInput, Refused, Tampered
from headgate.base.files import ContentStore
from headgate.policy.model import ModelPolicy
from headgate.registry.version import Version
from headgate.training.canonical import artefact_digest
from headgate.training.code import unpack
from headgate.training.environment import environment
from headgate.training.likeness import (
    Likeness,
    compare_artefacts,
    compare_metrics,
    compare_predictions,
    differing_surroundings,
)
from headgate.training.ports import Bench
from headgate.training.run import Run
from headgate.training.snapshot import Snapshot, check_same
from headgate.training.steps import Training, resume


def reproduce(bench: Bench, version: Version) -> Likeness:
    """Retrain a version from its record; return how it compares.

    Raises:
        BadInput: The version has no record of a training run.
        Refused: The data behind a reference changed, and no copy of what it was is left.
    """
    with tempfile.TemporaryDirectory(prefix="headgate-reproduce-") as name:
        clean = Path(name)
        record_folder = bench.registry.fetch(version, "record", clean / "record")
        record = _read_record(record_folder, version)
        project = clean / "project"
        project.mkdir()
        unpack(record_folder / "code.tar", project)
        snapshots = [Snapshot.from_json(entry) for entry in record["snapshots"].values()]
        for snapshot in snapshots:
            _bring_data(bench, snapshot, project)
        again = _train(bench, record, project, clean / "state")
        found = _compare(record, record_folder, again)
        return replace(found, surroundings=(*_moved_on(bench, snapshots), *found.surroundings))


def _read_record(folder: Path, version: Version) -> dict[str, Any]:
    path = folder / "record.json"
    record: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    if "script" in record:
        raise BadInput(
            f"version {version.number} was recorded from a script, which only the script can do again",
            where=f"{version.model}/{version.number}",
            way_out=f"its code lies in the record: run {record['script']['path']} again, and compare the versions",
        )
    if not (folder / "code.tar").is_file() or "snapshots" not in record:
        raise BadInput(
            f"version {version.number} was registered from outside; there is no training run to do again",
            where=f"{version.model}/{version.number}",
            way_out="train it with `headgate train`, or record its script with headgate.run()",
        )
    return record


def _bring_data(bench: Bench, snapshot: Snapshot, project: Path) -> None:
    """Put the data where the policy looks for it: the kept copy, else the source if it is still the same."""
    target = (project / snapshot.reference).resolve()
    if not target.is_relative_to(project.resolve()):
        return  # an absolute reference is read where it is; the snapshot's digest holds it to its content
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        source = bench.content.get(snapshot.digest)
    except Tampered:
        source = bench.project / snapshot.reference
        check_same(snapshot, source)
    shutil.copyfile(source, target)


def _moved_on(bench: Bench, snapshots: Sequence[Snapshot]) -> tuple[str, ...]:
    """Say which sources are no longer what was trained on; the kept copies were used in their place."""
    changed = [
        snapshot.reference
        for snapshot in snapshots
        if not (path := bench.project / snapshot.reference).is_file() or digest_file(path) != snapshot.digest
    ]
    return tuple(f"{reference}: changed or gone since; the kept copy was used" for reference in changed)


def _train(bench: Bench, record: dict[str, Any], project: Path, state: Path) -> Training:
    clean = replace(
        bench,
        project=project,
        state=state,
        content=ContentStore(state / "content"),
        policy=ModelPolicy.model_validate(record["policy"]),
    )
    run = Run("reproduction", bench.model, "process:reproduce", bench.clock.now().isoformat())
    training = resume(clean, run)
    _hold_to(record, training)
    training.through("package")
    return training


def _hold_to(record: dict[str, Any], training: Training) -> None:
    """Refuse to compare with other data: the snapshots taken now must be those of the record."""
    for name, snapshot in training.inputs.snapshots().items():
        was = Snapshot.from_json(record["snapshots"][name])
        if was.digest != snapshot.digest:
            raise Refused(
                f"the data behind {was.reference} changed: it was {was.digest} with {was.rows:,} rows",
                where=was.reference,
                way_out="restore the data (a backup of the state folder holds the kept copy), then repeat",
            )


def _compare(record: dict[str, Any], kept: Path, again: Training) -> Likeness:
    metrics = json.loads((kept / "metrics.json").read_text())["metrics"]
    metrics_again = json.loads((again.folder("evaluate") / "metrics.json").read_text())["metrics"]
    before, after = (
        pq.read_table(kept / "predictions.parquet"),
        pq.read_table(again.folder("evaluate") / "predictions.parquet"),
    )
    matrix: Callable[[Any], Any] = lambda table: table.drop_columns(["id"]).to_pandas().to_numpy()  # noqa: E731
    now = environment(again.bench.policy.training.threads)
    return Likeness(
        compared=(
            compare_metrics(metrics, metrics_again),
            compare_predictions(matrix(before), matrix(after), before["id"].to_pylist()),
            compare_artefacts(record["bundle"]["canonical"], artefact_digest(again.folder("package") / "bundle")),
        ),
        surroundings=differing_surroundings(record["environment"], now),
        ran_on={name: value for name, value in now.items() if not name.startswith("packages")},
    )
