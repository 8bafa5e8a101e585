"""Bring what a training script hands over into the form of a run's stages, and package it."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from headgate.base.digest import Json
from headgate.base.errors import BadInput, Leak
from headgate.features.request import as_features, load
from headgate.registry.field import Field
from headgate.training import native
from headgate.training.assemble import Assembled, Frame, columns_of, input_fields
from headgate.training.code import pack, read_code
from headgate.training.environment import environment
from headgate.training.evaluation import evaluate_native
from headgate.training.packaging import package_run
from headgate.training.ports import Bench
from headgate.training.run import Stage
from headgate.training.snapshot import Snapshot
from headgate.training.stages import save_assembled
from headgate.training.table import read_table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a script said about itself.

    Attributes:
        params: Its parameters.
        seed: Its seed.
        snapshots: Reference -> snapshot of what it read.
        script: path, inside (the project), arguments.
    """

    params: Mapping[str, bool | int | float | str]
    seed: int
    snapshots: Mapping[str, Snapshot]
    script: Mapping[str, Json]


def package_recorded(
    bench: Bench, fitted: object, train: "pd.DataFrame", heldout: "pd.DataFrame", said: Recorded, work: Path
) -> dict[Stage, Path]:
    """Write the folders of the stages assemble, fit, evaluate and package under `work`; return them.

    Raises:
        BadInput: A frame lacks a declared column, or holds values that do not fit.
        Leak: A held-out row is not later than every row that trained.
    """
    refuse_ensemble(bench)
    folders: dict[Stage, Path] = {
        stage: work / stage for stage in ("validate", "assemble", "fit", "evaluate", "package")
    }
    for folder in folders.values():
        folder.mkdir()
    code = read_code(bench.project)
    made = _assemble(bench, train, heldout)
    save_assembled(made, folders["assemble"])
    native.save(fitted, folders["fit"] / "native", bench.policy.package)
    evaluate_native(bench.policy, folders["assemble"], folders["fit"], folders["evaluate"])
    record: dict[str, Json] = {
        "model": bench.model,
        "policy": bench.policy.model_dump(mode="json"),
        "code": code.to_json(),
        "environment": environment(bench.policy.training.threads),
        "snapshots": {name: snapshot.to_json() for name, snapshot in said.snapshots.items()},
        "seed": said.seed,
        "params": dict(said.params),
        "script": dict(said.script),
    }
    package_run(bench, folders, features_text(bench), record, folders["package"])
    pack(bench.project, code, folders["package"] / "record" / "code.tar")
    return folders


def refuse_ensemble(bench: Bench) -> None:
    """Refuse a model of one's own under the name of an ensemble, which is made of other models."""
    if bench.policy.ensemble is not None:
        raise BadInput(
            "it is an ensemble of other models; there is none of its own to register",
            where=f"model {bench.model}",
            way_out=f"make a version with `headgate train {bench.model}`, or take `ensemble` out of headgate.yaml",
        )


def _assemble(bench: Bench, train: "pd.DataFrame", heldout: "pd.DataFrame") -> Assembled:
    time = bench.policy.data.time
    frames = [_frame(bench, frame, name) for frame, name in ((train, "train"), (heldout, "heldout"))]
    until, first = pc.max(frames[0].rows[time]).as_py(), pc.min(frames[1].rows[time]).as_py()
    if first <= until:
        raise Leak(
            f"a held-out row is of {first.isoformat()}, and training went on until {until.isoformat()}",
            where=f"{bench.model}: run.model(heldout=...)",
            way_out="hold out rows that are later than every row that trained",
        )
    return Assembled(frames[0], frames[1], until, input_fields(bench.policy), feature_fields(frames))


def feature_fields(frames: Sequence[Frame]) -> tuple[Field, ...]:
    """Return the fields of the features; one may be missing where it is for any row."""
    schema = frames[0].features.schema
    return tuple(
        Field(
            name,
            "string" if pa.types.is_string(kind) else "float32",
            missing=any(_gaps(frame, name) for frame in frames),
        )
        for name, kind in zip(schema.names, schema.types, strict=True)
    )


def _gaps(frame: Frame, name: str) -> bool:
    return bool(pc.any(pc.is_null(frame.features[name], nan_is_null=True)).as_py())


def _frame(bench: Bench, frame: "pd.DataFrame", name: str) -> Frame:
    where = f"run.model({name}=...)"
    if not len(frame):
        raise BadInput("the frame has no rows", where=where, way_out="hand over the rows")
    with tempfile.TemporaryDirectory() as beside:
        path = Path(beside) / "rows.parquet"
        frame.to_parquet(path, index=False)
        return read_frame_file(bench, path, where)


def read_frame_file(bench: Bench, path: Path, where: str) -> Frame:
    """Read rows with every declared column, stored features included, and compute their features.

    Raises:
        BadInput: A column is missing, a value does not fit, or features.py fails.
    """
    policy = bench.policy
    tables = policy.features.stored.values()
    stored = {table.prefix + name: column for table in tables for name, column in table.columns.items()}
    rows = read_table(path, {**policy.data.columns, **stored}, where)
    text = features_text(bench)
    columns = columns_of(rows, input_fields(policy))
    call = load(text, "recorded", policy.features.file or "") if text is not None else None
    made = call(columns) if call is not None else as_features(columns, len(rows), where)
    return Frame(rows, pa.table({name: pa.array(values, from_pandas=False) for name, values in made.items()}))


def features_text(bench: Bench) -> str | None:
    """Return the text of features.py; None where the policy names none, or it is not there."""
    file = bench.policy.features.file
    path = bench.project / file if file else None
    return path.read_text(encoding="utf-8") if path is not None and path.is_file() else None
