"""Fakes for the gate: versions that answer what a column of the rows says, and a machine that says what it is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from headgate.base.digest import Json
from headgate.base.errors import BadInput
from headgate.gate.facts import Memory, Unmeasured
from headgate.gate.load import Load
from headgate.gate.rows import HeldOut
from headgate.registry.bundle import Manifest
from headgate.registry.signature import Columns, Field, Signature
from headgate.registry.version import Version

START = datetime(2026, 2, 15, tzinfo=UTC)
OUTPUT = {"binary": "probability", "multiclass": "probabilities", "regression": "prediction"}


class Oracle:
    """A version whose answer to a row is what one of its input columns holds."""

    def __init__(
        self,
        column: str,
        task: str = "binary",
        classes: tuple[str, ...] = ("0", "1"),
        *,
        api_version: int = 1,
        also: Sequence[Field] = (),
        missing: bool = False,
        files: Mapping[str, str] | None = None,
        fails: str = "",
    ) -> None:
        inputs = (Field(column, "float64", missing=missing), *also)
        signature = Signature(inputs, inputs, (Field(OUTPUT[task], "float32"),))
        self.manifest = Manifest("flights", task, "onnx", "", signature, classes, api_version, files or {})
        self._column = column
        self._fails = fails

    def predict(self, inputs: Columns) -> dict[str, npt.NDArray[Any]]:
        """Return the column as the output."""
        if self._fails:
            raise BadInput(self._fails)
        return {self.manifest.signature.outputs[0].name: inputs[self._column]}

    def close(self) -> None:
        """Hold nothing."""


@dataclass
class FixedMeasurements:
    """Says that every bundle has these latencies and this memory; remembers what it was asked."""

    milliseconds: Mapping[str, Sequence[float]] = field(default_factory=dict)
    peak: Memory | Unmeasured = field(default_factory=lambda: Memory(150.0, 60.0, 256))
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def load(
        self, bundles: Mapping[str, Path], inputs: Columns, rate: float, seconds: float
    ) -> Mapping[str, Load] | Unmeasured:
        """Return the latencies that were given for each bundle, 1 ms where none were."""
        del inputs
        self.asked.append(tuple(bundles))
        count = round(rate * seconds)
        return {
            name: Load(rate, count, seconds, tuple(sorted(self.milliseconds.get(name, [1.0] * count))))
            for name in bundles
        }

    def memory(self, bundle: Path, inputs: Columns, batches: Sequence[int]) -> Memory | Unmeasured:
        """Return the memory that was given."""
        del bundle, inputs, batches
        return self.peak

    def machine(self) -> Mapping[str, Json]:
        """Describe no machine in particular."""
        return {"processor": "fake", "cores": 2}


def version(number: str, trained_until: datetime | None = START) -> Version:
    """Return a version of the model flights."""
    return Version("flights", number, f"run-{number}", f"sha256:{number:0>64}", "person:ada", trained_until)


def held_out(labels: Any, inputs: Columns, segments: Columns | None = None, *, after: datetime = START) -> HeldOut:
    """Return rows of one minute each, the first one a minute after a time."""
    start = np.datetime64((after + timedelta(minutes=1)).replace(tzinfo=None), "us")
    time = start + np.arange(len(labels)) * np.timedelta64(1, "m")
    return HeldOut(np.asarray(labels), time, dict(segments or {}), inputs)
