"""Carry out a run of an ensemble: the stages of any run, with members pinned where a model would be fitted."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headgate.base.digest import Json, digest_json
from headgate.features.request import as_features
from headgate.policy.ensemble import WAYS, EnsemblePolicy
from headgate.policy.model import ModelPolicy
from headgate.registry.field import Columns
from headgate.training import stages
from headgate.training.code import pack
from headgate.training.ensemble import Parts, compose, evaluate_ensemble, package_ensemble, read_pins
from headgate.training.members import Pin, pin
from headgate.training.packaging import write_record
from headgate.training.run import STAGES, Stage
from headgate.training.steps import Training

if TYPE_CHECKING:
    from headgate.features.request import Call


class Combining(Training):
    """One run of an ensemble on its bench."""

    @property
    def _ensemble(self) -> EnsemblePolicy:
        ensemble = self.bench.policy.ensemble
        assert ensemble is not None  # noqa: S101 - headgate.training.steps.resume saw to it
        return ensemble

    @cached_property
    def pins(self) -> dict[str, Pin]:
        """The members' versions, as they were when this run first asked."""
        return pin(self._ensemble, self.bench.journal, f"model {self.bench.model}")

    def _call(self) -> "Call | None":
        return super()._call() or plainly

    def _combine_source(self) -> str | None:
        how = self._ensemble.combine
        way_out = "write it with `def combine(columns)`, or say `combine: mean`"
        return None if how in WAYS else self.inputs.text(how, way_out)

    def _fit(self, folder: Path) -> None:
        parts = Parts(self.pins, self.inputs.features_source(), self._combine_source())
        compose(self.bench, parts, stages.load_assembled(self.folder("assemble")), folder)

    def _evaluate(self, folder: Path) -> None:
        evaluate_ensemble(self.bench, stages.load_assembled(self.folder("assemble")), self.folder("fit"), folder)

    def _package(self, folder: Path) -> None:
        made, folders = stages.load_assembled(self.folder("assemble")), {s: self.folder(s) for s in STAGES[:4]}
        bundle = package_ensemble(self.bench, made, folders, folder / "bundle")
        policy: Any = pinned_policy(self.bench.policy, self.pins).model_dump(mode="json")
        record = {**self.inputs.record(), "policy": policy, **read_pins(folders["fit"])}
        write_record(made, bundle, folders, record, folder)
        pack(self.bench.project, self.inputs.code(), folder / "record" / "code.tar")

    def _depends(self, stage: Stage) -> Json:
        if stage != "fit":
            return super()._depends(stage)
        return {
            "before": self._key("assemble"),
            "ensemble": self._ensemble.model_dump(mode="json"),
            "pins": {name: pinned.digest for name, pinned in self.pins.items()},
            "combine": digest_json(self._combine_source()),
            "model": self.bench.model,
            "task": self.bench.policy.task,
        }


def plainly(columns: Columns) -> Columns:
    """Return the inputs as a table of features can hold them; members read the inputs themselves."""
    plain = {name: _seconds(column) if column.dtype.kind == "M" else column for name, column in columns.items()}
    return as_features(plain, len(next(iter(columns.values()))), "the inputs")


def _seconds(times: Any) -> Any:
    seconds = times.astype("datetime64[us]").astype(np.int64) / 1e6
    seconds[np.isnat(times)] = np.nan
    return seconds


def pinned_policy(policy: ModelPolicy, pins: dict[str, Pin]) -> ModelPolicy:
    """Return the policy with every member at its number, so that the run can be done again as it was."""
    assert policy.ensemble is not None  # noqa: S101 - only ensembles have pins
    members = {
        name: member.model_copy(update={"version": int(pins[name].version)})
        for name, member in policy.ensemble.members.items()
    }
    return policy.model_copy(update={"ensemble": policy.ensemble.model_copy(update={"members": members})})
