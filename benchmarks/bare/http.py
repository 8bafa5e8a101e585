"""The HTTP of a bare loop: asyncio.Protocol on uvloop, httptools, and one call of the model per tick of the event loop.

It has no routes, no limits, names no version, and ends when it is killed.
"""

import asyncio
from abc import ABC, abstractmethod
from typing import Any

import httptools
import onnxruntime as ort
import uvloop


class Loop(ABC):
    """Gathers the requests of one tick."""

    def __init__(self, path: str) -> None:
        self.session = open_session(path)
        self.waiting: list[tuple[Any, Any]] = []
        self.soon = asyncio.get_running_loop().call_soon

    @abstractmethod
    def read(self, body: bytes, json_bytes: int) -> Any:
        """Return what a body asks; `json_bytes` of it are JSON where a header says so, else 0."""

    @abstractmethod
    def answer(self, asked: list[Any]) -> list[bytes]:
        """Return the answers of one tick, heads and all."""

    def ask(self, transport: Any, body: bytes, json_bytes: int) -> None:
        if not self.waiting:
            self.soon(self.flush)
        self.waiting.append((transport, self.read(body, json_bytes)))

    def flush(self) -> None:
        waiting, self.waiting = self.waiting, []
        for (transport, _), written in zip(waiting, self.answer([asked for _, asked in waiting]), strict=True):
            transport.write(written)


class Connection(asyncio.Protocol):
    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.body, self.json_bytes = b"", 0
        self.parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        body, self.body = self.body, b""
        self.loop.ask(self.transport, body, self.json_bytes)


class BinaryConnection(Connection):
    """One that reads how much of the body is JSON."""

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"inference-header-content-length":
            self.json_bytes = int(value)


def open_session(path: str) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def run(make: type[Loop], path: str, port: int, connection: type[Connection] = Connection) -> None:
    """Serve a model until killed."""

    async def main() -> None:
        loop = make(path)
        server = await asyncio.get_running_loop().create_server(lambda: connection(loop), "127.0.0.1", port)
        await server.serve_forever()

    uvloop.run(main())
