"""Small bundles that answer what a test can work out in its head: the sum of a row plus a bias per version."""

from pathlib import Path
from typing import Any, Literal

from headgate.registry.bundle import Manifest, list_files, seal
from headgate.registry.field import Field
from headgate.registry.signature import Signature
from headgate.routing.route import Arm, Route

WIDTH = 3
OPSET = 18
PREDICTION = Field("prediction", "float32")


def sum_bundle(folder: Path, model: str, bias: float, features: str = "", width: int | None = WIDTH) -> str:
    """Seal an ONNX bundle: prediction = sum of `x` [n, width] + bias; return its digest.

    Args:
        folder: Of the bundle; not there yet.
        model: Its name.
        bias: Added to every sum.
        features: Source of a features.py that returns `x`; empty: there is none.
        width: Of `x`; None: it is one number a row, as features.py takes and returns it.
    """
    import onnx
    from onnx import TensorProto, helper

    folder.mkdir(parents=True)
    if features:
        (folder / "features.py").write_text(features)
    made = helper.make_graph(
        [
            helper.make_node("ReduceSum", ["x", "axes"], ["sum"], keepdims=0),
            helper.make_node("Add", ["sum", "bias"], ["prediction"]),
        ],
        "sum",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, width or 1])],
        [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, [None])],
        [_constant("axes", 1, "int64"), _constant("bias", bias, "float32")],
    )
    graph = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    onnx.save(graph, folder / "model.onnx")
    return _seal(folder, model, "onnx", width)


def pyfunc_bundle(folder: Path, model: str, code: str, width: int | None = WIDTH) -> str:
    """Seal a pyfunc bundle whose `predict(frame)` is the code's, a Python module; return its digest."""
    inside = folder / "pyfunc"
    (inside / "code").mkdir(parents=True)
    (inside / "data").write_text("nothing\n")
    module = f"pyfunc_of_{model}"
    (inside / "code" / f"{module}.py").write_text(code)
    (inside / "MLmodel").write_text(
        "flavors:\n  python_function:\n    code: code\n    data: data\n"
        f"    env:\n      virtualenv: python_env.yaml\n    loader_module: {module}\n    python_version: 3.11.0\n"
    )
    return _seal(folder, model, "pyfunc", width)


def route(model: str, revision: int, version: str, digest: str, bundle: Path) -> Route:
    """Return the route that lets one version serve."""
    return Route(model, revision, (Arm("champion", version, digest, 1.0, str(bundle)),))


def _constant(name: str, value: float, dtype: str) -> Any:
    import numpy as np
    from onnx import numpy_helper

    return numpy_helper.from_array(np.array([value], dtype), name)


def _seal(folder: Path, model: str, runtime: Literal["onnx", "pyfunc"], width: int | None) -> str:
    row = Field("x", "float32", width=width)
    signature = Signature((row,), (row,), (PREDICTION,))
    manifest = Manifest(model, "regression", runtime, "a test asks for it", signature, (), 1, list_files(folder))
    return seal(folder, manifest)
