"""The bare loop of a row of columns, strings among them: `python -m benchmarks.bare.columns MODEL.onnx PORT`."""

import sys
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from benchmarks.bare.flat import json_answer
from benchmarks.bare.http import Loop, run


class Tensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: list[float | str | bool]


class Body(msgspec.Struct):
    inputs: list[Tensor]


DECODE = msgspec.json.Decoder(Body).decode


class ColumnsLoop(Loop):
    """Stacks rows of scalars into the model's own input tensors, [n, 1] each."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.inputs = [
            (one.name, object if one.type == "tensor(string)" else np.float32) for one in self.session.get_inputs()
        ]

    def read(self, body: bytes, json_bytes: int) -> list[Any]:  # noqa: ARG002 - all of it is JSON
        return [tensor.data[0] for tensor in DECODE(body).inputs]

    def answer(self, asked: list[list[Any]]) -> list[bytes]:
        return [json_answer(value) for value in self.probabilities(asked).tolist()]

    def probabilities(self, rows: list[list[Any]]) -> npt.NDArray[np.float32]:
        """Return the model's answers [n] to rows of values in the order of its inputs."""
        pairs = zip(self.inputs, zip(*rows, strict=True), strict=True)
        feed = {name: np.array(values, kind).reshape(-1, 1) for (name, kind), values in pairs}
        found: npt.NDArray[np.float32] = self.session.run(["probability"], feed)[0]
        return found


if __name__ == "__main__":
    run(ColumnsLoop, sys.argv[1], int(sys.argv[2]))
