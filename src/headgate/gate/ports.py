"""What the gate needs from outside: versions that answer, and a machine to measure them on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy.typing as npt

from headgate.base.digest import Json
from headgate.gate.facts import Memory, Unmeasured
from headgate.gate.load import Load
from headgate.registry.bundle import Manifest
from headgate.registry.signature import Columns
from headgate.registry.version import Version


class Answering(Protocol):
    """An opened bundle (features.predictor.Predictor is one)."""

    manifest: Manifest

    def predict(self, inputs: Columns) -> Mapping[str, npt.NDArray[Any]]:
        """Return every output for these rows; BadInput when it cannot answer them."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


class Shelf(Protocol):
    """Where a version's files are kept (every Registry is one)."""

    def attach(self, version: Version, path: Path, folder: str) -> None:
        """Store a file with a version; Unavailable when that cannot be done now."""
        ...


class Measurements(Protocol):
    """Measures bundles in fresh processes, one at a time.

    Contract: nothing is raised for a bundle that cannot be opened, fails or never ends: that is Unmeasured, with a why.
    """

    def load(
        self, bundles: Mapping[str, Path], inputs: Columns, rate: float, seconds: float
    ) -> Mapping[str, Load] | Unmeasured:
        """Put an open-loop load of one-row requests on each bundle, in alternating slices of one process.

        Args:
            bundles: Name (candidate, champion) -> folder.
            inputs: Rows to ask, one after the other and round again.
            rate: Requests per second.
            seconds: For each bundle.
        """
        ...

    def memory(self, bundle: Path, inputs: Columns, batches: Sequence[int]) -> Memory | Unmeasured:
        """Return the peak memory of a process that opens the bundle and answers batches of these sizes."""
        ...

    def machine(self) -> Mapping[str, Json]:
        """Describe the machine: processor, cores, load average, versions."""
        ...
