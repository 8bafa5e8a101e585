"""The two bundles that the gateway is measured with: 20 float32 features, and a row like a flight."""

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import onnx
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

from headgate.registry.bundle import Manifest, list_files, seal
from headgate.registry.field import Field
from headgate.registry.signature import Signature

FEATURES = 20
OPSETS_LIGHTGBM = 15
LABEL_ENCODER_SINCE = 2
CARRIERS, AIRPORTS = ("UA", "AA", "B6", "DL", "EV"), ("EWR", "JFK", "LGA", "ORD", "ATL", "LAX", "BOS", "MIA")
FLIGHT = (
    *(Field(name, "string") for name in ("carrier", "origin", "dest", "tailnum")),
    *(Field(name, "float64", missing=True) for name in ("temp", "wind_speed", "visib", "pressure", "precip")),
    *(Field(name, "int64") for name in ("sched_dep_time", "distance")),
    Field("is_weekend", "bool"),
)


def flat(folder: Path, *, seed: int = 0) -> str:
    """Seal a bundle of 100 trees over one float32 tensor [n, 20]; return its digest."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(4000, FEATURES)).astype(np.float32)
    labels = (rows[:, 0] + rows[:, 1] * rows[:, 2] + random.normal(size=len(rows)) > 0).astype(int)
    model = lightgbm.LGBMClassifier(n_estimators=100, n_jobs=1, random_state=seed, verbose=-1).fit(rows, labels)
    graph = convert_lightgbm(
        model, "flat", [("x", FloatTensorType([None, FEATURES]))], target_opset=OPSETS_LIGHTGBM, zipmap=False
    )
    field = Field("x", "float32", width=FEATURES)
    return _seal(folder, "flat", graph, Signature((field,), (field,), (Field("probability", "float32"),)))


def flight(folder: Path) -> str:
    """Seal a bundle over twelve columns of mixed type, strings among them; return its digest."""
    random = np.random.default_rng(0)
    columns = {field.name: _column(field, random, 4000) for field in FLIGHT}
    labels = (columns["temp"] + columns["distance"] / 100 > 25).astype(int)
    codes = {field.name: _codes(field) for field in FLIGHT if field.dtype == "string"}
    numbers = [
        [codes[name].get(value, -1.0) if name in codes else value for value in columns[name]] for name in columns
    ]
    rows = np.array(numbers, np.float32).T
    model = lightgbm.LGBMClassifier(n_estimators=100, n_jobs=1, random_state=0, verbose=-1).fit(rows, labels)
    tensor = [("matrix", FloatTensorType([None, len(FLIGHT)]))]
    model = convert_lightgbm(model, "flight", tensor, target_opset=OPSETS_LIGHTGBM, zipmap=False)
    next(opset for opset in model.opset_import if opset.domain == "ai.onnx.ml").version = LABEL_ENCODER_SINCE
    _encode_first(model.graph, codes)
    features = tuple(Field(field.name, "string" if field.dtype == "string" else "float32") for field in FLIGHT)
    return _seal(folder, "flight", model, Signature(FLIGHT, features, (Field("probability", "float32"),)))


def _codes(field: Field) -> dict[str, float]:
    return {value: float(at) for at, value in enumerate(CARRIERS if field.name == "carrier" else AIRPORTS)}


def _encode_first(graph: Any, codes: dict[str, dict[str, float]]) -> None:
    """Put one input per column before the matrix, strings as ordinal codes, as a packaged pipeline has them."""
    make, types = onnx.helper.make_node, onnx.TensorProto
    nodes, parts = [], []
    del graph.input[:]
    for field in FLIGHT:
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
