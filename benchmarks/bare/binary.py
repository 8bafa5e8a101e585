"""The bare loop of V2's binary tensors over HTTP: `python -m benchmarks.bare.binary MODEL.onnx PORT`."""

import sys
from collections.abc import Callable, Mapping
from struct import unpack_from
from typing import Any

import msgspec

from benchmarks.bare.columns import ColumnsLoop
from benchmarks.bare.http import BinaryConnection, run

HEAD = b'{"outputs":[{"name":"probability","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}}]}'
ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\n"
    b"inference-header-content-length: %d\r\ncontent-length: %d\r\n\r\n%b" % (len(HEAD), len(HEAD) + 4, HEAD)
)
READ: Mapping[str, Callable[[bytes, int], Any]] = {
    "BYTES": lambda data, at: data[at + 4 : at + 4 + unpack_from("<I", data, at)[0]].decode(),
    "FP64": lambda data, at: unpack_from("<d", data, at)[0],
    "FP32": lambda data, at: unpack_from("<f", data, at)[0],
    "INT64": lambda data, at: unpack_from("<q", data, at)[0],
    "BOOL": lambda data, at: bool(data[at]),
}


class Parameters(msgspec.Struct):
    binary_data_size: int


class Tensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    parameters: Parameters


class Body(msgspec.Struct):
    inputs: list[Tensor]


DECODE = msgspec.json.Decoder(Body).decode


class BinaryLoop(ColumnsLoop):
    def read(self, body: bytes, json_bytes: int) -> list[Any]:
        row, at = [], json_bytes
        for tensor in DECODE(body[:json_bytes]).inputs:
            row.append(READ[tensor.datatype](body, at))
            at += tensor.parameters.binary_data_size
        return row

    def answer(self, asked: list[list[Any]]) -> list[bytes]:
        packed = self.probabilities(asked).astype("<f4").tobytes()
        return [ANSWER + packed[at : at + 4] for at in range(0, len(packed), 4)]


if __name__ == "__main__":
    run(BinaryLoop, sys.argv[1], int(sys.argv[2]), BinaryConnection)
