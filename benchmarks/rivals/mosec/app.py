"""Mosec, as its documentation writes it: its HTTP front in Rust, batches of up to 64 in worker processes."""

import os
from typing import Any

import numpy as np
import onnxruntime as ort
import orjson
from mosec import Runtime, Server, Worker


class Infer(Worker):
    """Answers a batch of V2 requests of one row each."""

    def __init__(self) -> None:
        super().__init__()
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session: Any = ort.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])

    def deserialize(self, data: bytes) -> Any:
        return orjson.loads(data)["inputs"][0]["data"]

    def serialize(self, data: float) -> bytes:
        output = {"name": "probability", "datatype": "FP32", "shape": [1], "data": [data]}
        written: bytes = orjson.dumps({"outputs": [output]})
        return written

    def forward(self, data: list[list[float]]) -> list[float]:
        (values,) = self.session.run(["probability"], {"x": np.array(data, np.float32)})
        answers: list[float] = values.tolist()
        return answers


if __name__ == "__main__":
    server = Server()
    infer = Runtime(Infer, num=1, max_batch_size=64, max_wait_time=1)  # milliseconds; by default 10
    server.register_runtime({"/v2/models/flat/infer": [infer]})
    server.run()
