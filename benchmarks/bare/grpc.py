"""The bare loop of V2 over gRPC, on grpc.aio and the gateway's own messages: `... benchmarks.bare.grpc MODEL PORT`."""

import asyncio
import sys
from typing import Any

import grpc
import uvloop

from benchmarks.bare.binary import READ
from benchmarks.bare.columns import ColumnsLoop
from headgate.gateway.grpc.messages import SERVICE, build


class GrpcLoop(ColumnsLoop):
    """Answers with a future, which a call waits for."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.messages = build()

    async def infer(self, request: Any, _context: Any) -> Any:
        future = asyncio.get_running_loop().create_future()
        if not self.waiting:
            self.soon(self.flush)
        contents = zip(request.inputs, request.raw_input_contents, strict=True)
        self.waiting.append((future, [READ[tensor.datatype](data, 0) for tensor, data in contents]))
        return await future

    def flush(self) -> None:
        waiting, self.waiting = self.waiting, []
        packed = self.probabilities([row for _, row in waiting]).astype("<f4").tobytes()
        for at, (future, _) in enumerate(waiting):
            response = self.messages["ModelInferResponse"](raw_output_contents=[packed[4 * at : 4 * at + 4]])
            response.outputs.add(name="probability", datatype="FP32", shape=[1])
            future.set_result(response)

    def handler(self) -> Any:
        verb = grpc.unary_unary_rpc_method_handler(
            self.infer,
            request_deserializer=self.messages["ModelInferRequest"].FromString,
            response_serializer=self.messages["ModelInferResponse"].SerializeToString,
        )
        return grpc.method_handlers_generic_handler(SERVICE, {"ModelInfer": verb})


async def main(path: str, port: int) -> None:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((GrpcLoop(path).handler(),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))
