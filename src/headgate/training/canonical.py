"""The digest of what a packaged model computes, whatever else its files say."""

from pathlib import Path

from headgate.base.digest import digest, digest_file, digest_json
from headgate.registry.dag import COMBINE, DAG, MEMBERS

PROSE = {"MLmodel", "requirements.txt", "python_env.yaml"}  # name versions and dates, compute nothing


def artefact_digest(bundle: Path) -> str:
    """Return the digest of a bundle's model: of the canonical ONNX graph, or of every file that pyfunc loads.

    Of an ensemble: of its members' digests, of what asks what, and of what combines the answers.
    """
    if (bundle / DAG).is_file():
        return digest_json(_ensemble(bundle))
    graph = bundle / "model.onnx"
    if graph.is_file():
        return digest(canonical_onnx(graph.read_bytes()))
    folder = bundle / "pyfunc"
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in PROSE)
    return digest_json({path.relative_to(folder).as_posix(): digest_file(path) for path in files})


def _ensemble(bundle: Path) -> dict[str, str]:
    found = {path.name: artefact_digest(path) for path in sorted((bundle / MEMBERS).iterdir())}
    own = (path for name in (DAG, COMBINE) if (path := bundle / name).is_file())
    return {**found, **{path.name: digest_file(path) for path in own}}


def canonical_onnx(data: bytes) -> bytes:
    """Return one byte form of an ONNX model: no producer, no texts, weights and opsets in order of name."""
    import onnx

    model = onnx.load_model_from_string(data)
    for field in ("producer_name", "producer_version", "doc_string", "model_version", "metadata_props"):
        model.ClearField(field)
    model.graph.ClearField("doc_string")
    weights = sorted(model.graph.initializer, key=lambda tensor: tensor.name)
    model.graph.ClearField("initializer")
    model.graph.initializer.extend(weights)
    opsets = sorted(model.opset_import, key=lambda opset: opset.domain)
    model.ClearField("opset_import")
    model.opset_import.extend(opsets)
    return bytes(model.SerializeToString(deterministic=True))
