"""Register a model that was made elsewhere: packaged, scored on its held-out rows, recorded, and a version."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from headgate.base.digest import Json, digest_file, digest_json
from headgate.base.errors import BadInput, Leak
from headgate.policy.span import parse_moment
from headgate.registry.bundle import list_files, open_bundle
from headgate.registry.version import RunRecord, Version
from headgate.training import remote
from headgate.training.assemble import Frame, columns_of, input_fields, write_frame
from headgate.training.evaluation import segment_columns
from headgate.training.foreign import package_foreign
from headgate.training.material import Material, outputs_of
from headgate.training.metrics import evaluate
from headgate.training.packaging import describe_bundle
from headgate.training.ports import Bench
from headgate.training.recorded import feature_fields, features_text, read_frame_file, refuse_ensemble
from headgate.training.registration import register_bundle

REMOTE = ("runs:/", "models:/")


@dataclass(frozen=True, slots=True)
class Brought:
    """What somebody hands in.

    Attributes:
        source: A path, ``runs:/...`` or ``models:/...``.
        heldout: File of rows that the model never saw.
        trained_until: ISO 8601 with zone; empty: not known, and never compared with a champion.
        classes: Labels in the order of the probabilities; empty: the model names them.
        requester: Who hands it in.
    """

    source: str
    heldout: Path
    trained_until: str
    classes: tuple[str, ...]
    requester: str


def bring(bench: Bench, brought: Brought) -> tuple[Version, str, str]:
    """Register the model; return its version, the runtime that serves it, and why.

    The same model with the same rows is the same version again.

    Raises:
        BadInput: The model or the rows cannot be used.
        Leak: A held-out row is not later than `trained_until`.
    """
    refuse_ensemble(bench)
    until = _until(brought.trained_until)
    heldout = read_frame_file(bench, brought.heldout, str(brought.heldout))
    _check_later(heldout, bench.policy.data.time, until, str(brought.heldout))
    with tempfile.TemporaryDirectory(dir=_made(bench.state)) as name:
        work = Path(name)
        model = _fetch(bench, brought.source, work / "fetched")
        content = _content(bench, model, brought)
        with _naming(brought.source, work):
            bundle = package_foreign(
                model, _material(bench, heldout), work / "package" / "bundle", bench.open_model, brought.classes
            )
        record = _record(bench, brought, bundle, heldout, content)
        metrics, predictions = _score(bench, bundle, heldout)
        _write_record(work / "package" / "record", record, metrics, predictions, heldout, bench.policy.data.id)
        about = _describe(bench, brought, record, metrics, f"registered-{content[:32]}")
        version = register_bundle(bench, about, work / "package", brought.requester, f"register:{content}")
        manifest = open_bundle(bundle)
        return version, manifest.runtime, manifest.why


@contextmanager
def _naming(source: str, work: Path) -> Iterator[None]:
    """Let an error about what was fetched name what was typed, not the folder that is gone by then."""
    try:
        yield
    except BadInput as error:
        if not error.where.startswith(str(work)):
            raise
        raise type(error)(error.what, where=source, way_out=error.way_out) from error


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _until(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return parse_moment(text)
    except ValueError as error:
        raise BadInput(str(error), where="--trained-until", way_out="write 2026-01-31T23:59:59Z") from error


def _check_later(heldout: Frame, time: str, until: datetime | None, where: str) -> None:
    first = pc.min(heldout.rows[time]).as_py()
    if until is not None and first <= until:
        raise Leak(
            f"a held-out row is of {first.isoformat()}, and training went on until {until.isoformat()}",
            where=where,
            way_out="hold out rows that are later than every row that trained",
        )


def _fetch(bench: Bench, source: str, target: Path) -> Path:
    if source.startswith(REMOTE):
        return bench.registry.download(source, target)
    if source.startswith(remote.SCHEMES):
        target.mkdir(parents=True)
        text = remote.describe(source, allow_private=bench.policy.package.allow_private)
        (target / remote.FILE).write_text(text)
        return target / remote.FILE
    path = Path(source)
    if not path.exists():
        raise BadInput(
            "there is no model here", where=source, way_out="name a file, an MLflow folder, runs:/ or models:/"
        )
    return path


def _content(bench: Bench, model: Path, brought: Brought) -> str:
    files = list_files(model) if model.is_dir() else {model.name: digest_file(model)}
    said: dict[str, Json] = {"until": brought.trained_until, "classes": list(brought.classes), "model": bench.model}
    policy = {"package": bench.policy.package.model_dump(mode="json"), "task": bench.policy.task}
    body: Json = {
        **said,
        **policy,
        "files": files,
        "heldout": digest_file(brought.heldout),
        "features": features_text(bench),
    }
    return digest_json(body).removeprefix("sha256:")


def _material(bench: Bench, heldout: Frame) -> Material:
    """Without training rows, the held-out rows stand for them in the baseline."""
    fields = feature_fields([heldout])
    return Material(
        bench.model, bench.policy, input_fields(bench.policy), fields, heldout, heldout, features_text(bench)
    )


def _score(bench: Bench, bundle: Path, heldout: Frame) -> tuple[dict[str, float], npt.NDArray[np.float64]]:
    policy = bench.policy
    predictor = bench.open_model(bundle, None)
    try:
        outputs = predictor.predict(columns_of(heldout.rows, input_fields(policy)))
    finally:
        predictor.close()
    classes = predictor.manifest.classes
    predictions = np.asarray(outputs[outputs_of(policy.task, len(classes))[0].name], dtype=np.float64)
    labels = heldout.rows[policy.data.label.column].to_numpy(zero_copy_only=False)
    segments = {name: heldout.rows[name].to_numpy(zero_copy_only=False) for name in segment_columns(policy)}
    return evaluate(policy.task, labels, predictions, classes, segments), predictions


def _record(bench: Bench, brought: Brought, bundle: Path, heldout: Frame, content: str) -> dict[str, Json]:
    return {
        "model": bench.model,
        "policy": bench.policy.model_dump(mode="json"),
        "source": brought.source
        if brought.source.startswith((*REMOTE, *remote.SCHEMES))
        else Path(brought.source).name,
        "content": content,
        "trained_until": brought.trained_until,
        "heldout": {
            "file": brought.heldout.name,
            "digest": digest_file(brought.heldout),
            "rows": heldout.rows.num_rows,
        },
        "bundle": describe_bundle(bundle),
    }


def _write_record(
    folder: Path,
    record: Mapping[str, Json],
    metrics: Mapping[str, float],
    predictions: npt.NDArray[np.float64],
    heldout: Frame,
    identifier: str,
) -> None:
    folder.mkdir()
    (folder / "record.json").write_text(json.dumps(record, indent=1, sort_keys=True))
    (folder / "metrics.json").write_text(json.dumps({"metrics": dict(metrics)}, indent=1))
    columns = {f"p{place}": column for place, column in enumerate(np.atleast_2d(predictions.T))}
    pq.write_table(pa.table({"id": heldout.rows[identifier], **columns}), folder / "predictions.parquet")
    write_frame(heldout.rows, folder / "heldout_rows.parquet")


def _describe(
    bench: Bench, brought: Brought, record: Mapping[str, Json], metrics: Mapping[str, float], name: str
) -> RunRecord:
    bundle = record["bundle"]
    assert isinstance(bundle, Mapping)  # noqa: S101 - describe_bundle made it
    tags = {
        "headgate.model": bench.model,
        "headgate.task": bench.policy.task,
        "headgate.digest": str(bundle["digest"]),
        "headgate.runtime": str(bundle["runtime"]),
        "headgate.requester": brought.requester,
        "headgate.trained_until": brought.trained_until,
        "headgate.source": str(record["source"]),
    }
    return RunRecord(bench.model, name, {}, metrics, tags, dict(record))
