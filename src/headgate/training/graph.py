"""Bring an ONNX graph into the form of a bundle, and into one byte form for comparison.

Nothing here converts a model or runs one; it renames, prunes and adds the few nodes that fix inputs and outputs.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from headgate.base.errors import BadInput
from headgate.registry.bundle import NUMBERS, STRINGS
from headgate.registry.field import Field
from headgate.training.folding import fold

BODY = "model/"
PICK, PICKED = "features:pick", "features:picked"
IR_VERSION = 10
OPSETS = {"": 18, "ai.onnx.ml": 3}
FLOAT, STRING, DOUBLE = 1, 8, 11
NUMERIC = {FLOAT, DOUBLE, 6, 7, 9}  # what a float32 feature is cast to: also int32, int64, bool


def finish(
    model: Any, task: str, features: Sequence[Field], classes: Sequence[str], columns: Sequence[str] = ()
) -> Any:
    """Return the model with packed inputs, the task's outputs, and nothing that is not needed for them.

    Args:
        model: An onnx.ModelProto with a float score output ([n, k], [n, 1] or [n]).
        task: binary, multiclass or regression.
        features: The signature's features.
        classes: Labels of the probabilities' columns.
        columns: Features that make up the graph's matrix, when it takes one; empty: all, in order.

    Raises:
        BadInput: The graph takes or gives something that cannot be brought into this form.
    """
    from onnx import checker, compose, helper

    source = compose.add_prefix(model, BODY).graph  # no name of the converter's can meet one of ours, or a feature's
    nodes = [node for node in source.node if node.op_type != "ZipMap"]
    scores, turned = _score(source)
    added, inits, outputs = _outputs(scores, task, classes)
    packed, inputs, picks = _inputs(source, features, columns)
    splits = {node.input[0]: list(node.output) for node in packed if node.op_type == "Split"}
    folded, places = fold([*packed, *nodes, *turned, *added], splits)
    kept = _needed(folded, {output.name for output in outputs})
    used = {name for node in kept for name in node.input}
    weights = [tensor for tensor in [*source.initializer, *inits, *picks, *places] if tensor.name in used]
    done = helper.make_model(
        helper.make_graph(kept, "headgate", [given for given in inputs if given.name in used], outputs, weights),
        opset_imports=_opsets(model),
        ir_version=IR_VERSION,
        functions=list(model.functions),
    )
    _strip(done)
    checker.check_model(done)
    return done


def _opsets(model: Any) -> list[Any]:
    """Return the opsets, ours where the converter lowered them: it writes nodes for ours, then states the least."""
    from onnx import helper

    found = {opset.domain: int(opset.version) for opset in model.opset_import}
    raised = {domain: max(found.get(domain, 0), version) for domain, version in OPSETS.items()}
    return [helper.make_opsetid(domain, version) for domain, version in sorted({**found, **raised}.items())]


def _score(source: Any) -> tuple[str, list[Any]]:
    """Return the tensor that holds the model's numbers as float32, and the node that makes it so.

    It is the one before a ZipMap where there is one, else the output that is called probabilities, else the first.
    """
    from onnx import helper

    zipmaps = {node.output[0]: node.input[0] for node in source.node if node.op_type == "ZipMap"}
    for output in source.output:
        if output.name in zipmaps:
            return str(zipmaps[output.name]), []
    kinds = {output.name: output.type.tensor_type.elem_type for output in source.output}
    numbers = [name for name, kind in kinds.items() if kind in {FLOAT, DOUBLE}]
    if not numbers:
        raise BadInput(
            "the graph gives no numbers (float32 or float64)",
            where="model.onnx",
            way_out="export it with probabilities, not only with labels",
        )
    name = next((name for name in numbers if "prob" in name.lower()), numbers[0])
    if kinds[name] == FLOAT:
        return name, []
    return "scores:float32", [helper.make_node("Cast", [name], ["scores:float32"], to=FLOAT)]


def _outputs(scores: str, task: str, classes: Sequence[str]) -> tuple[list[Any], list[Any], list[Any]]:
    """Return nodes, constants and graph outputs that turn the scores into the task's outputs."""
    from onnx import helper, numpy_helper

    if task == "multiclass":
        nodes = [
            helper.make_node("Identity", [scores], ["probabilities"]),
            helper.make_node("ArgMax", [scores], ["label:position"], axis=1, keepdims=0),
            helper.make_node("Gather", ["label:names", "label:position"], ["label"], axis=0),
        ]
        names = numpy_helper.from_array(np.array(classes, dtype=object), "label:names")
        probabilities = helper.make_tensor_value_info("probabilities", FLOAT, ["rows", len(classes)])
        return nodes, [names], [probabilities, helper.make_tensor_value_info("label", STRING, ["rows"])]
    name = "probability" if task == "binary" else "prediction"
    flat = numpy_helper.from_array(np.array([-1], np.int64), f"{name}:flat")
    output = [helper.make_tensor_value_info(name, FLOAT, ["rows"])]
    if task == "regression":
        return [helper.make_node("Reshape", [scores, f"{name}:flat"], [name])], [flat], output
    # the last of one or two columns: Gather takes a negative index
    last = numpy_helper.from_array(np.array([-1], np.int64), f"{name}:last")
    shape = numpy_helper.from_array(np.array([0, -1], np.int64), f"{name}:matrix")
    nodes = [
        helper.make_node("Reshape", [scores, f"{name}:matrix"], [f"{name}:both"]),
        helper.make_node("Gather", [f"{name}:both", f"{name}:last"], [f"{name}:one"], axis=1),
        helper.make_node("Reshape", [f"{name}:one", f"{name}:flat"], [name]),
    ]
    return nodes, [flat, last, shape], output


