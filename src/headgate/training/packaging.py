"""The package stage: the sealed bundle, and beside it the record that the run can be read and reproduced from.

bundle/    headgate.training.package
record/    record.json  metrics.json  predictions.parquet  heldout_rows.parquet  (code.tar comes with it)
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from headgate.base.digest import Json
from headgate.registry.bundle import open_bundle
from headgate.training import native
from headgate.training.assemble import Assembled
from headgate.training.canonical import artefact_digest
from headgate.training.package import Material, package
from headgate.training.ports import Bench
from headgate.training.run import Stage
from headgate.training.stages import load_assembled

KEPT: tuple[tuple[Stage, str], ...] = (
    ("evaluate", "metrics.json"),
    ("evaluate", "predictions.parquet"),
    ("assemble", "heldout_rows.parquet"),
)


def package_run(
    bench: Bench, folders: Mapping[Stage, Path], source: str | None, record: Mapping[str, Json], target: Path
) -> None:
    """Package what was fitted; write the bundle and the record into the target folder."""
    made = load_assembled(folders["assemble"])
    material = Material(
        model=bench.model,
        policy=bench.policy,
        inputs=made.inputs,
        features=made.features,
        train=made.train,
        heldout=made.heldout,
        source=source,
    )
    bundle = package(native.load(folders["fit"] / "native"), material, target / "bundle", bench.open_model)
    write_record(made, bundle, folders, record, target)


def write_record(
    made: Assembled, bundle: Path, folders: Mapping[Stage, Path], record: Mapping[str, Json], target: Path
) -> None:
    """Write the record of a packaged run beside its bundle; what `record` says goes before what the rows say."""
    kept = target / "record"
    kept.mkdir()
    for stage, name in KEPT:
        shutil.copyfile(folders[stage] / name, kept / name)
    about: dict[str, Json] = {
        "trained_until": made.trained_until.isoformat(),
        **record,
        "rows": {"train": made.train.rows.num_rows, "heldout": made.heldout.rows.num_rows},
        "bundle": describe_bundle(bundle),
    }
    (kept / "record.json").write_text(json.dumps(about, indent=1, sort_keys=True))


def describe_bundle(bundle: Path) -> dict[str, Json]:
    """Return what the record says of a bundle: digest, canonical digest of the model, runtime and why, signature."""
    manifest = open_bundle(bundle)
    return {
        "digest": manifest.digest,
        "canonical": artefact_digest(bundle),
        "runtime": manifest.runtime,
        "why": manifest.why,
        "signature": manifest.signature.to_json(),
    }
