"""Carry out a run, stage by stage; what a stage made before is not made again.

A stage's output lies in a folder named by the digest of everything that it depends on, and appears there whole or not
at all. So a run that failed or was killed goes on where it stopped, and a run on unchanged inputs is the version that
it became.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headgate.base.digest import Json, digest_json
from headgate.base.errors import BadInput, HeadgateError
from headgate.base.files import make_folder, write_atomically
from headgate.base.ids import uuid7
from headgate.training import stages
from headgate.training.code import pack
from headgate.training.environment import environment
from headgate.training.evaluation import evaluate_native, segment_columns
from headgate.training.fit import FitJob, fit
from headgate.training.inputs import Inputs
from headgate.training.packaging import package_run
from headgate.training.ports import Bench
from headgate.training.registration import register_run
from headgate.training.run import STAGES, Done, Run, Stage, stage_key

if TYPE_CHECKING:
    from headgate.features.request import Call


class Training:
    """One run on its bench."""

    def __init__(self, bench: Bench, run: Run) -> None:
        self.bench = bench
        self.run = run
        self.inputs = Inputs(bench)

    def through(self, last: Stage) -> Run:
        """Carry out every stage up to this one."""
        for stage in STAGES[: STAGES.index(last) + 1]:
            self._carry_out(stage)
        return self.run

    def only(self, stage: Stage) -> Run:
        """Carry out one stage; those before it must be finished and still hold."""
        for earlier in STAGES[: STAGES.index(stage)]:
            if not self.folder(earlier).exists():
                raise BadInput(
                    f"stage {earlier} of run {self.run.id} is not finished, or what it read has changed since",
                    way_out=f"run `headgate train --stage {earlier} --run {self.run.id}` first",
                )
        self._carry_out(stage)
        return self.run

    def _carry_out(self, stage: Stage) -> None:
        started = self.bench.clock.now()
        self.bench.tell(f"{stage} ...")
        try:
            if stage == "register":
                reused = self._register()
            else:
                reused = self.folder(stage).exists()
                make_folder(self.folder(stage), self._maker(stage))
        except HeadgateError as error:
            self._keep(self.run.with_failure(stage, str(error)))
            raise
        seconds = (self.bench.clock.now() - started).total_seconds()
        key = self.run.version if stage == "register" else self._key(stage)
        self._keep(self.run.with_done(stage, Done(key, reused, round(seconds, 3))))
        self.bench.tell(f"{stage}: {'nothing changed, reused' if reused else f'done in {seconds:.1f} s'}")

    def _maker(self, stage: Stage) -> Callable[[Path], None]:
        return {
            "validate": self._validate,
            "assemble": self._assemble,
            "fit": self._fit,
            "evaluate": self._evaluate,
            "package": self._package,
        }[stage]

    def _validate(self, folder: Path) -> None:
        from headgate.training.validate import validate

        snapshots = self.inputs.snapshots()
        rows, stored = stages.read_sources(self.bench, snapshots)
        report = validate(rows, self.bench.policy, self.bench.policy.data.source, stored)
        _write(folder / "snapshots.json", {name: snapshot.to_json() for name, snapshot in snapshots.items()})
        _write(folder / "report.json", asdict(report))
        for line in (*report.warnings, *report.notes):
            self.bench.tell(f"  {line}")

    def _assemble(self, folder: Path) -> None:
        from headgate.training.assemble import assemble

        rows, stored = stages.read_sources(self.bench, self.inputs.snapshots())
        made = assemble(rows, stored, self.bench.policy, self._call(), self.bench.policy.data.source)
        stages.save_assembled(made, folder)

    def _call(self) -> "Call | None":
        from headgate.features.request import load

        source = self.inputs.features_source()
        if source is None:
            return None
        return load(source, self._key("assemble")[:16], self.bench.policy.features.file or "")

    def _fit(self, folder: Path) -> None:
        fit(FitJob(self.inputs.unpacked_code(), self.folder("assemble"), folder, self.bench.policy))

    def _evaluate(self, folder: Path) -> None:
        evaluate_native(self.bench.policy, self.folder("assemble"), self.folder("fit"), folder)

    def _package(self, folder: Path) -> None:
        record = self.inputs.record()
        package_run(
            self.bench,
            {stage: self.folder(stage) for stage in STAGES[:4]},
            self.inputs.features_source(),
            record,
            folder,
        )
        pack(self.bench.project, self.inputs.code(), folder / "record" / "code.tar")

    def _register(self) -> bool:
        folders = {stage: self.folder(stage) for stage in STAGES[:5]}
        version, before = register_run(self.bench, self.run, folders, self._key("register"))
        self.run = Run(**{**_fields(self.run), "version": version.number})
        return before

    def folder(self, stage: Stage) -> Path:
        """Return where a stage's output lies, or will."""
        return self.bench.stages / stage / self._key(stage)

    def _key(self, stage: Stage) -> str:
        return stage_key(stage, self._depends(stage))

    def _depends(self, stage: Stage) -> Json:
        policy = self.bench.policy.model_dump(mode="json")
        match stage:
            case "validate":
                digests = {name: snapshot.digest for name, snapshot in self.inputs.snapshots().items()}
                return {"data": policy["data"], "features": policy["features"], "sources": digests}
            case "assemble":
                parts = {"split": policy["split"], "segments": list(segment_columns(self.bench.policy))}
                return {"before": self._key("validate"), "code": digest_json(self.inputs.features_source()), **parts}
            case "fit":
                trusted = {name: policy["package"][name] for name in ("trusted_types", "allow_pickle")}
                packages = environment(self.bench.policy.training.threads)["packages_digest"]
                parts = {"training": policy["training"], "package": trusted, "environment": packages}
                return {"before": self._key("assemble"), "code": self.inputs.code().running_digest, **parts}
            case "evaluate":
                return {"before": self._key("fit"), "segments": list(segment_columns(self.bench.policy))}
            case "package":
                parts = {"package": policy["package"], "api_version": policy["api_version"], "model": self.bench.model}
                return {"before": self._key("evaluate"), **parts}
            case "register":
                return {"before": self._key("package")}

    def _keep(self, run: Run) -> None:
        self.run = run
        keep_run(self.bench.runs, run)