def _inputs(source: Any, features: Sequence[Field], columns: Sequence[str]) -> tuple[list[Any], list[Any], list[Any]]:
    """Return nodes that make the graph's own inputs of the packed ones, the packed inputs, and constants."""
    from onnx import helper

    weights = {tensor.name for tensor in source.initializer}
    wanted = {given.name.removeprefix(BODY): given for given in source.input if given.name not in weights}
    names = [field.name for field in features]
    if len(wanted) == 1 and not set(wanted) & set(names):
        return _matrix(next(iter(wanted.values())), features, columns or names)
    if strange := sorted(set(wanted) - set(names)):
        raise _misfit(f"the graph asks for {', '.join(strange)}, which are no features")
    nodes, inputs, constants = [], [], []
    for packed, kind in ((NUMBERS, FLOAT), (STRINGS, STRING)):
        group = _group(features, kind)
        used = [name for name in group if name in wanted]
        if not used:
            continue
        inputs.append(helper.make_tensor_value_info(packed, kind, ["rows", len(group)]))
        nodes += _split(packed, group)
        for name in used:
            made, shapes = _fit(f"{packed}/{name}", wanted[name], kind)
            nodes += made
            constants += shapes
    return nodes, inputs, constants


def _group(features: Sequence[Field], kind: int) -> list[str]:
    return [field.name for field in features if (field.dtype == "string") == (kind == STRING)]


def _fit(name: str, given: Any, kind: int) -> tuple[list[Any], list[Any]]:
    """Hand a [n, 1] (or [n, k]) tensor to the graph's input as the type and rank that it declares."""
    from onnx import helper, numpy_helper

    want = given.type.tensor_type
    if (want.elem_type == STRING) != (kind == STRING) or want.elem_type not in {*NUMERIC, STRING}:
        raise _misfit(f"the graph takes {given.name.removeprefix(BODY)} as another type than the features")
    nodes, constants = [], []
    if len(want.shape.dim) == 1:
        constants = [numpy_helper.from_array(np.array([-1], np.int64), f"{name}:flat")]
        nodes, name = [helper.make_node("Reshape", [name, f"{name}:flat"], [f"{name}:rows"])], f"{name}:rows"
    if want.elem_type == kind:
        return [*nodes, helper.make_node("Identity", [name], [given.name])], constants
    return [*nodes, helper.make_node("Cast", [name], [given.name], to=want.elem_type)], constants


def _matrix(given: Any, features: Sequence[Field], columns: Sequence[str]) -> tuple[list[Any], list[Any], list[Any]]:
    """Feed the graph's one input with these columns side by side, picked from the packed input where need be."""
    from onnx import helper, numpy_helper

    kind = STRING if given.type.tensor_type.elem_type == STRING else FLOAT
    group = _group(features, kind)
    if set(columns) - set(group):
        raise _misfit("the graph takes one matrix of another type than the features")
    sizes = given.type.tensor_type.shape.dim
    if len(sizes) > 1 and sizes[1].dim_value not in {0, len(columns)}:
        raise _misfit(f"the graph takes {sizes[1].dim_value} values a row, there are {len(columns)} features")
    packed = STRINGS if kind == STRING else NUMBERS
    inputs = [helper.make_tensor_value_info(packed, kind, ["rows", len(group)])]
    if list(columns) == group:
        nodes, constants = _fit(packed, given, kind)
        return nodes, inputs, constants
    nodes, constants = _fit(PICKED, given, kind)
    places = numpy_helper.from_array(np.array([group.index(name) for name in columns], np.int64), PICK)
    return [helper.make_node("Gather", [packed, PICK], [PICKED], axis=1), *nodes], inputs, [places, *constants]


def _misfit(what: str) -> BadInput:
    return BadInput(
        what, where="model.onnx", way_out="compare the graph's inputs with features.inputs in headgate.yaml"
    )


def _split(packed: str, names: Sequence[str]) -> list[Any]:
    from onnx import helper

    made = [f"{packed}/{name}" for name in names]
    if len(names) == 1:
        return [helper.make_node("Identity", [packed], made)]
    return [helper.make_node("Split", [packed], made, axis=1, num_outputs=len(names))]


def _needed(nodes: Sequence[Any], outputs: set[str]) -> list[Any]:
    """Return the nodes that the outputs depend on, in the order given (which is topological)."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted & set(node.output):
            kept.append(node)
            wanted |= set(node.input) | set(_captured(node))
    return kept[::-1]


def _captured(node: Any) -> Iterable[str]:
    """Yield names that a node's subgraphs may take from outside."""
    for attribute in node.attribute:
        for inner in [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]:
            for part in inner.node:
                yield from part.input
                yield from _captured(part)


def _strip(model: Any) -> None:
    """Leave out what differs between two conversions of one model: producers, texts, shapes in between."""
    model.ClearField("producer_name")
    model.ClearField("producer_version")
    model.ClearField("doc_string")
    model.ClearField("metadata_props")
    model.graph.ClearField("doc_string")
    model.graph.ClearField("metadata_props")
    for node in model.graph.node:
        node.ClearField("doc_string")
        node.ClearField("metadata_props")
        node.ClearField("name")
