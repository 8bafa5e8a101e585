"""A bundle: everything that is needed to answer, in one folder, under one digest.

    bundle.json      the manifest (below)
    model.onnx       runtime "onnx"      |  pyfunc/   runtime "pyfunc": an MLflow model folder
    remote.json      runtime "remote": the URL of the server that runs the model
    ensemble.json    runtime "ensemble": what asks what; members/NAME/ holds each member's bundle, whole
    features.py      request-time features, when the model has them
    baseline.json    statistics of the training inputs and outputs
    parity.json      how well the packaged model agrees with the native one

Nothing here runs a model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from headgate.base.digest import Json, canonical, digest_file, digest_json
from headgate.base.errors import BadInput, Tampered
from headgate.registry.dag import DAG, Dag
from headgate.registry.signature import Signature

MANIFEST = "bundle.json"
# The inputs of every model.onnx: float32 [n, F] and string [n, S], the signature's features of that kind side by side.
NUMBERS, STRINGS = "features:numbers", "features:strings"
MISSING_TEXT = "\uf8ff"  # ONNX has no missing string: this private-use character stands for one


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle holds.

    Attributes:
        model: The model's name.
        task: binary, multiclass or regression.
        runtime: How it is run.
        why: Why this runtime (for pyfunc: what was wrong with ONNX).
        signature: What it takes and gives.
        classes: Labels in the order of the output's columns (classification), else empty.
        api_version: The policy's, when it was packaged.
        files: Relative path -> digest of every file but the manifest.
    """

    model: str
    task: str
    runtime: Literal["onnx", "pyfunc", "remote", "ensemble"]
    why: str
    signature: Signature
    classes: tuple[str, ...]
    api_version: int
    files: Mapping[str, str]

    def to_json(self) -> Json:
        """Return what is written to bundle.json."""
        return {
            "model": self.model,
            "task": self.task,
            "runtime": self.runtime,
            "why": self.why,
            "signature": self.signature.to_json(),
            "classes": list(self.classes),
            "api_version": self.api_version,
            "files": dict(sorted(self.files.items())),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Manifest":
        """Read what to_json wrote."""
        return cls(
            model=body["model"],
            task=body["task"],
            runtime=body["runtime"],
            why=body["why"],
            signature=Signature.from_json(body["signature"]),
            classes=tuple(body["classes"]),
            api_version=int(body["api_version"]),
            files=dict(body["files"]),
        )

    @property
    def digest(self) -> str:
        """The bundle's digest: of the manifest, which holds the digest of every other file."""
        return digest_json(self.to_json())


def list_files(folder: Path) -> dict[str, str]:
    """Return relative path -> digest of every file in the folder but its manifest; a file below of that name counts."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / MANIFEST)
    return {path.relative_to(folder).as_posix(): digest_file(path) for path in found}


def seal(folder: Path, manifest: Manifest) -> str:
    """Write the manifest into the folder; return the bundle's digest."""
    (folder / MANIFEST).write_bytes(canonical(manifest.to_json()))
    return manifest.digest


def open_bundle(folder: Path, expected: str | None = None) -> Manifest:
    """Return the manifest of a bundle whose every file is what it was when it was sealed.

    Raises:
        BadInput: There is no bundle here.
        Tampered: A file, or the bundle's digest, is not what was recorded.
    """
    import msgspec

    try:
        manifest = Manifest.from_json(msgspec.json.decode((folder / MANIFEST).read_bytes()))
    except FileNotFoundError as error:
        raise BadInput("there is no bundle here", where=str(folder), way_out="package the run again") from error
    except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise Tampered(f"the manifest cannot be read: {error}", where=str(folder / MANIFEST)) from error
    if expected is not None and manifest.digest != expected:
        raise Tampered(
            f"the bundle's digest is {manifest.digest}, not the approved {expected}",
            where=str(folder),
            way_out="restore the bundle from the registry, or approve the new one",
        )
    now = list_files(folder)
    if now != dict(manifest.files):
        changed = sorted(
            name for name in now.keys() | manifest.files.keys() if now.get(name) != manifest.files.get(name)
        )
        raise Tampered(
            f"changed since it was sealed: {', '.join(changed)}",
            where=str(folder),
            way_out="restore the bundle from the registry; it is refused as it is",
        )
    return manifest


def write_dag(dag: Dag, folder: Path) -> None:
    """Write the ensemble.json of a bundle that is being made."""
    (folder / DAG).write_bytes(canonical(dag.to_json()))


def read_dag(folder: Path) -> Dag:
    """Read the ensemble.json of an opened bundle, whose digest vouches for it."""
    import msgspec

    try:
        return Dag.from_json(msgspec.json.decode((folder / DAG).read_bytes()))
    except (OSError, msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise BadInput(
            f"cannot be read: {error}", where=str(folder / DAG), way_out="package the ensemble again"
        ) from error
