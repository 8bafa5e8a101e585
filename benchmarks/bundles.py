"""The bundles that the gateway is measured with: a tensor of floats, a row like a flight, many columns."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import onnx
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

from headgate.registry.bundle import Manifest, list_files, open_bundle, seal
from headgate.registry.field import Field
from headgate.registry.signature import Signature

FEATURES = 20
ROWS = 4000  # that a model is fitted on
PROBABILITY = (Field("probability", "float32"),)
OPSETS_LIGHTGBM = 15
LABEL_ENCODER_SINCE = 2
CARRIERS, AIRPORTS = ("UA", "AA", "B6", "DL", "EV"), ("EWR", "JFK", "LGA", "ORD", "ATL", "LAX", "BOS", "MIA")
FLIGHT = (
    *(Field(name, "string") for name in ("carrier", "origin", "dest", "tailnum")),
    *(Field(name, "float64", missing=True) for name in ("temp", "wind_speed", "visib", "pressure", "precip")),
    *(Field(name, "int64") for name in ("sched_dep_time", "distance")),
    Field("is_weekend", "bool"),
)


def flat(folder: Path, *, seed: int = 0, width: int = FEATURES) -> str:
    """Seal a bundle of 100 trees over one float32 tensor [n, width]; return its digest."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(ROWS, width)).astype(np.float32)
    labels = (rows[:, 0] + rows[:, 1] * rows[:, 2] + random.normal(size=len(rows)) > 0).astype(int)
    field = Field("x", "float32", width=width)
    graph = _trees("flat", "x", rows, labels, seed)
    return _seal(folder, "flat", graph, Signature((field,), (field,), PROBABILITY))


def flight(folder: Path) -> str:
    """Seal a bundle over twelve columns of mixed type, strings among them; return its digest."""
    return _columned(folder, "flight", FLIGHT, "temp")


def wide(folder: Path, width: int) -> str:
    """Seal a bundle over many columns of floats, a tensor each; return its digest."""
    return _columned(folder, "flat", columns(width), "x0")


def columns(width: int) -> tuple[Field, ...]:
    """Return the inputs of `wide`."""
    return tuple(Field(f"x{at}", "float64") for at in range(width))


def copied(folder: Path, source: Path, name: str) -> str:
    """Seal a bundle's model once more, under another name; return its digest."""
    manifest = open_bundle(source)
    folder.mkdir(parents=True)
    shutil.copy(source / "model.onnx", folder)
    return seal(folder, replace(manifest, model=name, files=list_files(folder)))


def _columned(folder: Path, name: str, fields: Sequence[Field], decides: str) -> str:
    """Seal a model that takes a tensor for each column, strings as ordinal codes, as a packaged pipeline has them."""
    random = np.random.default_rng(0)
    values = {field.name: _column(field, random, ROWS) for field in fields}
    labels = (values[decides] > np.median(values[decides])).astype(int)
    codes = {field.name: _codes(field) for field in fields if field.dtype == "string"}
    numbers = [
        [codes[name].get(value, -1.0) for value in values[name]] if name in codes else values[name] for name in values
    ]
    model = _trees(name, "matrix", np.array(numbers, np.float32).T, labels, 0)
    next(opset for opset in model.opset_import if opset.domain == "ai.onnx.ml").version = LABEL_ENCODER_SINCE
    _join_first(model.graph, fields, codes)
    features = tuple(Field(field.name, "string" if field.dtype == "string" else "float32") for field in fields)
    return _seal(folder, name, model, Signature(tuple(fields), features, PROBABILITY))


def _trees(name: str, tensor: str, rows: Any, labels: Any, seed: int) -> Any:
    """Fit 100 trees and convert them."""
    model = lightgbm.LGBMClassifier(n_estimators=100, n_jobs=1, random_state=seed, verbose=-1).fit(rows, labels)
    kind = [(tensor, FloatTensorType([None, rows.shape[1]]))]
    return convert_lightgbm(model, name, kind, target_opset=OPSETS_LIGHTGBM, zipmap=False)


def _codes(field: Field) -> dict[str, float]:
    return {value: float(at) for at, value in enumerate(CARRIERS if field.name == "carrier" else AIRPORTS)}


def _join_first(graph: Any, fields: Sequence[Field], codes: dict[str, dict[str, float]]) -> None:
    """Put one input per column before the matrix."""
    make, types = onnx.helper.make_node, onnx.TensorProto
    nodes, parts = [], []
    del graph.input[:]
    for field in fields:
        kind = types.STRING if field.name in codes else types.FLOAT
        graph.input.append(onnx.helper.make_tensor_value_info(field.name, kind, [None, 1]))
        parts.append(field.name)
        if code := codes.get(field.name):
            parts[-1] += "_code"
            keys: dict[str, Any] = {"keys_strings": list(code), "values_floats": list(code.values())}
            nodes.append(
                make("LabelEncoder", [field.name], [parts[-1]], domain="ai.onnx.ml", default_float=-1.0, **keys)
            )
    nodes.append(make("Concat", parts, ["matrix"], axis=1))
    for node in reversed(nodes):
        graph.node.insert(0, node)


def row(field: Field, seed: int = 0) -> dict[str, Any]:
    """Return one row of the field as the protocol writes it."""
    from headgate.gateway.protocols.v2_json.datatypes import datatype

    random = np.random.default_rng(seed)
    if field.width is not None:
        data = random.normal(size=field.width).round(4).tolist()
        return {"name": field.name, "shape": [1, field.width], "datatype": datatype(field), "data": data}
    data = [
        np.asarray(_column(field, random, 1))[0].item() if field.dtype != "string" else _column(field, random, 1)[0]
    ]
    return {"name": field.name, "shape": [1], "datatype": datatype(field), "data": data}


def _column(field: Field, random: np.random.Generator, rows: int) -> Any:
    match field.dtype:
        case "string":
            return random.choice(CARRIERS if field.name == "carrier" else AIRPORTS, rows).astype(object)
        case "bool":
            return random.random(rows) < 0.3
        case "int64":
            return random.integers(100, 2300, rows)
        case _:
            return random.normal(10, 5, rows).round(2)


def _seal(folder: Path, name: str, graph: Any, signature: Signature) -> str:
    folder.mkdir(parents=True)
    _give_probability(graph.graph)
    onnx.save(graph, folder / "model.onnx")
    manifest = Manifest(name, "binary", "onnx", "", signature, ("0", "1"), 1, list_files(folder))
    return seal(folder, manifest)


def _give_probability(graph: Any) -> None:
    """Replace the converter's outputs by the probability of the positive class, [n]."""
    table = graph.output[1].name
    graph.initializer.append(onnx.numpy_helper.from_array(np.array(1), "positive"))
    graph.node.append(onnx.helper.make_node("Gather", [table, "positive"], ["probability"], axis=1))
    del graph.output[:]
    graph.output.append(onnx.helper.make_tensor_value_info("probability", onnx.TensorProto.FLOAT, [None]))
