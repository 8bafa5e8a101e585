"""Take out of a graph the detour of columns that are split only to be put side by side again.

A converter asks for an input per column and often joins all number columns first. Fed from one packed matrix, that is a
Split and a Concat of F tensors, for every request; here it becomes the matrix itself, or one Gather where the order
differs. What the graph computes does not change.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def fold(nodes: Sequence[Any], packed: Mapping[str, Sequence[str]]) -> tuple[list[Any], list[Any]]:
    """Return the nodes with every such Concat replaced, and the constants that this needs.

    Args:
        nodes: Nodes in topological order; those that become useless are left to pruning.
        packed: By packed input, the names of the [n, 1] tensors that it is split into, in order.
    """
    places = {name: (matrix, at) for matrix, names in packed.items() for at, name in enumerate(names)}
    for node in nodes:
        if node.op_type == "Identity" and node.input[0] in places:
            places[node.output[0]] = places[node.input[0]]
    done, constants = [], []
    for node in nodes:
        picked = [places.get(name) for name in node.input]
        sources = {place[0] for place in picked if place is not None}
        if node.op_type == "Concat" and _axis(node) in {1, -1} and None not in picked and len(sources) == 1:
            order = [place[1] for place in picked if place is not None]
            made, needed = _take(next(iter(sources)), order, len(packed[next(iter(sources))]), node.output[0])
            done.append(made)
            constants += needed
        else:
            done.append(node)
    return done, constants


def _axis(node: Any) -> int:
    return next((int(attribute.i) for attribute in node.attribute if attribute.name == "axis"), 0)


def _take(matrix: str, order: Sequence[int], width: int, output: str) -> tuple[Any, list[Any]]:
    from onnx import helper, numpy_helper

    if list(order) == list(range(width)):
        return helper.make_node("Identity", [matrix], [output]), []
    places = numpy_helper.from_array(np.array(order, np.int64), f"{output}:places")
    return helper.make_node("Gather", [matrix, places.name], [output], axis=1), [places]
