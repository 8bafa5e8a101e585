"""Bundles of the models that the protocols' own examples expect, small enough to work out in one's head."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from headgate.registry.bundle import Manifest, list_files, seal
from headgate.registry.field import Field
from headgate.registry.signature import Signature
from headgate.testing.serving import OPSET

WIDTH = 16


def _graph(folder: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: tuple[Any, ...]) -> None:
    import onnx
    from onnx import helper

    folder.mkdir(parents=True)
    made = helper.make_graph(nodes, "example", inputs, outputs, list(constants))
    graph = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    onnx.checker.check_model(graph)
    onnx.save(graph, folder / "model.onnx")


def _seal(folder: Path, model: str, signature: Signature, task: Literal["regression", "binary"] = "regression") -> str:
    manifest = Manifest(model, task, "onnx", "an example", signature, (), 1, list_files(folder))
    return seal(folder, manifest)


def sum_and_difference(folder: Path, model: str, *, texts: bool) -> str:
    """Seal Triton's `simple` (INT32) or `simple_string` (BYTES): OUTPUT0 = INPUT0 + INPUT1, OUTPUT1 = INPUT0 - INPUT1."""
    from onnx import TensorProto, helper

    kind = TensorProto.STRING if texts else TensorProto.INT32
    nodes, given = [], ["INPUT0", "INPUT1"]
    if texts:
        nodes += [helper.make_node("Cast", [name], [f"{name}_number"], to=TensorProto.INT32) for name in given]
        given = [f"{name}_number" for name in given]
    suffix = "_number" if texts else ""
    nodes += [
        helper.make_node("Add", given, [f"OUTPUT0{suffix}"]),
        helper.make_node("Sub", given, [f"OUTPUT1{suffix}"]),
    ]
    if texts:
        nodes += [
            helper.make_node("Cast", [f"{name}_number"], [name], to=TensorProto.STRING)
            for name in ("OUTPUT0", "OUTPUT1")
        ]
    tensors = {
        name: helper.make_tensor_value_info(name, kind, [None, WIDTH])
        for name in ("INPUT0", "INPUT1", "OUTPUT0", "OUTPUT1")
    }
    _graph(folder, nodes, [tensors["INPUT0"], tensors["INPUT1"]], [tensors["OUTPUT0"], tensors["OUTPUT1"]], ())
    dtype: Literal["string", "int32"] = "string" if texts else "int32"
    inputs = tuple(Field(f"INPUT{number}", dtype, WIDTH) for number in (0, 1))
    outputs = tuple(Field(f"OUTPUT{number}", dtype, WIDTH) for number in (0, 1))
    return _seal(folder, model, Signature(inputs, inputs, outputs))


def frame_model(folder: Path, model: str) -> str:
    """Seal a model of named columns: score = age * 2 (missing age gives NaN), plan = plan."""
    from onnx import TensorProto, helper, numpy_helper

    def tensor(name: str, kind: int) -> Any:
        return helper.make_tensor_value_info(name, kind, [None])

    two = numpy_helper.from_array(np.array([2.0], np.float32), "two")
    nodes = [helper.make_node("Mul", ["age", "two"], ["score"]), helper.make_node("Identity", ["plan"], ["label"])]
    _graph(
        folder,
        nodes,
        [tensor("age", TensorProto.FLOAT), tensor("plan", TensorProto.STRING)],
        [tensor("score", TensorProto.FLOAT), tensor("label", TensorProto.STRING)],
        (two,),
    )
    inputs = (Field("age", "float64", missing=True), Field("plan", "string"))
    features = (Field("age", "float32", missing=True), Field("plan", "string"))
    outputs = (Field("score", "float32"), Field("label", "string"))
    return _seal(folder, model, Signature(inputs, features, outputs))


def vector_model(folder: Path, model: str) -> str:
    """Seal a model with one input and one output, as MLflow and TensorFlow Serving often have: y = 2 x, x [n, 2]."""
    from onnx import TensorProto, helper, numpy_helper

    two = numpy_helper.from_array(np.array([2.0], np.float32), "two")
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 2]) for name in ("x", "y"))
    _graph(folder, [helper.make_node("Mul", ["x", "two"], ["y"])], [x], [y], (two,))
    field = Field("x", "float32", 2)
    return _seal(folder, model, Signature((field,), (field,), (Field("y", "float32", 2),)))


MODELS: Mapping[str, Callable[[Path], str]] = {
    "simple": lambda folder: sum_and_difference(folder, "simple", texts=False),
    "simple_string": lambda folder: sum_and_difference(folder, "simple_string", texts=True),
    "frame": lambda folder: frame_model(folder, "frame"),
    "vector": lambda folder: vector_model(folder, "vector"),
}
