"""The bare sketch: what Python can do at best, without any of what a gateway owes its users.

asyncio.Protocol on uvloop, httptools, msgspec, one onnxruntime call per tick of the event loop. It checks nothing, has
no routes, names no version, and ends when it is killed: `python -m benchmarks.sketch MODEL.onnx PORT`.
"""

import asyncio
import sys
from typing import Any

import httptools
import msgspec
import numpy as np
import onnxruntime as ort
import uvloop


class Tensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class Body(msgspec.Struct):
    inputs: list[Tensor]


class Sketch:
    def __init__(self, path: str) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session: Any = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.decode = msgspec.json.Decoder(Body).decode
        self.waiting: list[tuple[Any, list[float]]] = []
        self.soon = asyncio.get_running_loop().call_soon

    def ask(self, transport: Any, body: bytes) -> None:
        if not self.waiting:
            self.soon(self.flush)
        self.waiting.append((transport, self.decode(body).inputs[0].data))

    def flush(self) -> None:
        waiting, self.waiting = self.waiting, []
        rows = np.array([row for _, row in waiting], np.float32)
        (values,) = self.session.run(["probability"], {"x": rows})
        for (transport, _), value in zip(waiting, values.tolist(), strict=True):
            body = b'{"outputs":[{"name":"probability","datatype":"FP32","shape":[1],"data":[%r]}]}' % value
            transport.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
            )


class Connection(asyncio.Protocol):
    def __init__(self, sketch: Sketch) -> None:
        self.sketch = sketch
        self.body = b""
        self.parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        body, self.body = self.body, b""
        self.sketch.ask(self.transport, body)


async def main() -> None:
    sketch = Sketch(sys.argv[1])
    server = await asyncio.get_running_loop().create_server(lambda: Connection(sketch), "127.0.0.1", int(sys.argv[2]))
    print(f"http://127.0.0.1:{sys.argv[2]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
