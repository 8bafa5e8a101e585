"""A bundle being made: sealed and opened like any other before it is compared, then sealed for good.

It is opened as it would be to serve, so what is compared is what will serve.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy.typing as npt

from headgate.base.digest import Json
from headgate.features.predictor import FEATURES
from headgate.registry.bundle import Manifest, list_files, seal
from headgate.registry.signature import Signature
from headgate.training import baseline, parity
from headgate.training.material import Material, OpenModel, as_columns, outputs_of

MODEL, PARITY, BASELINE = "model.onnx", "parity.json", "baseline.json"
Runtime: TypeAlias = Literal["onnx", "pyfunc", "remote"]


@dataclass(frozen=True, slots=True)
class Answers:
    """What a draft answers: its first output on the cases, and every output on the held-out rows."""

    cases: npt.NDArray[Any]
    heldout: dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Draft:
    """A folder on its way to be a bundle.

    Attributes:
        folder: Where it is made.
        material: What it is made from.
        classes: Labels in the order of the probabilities; empty for regression.
        cases: Rows on which it is compared with the native model.
        open_model: Opens a sealed bundle.
    """

    folder: Path
    material: Material
    classes: tuple[str, ...]
    cases: parity.Cases
    open_model: OpenModel

    def write_features(self) -> None:
        """Copy features.py, where the model has one."""
        if self.material.source is not None:
            (self.folder / FEATURES).write_text(self.material.source, encoding="utf-8")

    def seal(self, runtime: Runtime, why: str) -> str:
        """Seal the folder as it is; return its digest."""
        policy, material = self.material.policy, self.material
        manifest = Manifest(
            model=material.model,
            task=policy.task,
            runtime=runtime,
            why=why,
            signature=Signature(material.inputs, material.features, outputs_of(policy.task, len(self.classes))),
            classes=self.classes,
            api_version=policy.api_version,
            files=list_files(self.folder),
        )
        return seal(self.folder, manifest)

    def ask(self, runtime: Runtime) -> Answers:
        """Seal the folder as it is, open it once, and return what it answers.

        Raises:
            BadInput: It cannot be opened, or refuses the rows.
        """
        predictor = self.open_model(self.folder, self.seal(runtime, "draft"))
        try:
            first = predictor.manifest.signature.outputs[0].name
            cases = predictor.answer(self.cases.columns)[first]
            return Answers(cases, predictor.answer(self.material.heldout_features()))
        finally:
            predictor.close()

    def finish(self, runtime: Runtime, why: str, record: Json, answers: Answers) -> None:
        """Write parity.json and baseline.json beside the model, and seal the folder for good."""
        (self.folder / PARITY).write_text(_text(record))
        inputs = as_columns(self.material.train.rows, self.material.inputs)
        own = self.material.source is not None
        features = as_columns(self.material.train.features, self.material.features) if own else {}
        parts = {"inputs": inputs, "features": features, "outputs": answers.heldout}
        body = {name: baseline.to_json(baseline.summarise(columns)) for name, columns in parts.items()}
        (self.folder / BASELINE).write_text(_text(body))
        self.seal(runtime, why)


def _text(body: Json) -> str:
    return json.dumps(body, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"
