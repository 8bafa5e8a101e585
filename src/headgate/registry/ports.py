"""What Headgate needs of a tracking server and model registry, and of whatever runs a packaged model."""

from pathlib import Path
from typing import Any, Protocol

import numpy.typing as npt

from headgate.registry.signature import Columns
from headgate.registry.version import RunRecord, Version


class Registry(Protocol):
    """Holds what models exist: runs, artefacts, versions, aliases.

    Contract: `register` is idempotent by `record.name`: called again after a crash it returns the same version. Every
    method raises Unavailable when the registry does not answer, within bounded time.
    """

    def register(self, record: RunRecord, bundle: Path, extra: Path | None, author: str) -> Version:
        """Record a run with its artefacts (`bundle/`, and the folder `extra` as `record/`) and register a version."""
        ...

    def version(self, model: str, number: str) -> Version:
        """Return a version; BadInput (with the versions that exist) when there is none."""
        ...

    def versions(self, model: str) -> tuple[Version, ...]:
        """Return every version of a model, oldest first."""
        ...

    def fetch(self, version: Version, what: str, target: Path) -> Path:
        """Copy an artefact folder (`bundle` or `record`) of a version to a new folder; return its path."""
        ...

    def download(self, uri: str, target: Path) -> Path:
        """Copy the model behind `runs:/...` or `models:/...` to a new folder; return its path."""
        ...

    def attach(self, version: Version, path: Path, folder: str) -> None:
        """Store a file with a version (a report, a verdict) under a folder of its artefacts."""
        ...

    def alias(self, model: str, alias: str) -> str | None:
        """Return the version that an alias names."""
        ...

    def set_alias(self, model: str, alias: str, number: str | None) -> None:
        """Move an alias to a version, or remove it."""
        ...


class ModelRuntime(Protocol):
    """Runs one packaged model.

    Contract: `run` takes every feature of the manifest's signature (float32 or string columns of the same n rows, [n],
    or [n, width]) and returns every output of the signature with n rows, in the same order; n = 0 is allowed. It keeps
    no state between calls. It raises BadInput for rows that the model refuses, and Unavailable when the model cannot be
    run any more (its process is gone).
    """

    def run(self, features: Columns) -> dict[str, npt.NDArray[Any]]:
        """Return the outputs of these rows."""
        ...

    def close(self) -> None:
        """Let go of memory and processes; a second call does nothing."""
        ...
