"""The bare loop of one tensor of floats, "the sketch": `python -m benchmarks.bare.flat MODEL.onnx PORT`."""

import sys

import msgspec
import numpy as np

from benchmarks.bare.http import Loop, run


class Tensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class Body(msgspec.Struct):
    inputs: list[Tensor]


DECODE = msgspec.json.Decoder(Body).decode


class Flat(Loop):
    def read(self, body: bytes, json_bytes: int) -> list[float]:  # noqa: ARG002 - all of it is JSON
        return DECODE(body).inputs[0].data

    def answer(self, asked: list[list[float]]) -> list[bytes]:
        (values,) = self.session.run(["probability"], {"x": np.array(asked, np.float32)})
        return [json_answer(value) for value in values.tolist()]


def json_answer(value: float) -> bytes:
    body = b'{"outputs":[{"name":"probability","datatype":"FP32","shape":[1],"data":[%r]}]}' % value
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


if __name__ == "__main__":
    run(Flat, sys.argv[1], int(sys.argv[2]))
