"""FastAPI by hand, as a careful team writes it: orjson, one onnxruntime call a request, no model of the body."""

import os
from typing import Any

import numpy as np
import onnxruntime as ort
import orjson
from fastapi import FastAPI, Request, Response

options = ort.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session: Any = ort.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
app = FastAPI()


@app.post("/v2/models/flat/infer")
async def infer(request: Request) -> Response:
    """Answer one V2 request."""
    tensor = orjson.loads(await request.body())["inputs"][0]
    rows = np.array(tensor["data"], np.float32).reshape(tensor["shape"])
    (values,) = session.run(["probability"], {"x": rows})
    output = {"name": "probability", "datatype": "FP32", "shape": [len(rows)], "data": values.tolist()}
    return Response(orjson.dumps({"outputs": [output]}), media_type="application/json")
