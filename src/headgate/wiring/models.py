"""Opens bundles with the runtimes that they name."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headgate.features.predictor import Predictor
    from headgate.registry.bundle import Manifest
    from headgate.registry.ports import ModelRuntime


def open_model(folder: Path, expected: str | None = None) -> "Predictor":
    """Open a bundle, its digest checked, with the runtime that it names."""
    from headgate.features.predictor import open_predictor

    return open_predictor(folder, expected, make_runtime)


def make_runtime(folder: Path, manifest: "Manifest") -> "ModelRuntime":
    """Build the runtime that a bundle names."""
    if manifest.runtime == "onnx":
        from headgate.adapters.onnxruntime.runtime import OnnxRuntime

        return OnnxRuntime(folder, manifest)
    if manifest.runtime == "remote":
        from headgate.adapters.remote.runtime import RemoteRuntime

        return RemoteRuntime(folder, manifest)
    if manifest.runtime == "ensemble":
        from headgate.adapters.ensemble.runtime import EnsembleRuntime

        return EnsembleRuntime(folder, manifest, open_model)
    from headgate.adapters.pyfunc.runtime import PyfuncRuntime

    return PyfuncRuntime(folder, manifest)