def _fields(run: Run) -> dict[str, Any]:
    return {name: getattr(run, name) for name in Run.__slots__}


def _write(path: Path, body: Json) -> None:
    path.write_text(json.dumps(body, indent=1, default=str))


def keep_run(runs: Path, run: Run) -> None:
    """Write run.json, whole or not at all."""
    write_atomically(runs / run.id / "run.json", json.dumps(run.to_json(), indent=1).encode())


def read_runs(runs: Path) -> tuple[Run, ...]:
    """Return every run, oldest first."""
    return tuple(Run.from_json(json.loads(path.read_text())) for path in sorted(runs.glob("*/run.json")))


def start(bench: Bench, requester: str, *, run: str = "", afresh: bool = False) -> Training:
    """Begin a run, or go on with one: the one named, or the model's last one where it did not become a version."""
    mine = [known for known in read_runs(bench.runs) if known.model == bench.model]
    if run:
        found = [known for known in mine if known.id == run]
        if not found:
            known = ", ".join(entry.id for entry in mine[-5:]) or "none yet"
            raise BadInput(f"there is no run {run} of model {bench.model}", way_out=f"the last ones are: {known}")
        return resume(bench, found[0])
    if mine and not mine[-1].version and not afresh:
        bench.tell(f"going on with run {mine[-1].id}, which stopped before it became a version")
        return resume(bench, mine[-1])
    now = bench.clock.now()
    fresh = Run(uuid7(now), bench.model, requester, now.isoformat())
    keep_run(bench.runs, fresh)
    return resume(bench, fresh)


def resume(bench: Bench, run: Run) -> Training:
    """Return what carries a run out: a model is fitted, an ensemble put together."""
    if bench.policy.ensemble is None:
        return Training(bench, run)
    from headgate.training.combining import Combining

    return Combining(bench, run)
