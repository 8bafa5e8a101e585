"""Bundles of the models that the protocols' own examples expect, small enough to work out in one's head."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from headgate.registry.bundle import Manifest, list_files, seal
from headgate.registry.field import Field
from headgate.registry.signature import Signature

OPSET = 19  # the first in which strings can be compared
WIDTH = 16
TEXTS = {"empty": "", "zero": "0"}


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
    """Seal Triton's `simple` (INT32) or `simple_string` (BYTES): OUTPUT0 is the sum, OUTPUT1 the difference."""
    from onnx import TensorProto, helper, numpy_helper

    kind = TensorProto.STRING if texts else TensorProto.INT32
    nodes, given = [], ["INPUT0", "INPUT1"]
    if texts:
        for name in given:  # an empty string, as a warm-up sends it, is 0
            nodes.append(helper.make_node("Equal", [name, "empty"], [f"{name}_empty"]))
            nodes.append(helper.make_node("Where", [f"{name}_empty", "zero", name], [f"{name}_text"]))
            nodes.append(helper.make_node("Cast", [f"{name}_text"], [f"{name}_number"], to=TensorProto.INT32))
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

    constants = tuple(numpy_helper.from_array(np.array([value], object), name) for name, value in TEXTS.items())
    inputs, outputs = ([tensors[f"{part}{number}"] for number in (0, 1)] for part in ("INPUT", "OUTPUT"))
    _graph(folder, nodes, inputs, outputs, constants if texts else ())
    dtype: Literal["string", "int32"] = "string" if texts else "int32"
    takes, gives = (tuple(Field(f"{part}{number}", dtype, WIDTH) for number in (0, 1)) for part in ("INPUT", "OUTPUT"))
    return _seal(folder, model, Signature(takes, takes, gives))


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
