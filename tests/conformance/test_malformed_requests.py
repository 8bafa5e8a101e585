"""A worker under malformed requests: no 5xx, no crash, no leak, nothing smuggled.

`make test` sends a few thousand; HEADGATE_MALFORMED=100000 sends the full campaign. HEADGATE_SEED chooses another one.
"""

import asyncio
import json
import os
import random
import re
from collections import Counter
from dataclasses import dataclass, field
from http.client import HTTPConnection
from itertools import pairwise
from pathlib import Path
from typing import Any

import grpc
import pytest
from tritonclient.grpc import service_pb2

from headgate.testing.running import Server
from headgate.testing.waiting import LONGEST

COUNT = int(os.environ.get("HEADGATE_MALFORMED", "4000"))
SEED = int(os.environ.get("HEADGATE_SEED", "20130101"))
CLIENTS = 16
GROWTH_KIB, LATE_GROWTH_KIB = 64 * 1024, 16 * 1024
PARTS = 4
LARGE, PIECE, CUT_OFF = 16_000_000, 1_000_000, 40
WRONG_HTTP, WRONG_GRPC = 0.3, 0.03  # shares of the whole
MARK = b"GET /v2/health/live HTTP/1.1\r\nHost: smuggled\r\n\r\n"
ROWS = [{"age": 1.5, "plan": "small"}, {"age": None, "plan": "large"}]
TENSORS = [
    {"name": "age", "shape": [2], "datatype": "FP64", "data": [1.5, None]},
    {"name": "plan", "shape": [2, 1], "datatype": "BYTES", "data": [["a"], ["b"]]},
]
COLUMNS = {"age": [1.5, None], "plan": ["a", "b"]}
SPLIT = {"columns": ["age", "plan"], "data": [[1, "a"]], "index": [0]}
BINARY = {"name": "INPUT0", "shape": [1, 16], "datatype": "INT32", "parameters": {"binary_data_size": 64}}
PAIR = {"inputs": [BINARY, {**BINARY, "name": "INPUT1"}], "parameters": {"binary_data_output": True}}
JSON, CSV, OCTETS = "application/json", "text/csv", "application/octet-stream"
GOOD: list[tuple[str, str, Any]] = [
    ("/v2/models/frame/infer", JSON, {"id": "a", "inputs": TENSORS, "outputs": [{"name": "score"}]}),
    ("/v2/models/frame/versions/1/infer", JSON, {"inputs": TENSORS, "parameters": {"binary_data_output": True}}),
    ("/v2/models/simple/infer", OCTETS, PAIR),
    ("/predict", JSON, {"model": "frame", "rows": ROWS, "id": "x", "outputs": ["label"]}),
    ("/predict", JSON, {"model": "frame", "columns": COLUMNS}),
    ("/models/frame/invocations", JSON, {"dataframe_split": SPLIT}),
    ("/models/frame/invocations", JSON, {"dataframe_records": ROWS}),
    ("/models/vector/invocations", JSON, {"instances": [[1, 2]]}),
    ("/models/frame/invocations", CSV, b'age,plan\n1.5,small\n,"la\nrge"\n'),
    ("/v1/models/vector:predict", JSON, {"signature_name": "serving_default", "instances": [[1, 2], [3, 4]]}),
    ("/v1/models/frame/versions/1:predict", JSON, {"inputs": COLUMNS}),
    ("/v2/repository/index", JSON, {}),
]
STRANGE = [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e308", b"1" * 400, b"-0.0", b"1e-400", b"null", b"true"]
STRANGE += [b'"\\ud800"', b"[" * 3000, b'{"a":' * 3000, b"[]", b"{}", b'"' + b"x" * 5000 + b'"', b"\x00", b"\xff\xfe"]
STRANGE += [
    b"9223372036854775808",
    b"2147483648",
    b"3.5e38",
    b"[[[[1]]]]",
    b'"2013-02-30T25:00:00Z"',
    b'{"b64":"YQ=="}',
]
LEAF = re.compile(rb'-?\d+\.?\d*|"[^"]*"|null|true|false|\[[^\[\]]*\]')
CALLS = {"ServerReady", "ModelReady", "ModelMetadata", "ModelInfer"}


@dataclass
class Seen:
    """What came back."""

    statuses: Counter[int] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def check(self, asked: bytes, status: int, body: bytes) -> None:
        self.statuses[status] += 1
        if status >= 400:
            refused = json.loads(body)
            self.codes[refused["code"]] += 1
            if set(refused) != {"error", "code"} or "Traceback" in refused["error"]:
                self.wrong.append(f"{status} {body!r}")
        if status >= 500:
            self.wrong.append(f"{status} {body!r} for {asked[:500]!r}")


def body_of(dice: random.Random, good: Any) -> bytes:
    """Return a body that was good, and now most likely is not."""
    text = bytearray(good if isinstance(good, bytes) else json.dumps(good).encode())
    for _ in range(dice.choice([1, 1, 1, 2, 4])):
        at = dice.randrange(len(text) + 1)
        match dice.randrange(6):
            case 0:
                del text[at : at + dice.randrange(1, 20)]
            case 1:
                text[at:at] = dice.randbytes(dice.randrange(1, 12))
            case 2 if text:
                text[at % len(text)] = dice.randrange(256)
            case 3:
                text[at:at] = text[at : at + dice.randrange(1, 60)]
            case _:
                if leaves := list(LEAF.finditer(text)):
                    leaf = dice.choice(leaves)
                    text[leaf.start() : leaf.end()] = dice.choice(STRANGE)
    return bytes(text)


def request(dice: random.Random) -> bytes:
    """Return a request that is HTTP, whose path, headers or body are likely wrong."""
    path, kind, good = dice.choice(GOOD)
    body = dice.randbytes(dice.randrange(200)) if dice.random() < 0.1 else body_of(dice, good)
    headers = [f"Content-Type: {kind}"]
    if kind == OCTETS:
        length = dice.choice([len(body), len(body), len(body) + 1, 0, 10**8, -1, len(body) // 2])
        headers.append(f"Inference-Header-Content-Length: {length}")
        body += dice.randbytes(dice.choice([128, 128, 128, 64, 127, 0, 300]))
    elif dice.random() < 0.05:
        headers.append("Inference-Header-Content-Length: " + dice.choice(["0", "5", "abc", "99999999999", "1.5", "５"]))  # noqa: RUF001
    if dice.random() < 0.05:
        path = "/" + "".join(dice.choice("/av2:%.models~0\\") for _ in range(dice.randrange(40)))
    if dice.random() < 0.05:
        headers.append("Headgate-Model: " + dice.choice(["frame", "", "ü", "x" * 500, "../.."]))
    if dice.random() < 0.05:
        headers.append("Headgate-Timeout-Ms: " + dice.choice(["-1", "abc", "1e9", "", "9" * 50]))
    method = dice.choices(["POST", "GET", "HEAD", "DELETE", "PATCH"], [90, 4, 2, 2, 2])[0]
    head = "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *headers, f"Content-Length: {len(body)}"])
    return head.encode() + b"\r\n\r\n" + body


def wrong_http(dice: random.Random) -> bytes:
    """Return bytes that are no HTTP, or not one that may be read in one way only."""
    start = b"POST /predict HTTP/1.1\r\nHost: x\r\n"
    number = dice.randrange(1, 60)
    length, other = b"Content-Length: %d\r\n" % number, b"Content-Length: %d\r\n" % (number + 1)
    chunked = b"Transfer-Encoding: chunked\r\n"
    whole = request(dice)
    tricks = [
        dice.randbytes(dice.randrange(1, 300)),
        whole[: dice.randrange(len(whole))],
        start + length + chunked + b"\r\n0\r\n\r\n" + MARK,
        start + chunked + length + b"\r\n0\r\n\r\n" + MARK,
        start + length + other + b"\r\n" + b"x" * number + MARK,
        start + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + MARK,
        start + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + MARK,
        start + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + MARK,
        start + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + MARK,
        start
        + chunked
        + b"\r\n"
        + dice.choice([b"zz", b"-1", b"0x5", b"FFFFFFFFFFFFFFFFF", b"5 5", b""])
        + b"\r\nhello\r\n"
        + MARK,
        start + chunked + b"\r\n3\r\nhello\r\n0\r\n\r\n" + MARK,
        start + b"X-A: 1\r\n folded\r\n" + length + b"\r\n" + b"x" * number,
        whole.replace(b"\r\n", b"\n"),
        whole.replace(b"\r\n", b"\r"),
        start
        + b"Content-Length: "
        + dice.choice([b"-1", b"+5", b"5,5", b"0x5", b" ", b"9" * 40])
        + b"\r\n\r\nhello"
        + MARK,
        start + b"X: " + b"a" * dice.choice([100, 20_000]) + b"\r\n\r\n",
        start + b"X\x00Y: 1\r\n\r\n",
        b"POST  /predict HTTP/1.1\r\n\r\n",
        b"POST /predict HTTP/" + dice.choice([b"9.9", b"1.2", b"2.0", b"x"]) + b"\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00" + dice.randbytes(100),
        b"GET http://other/v2 HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        start + b"Expect: " + dice.choice([b"100-continue", b"200-ok"]) + b"\r\nContent-Length: 2\r\n\r\n{}",
        start + b"Upgrade: h2c\r\nConnection: Upgrade\r\n" + length + b"\r\n" + b"x" * number,
        start + b"Content-Length: 99999999999\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\n\r\n" + MARK,
    ]
    return dice.choice(tricks)


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    found = re.search(rb"\r\ncontent-length: (\d+)", head)
    return status, await reader.readexactly(int(found[1])) if found else b""


async def well_framed(port: int, dice: random.Random, count: int, seen: Seen) -> None:
    """Send requests one after the other, on connections that are kept."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(count):
        asked = request(dice)
        if writer.is_closing() or reader.at_eof():
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(asked)
        if asked.startswith(b"HEAD"):
            await reader.readuntil(b"\r\n\r\n")
        else:
            try:
                seen.check(asked, *await read_answer(reader))
            except (asyncio.IncompleteReadError, ConnectionError):
                seen.wrong.append(f"no answer to {asked[:300]!r}")
                writer.close()
    writer.close()


async def badly_framed(port: int, dice: random.Random, count: int, seen: Seen) -> None:
    """Send bytes on connections of their own, and read whatever comes until the worker hangs up."""
    for _ in range(count):
        asked = wrong_http(dice)
        answers: list[tuple[int, bytes]] = []
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(asked)
            writer.write_eof()
            while not reader.at_eof():
                answers.append(await read_answer(reader))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the worker hung up: that is an answer to what is no request
        finally:
            writer.close()
        for status, body in answers:
            if status != 100:
                seen.check(asked, status, body)
        if MARK in asked and b"CONNECT" not in asked and any(b'"live":true' in body for _, body in answers):
            seen.wrong.append(f"smuggled: {asked!r}")


async def cut_off(port: int, count: int) -> None:
    """Announce large bodies, send most of each, and go away."""
    for _ in range(count):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % LARGE)
        for _ in range(LARGE // PIECE - 1):
            writer.write(bytes(PIECE))
            await writer.drain()
        writer.transport.abort()


async def campaign(port: int, count: int, part: int, seen: Seen) -> None:
    wrong = int(count * WRONG_HTTP)
    dice = [random.Random(f"{SEED}-{part}-{number}") for number in range(2 * CLIENTS)]  # noqa: S311
    tasks = [well_framed(port, dice[at], (count - wrong) // CLIENTS + 1, seen) for at in range(CLIENTS)]
    tasks += [badly_framed(port, dice[CLIENTS + at], wrong // CLIENTS + 1, seen) for at in range(CLIENTS)]
    await asyncio.gather(*tasks)


def calls(address: str, count: int) -> Counter[str]:
    """Send gRPC messages that were changed on the way; return the codes that came back."""
    dice, codes = random.Random(f"{SEED}-grpc"), Counter[str]()  # noqa: S311
    good = service_pb2.ModelInferRequest(model_name="simple", raw_input_contents=[bytes(64), bytes(64)])
    for name in ("INPUT0", "INPUT1"):
        good.inputs.add(name=name, datatype="INT32", shape=[1, 16])
    whole = good.SerializeToString()
    with grpc.insecure_channel(address) as channel:
        for _ in range(count):
            ask = channel.unary_unary(
                f"/inference.GRPCInferenceService/{dice.choice(['ModelInfer'] * 5 + sorted(CALLS))}"
            )
            changed = bytearray(whole)
            for _ in range(dice.randrange(1, 4)):
                at = dice.randrange(len(changed))
                if dice.random() < 0.3:
                    del changed[at : at + dice.randrange(1, 9)]
                else:
                    changed[at] = dice.randrange(256)
            try:
                ask(bytes(changed), timeout=LONGEST)
                codes["OK"] += 1
            except grpc.RpcError as error:
                told: Any = error
                codes[told.code().name] += 1
    return codes


def predict(server: Server) -> Any:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=LONGEST)
    try:
        connection.request("POST", "/predict", json.dumps({"model": "frame", "rows": ROWS}))
        return json.loads(connection.getresponse().read())["predictions"]
    finally:
        connection.close()


def handles(server: Server) -> int:
    """Return how many files are open, but for those of the prediction log: a model's is opened at its first answer."""
    opened = (file.resolve() for file in Path(f"/proc/{server.process.pid}/fd").iterdir())
    return sum(file.suffix != ".arrows" for file in opened)


@pytest.mark.timeout(1800)
def test_no_5xx_no_crash_no_leak_and_nothing_smuggled(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    seen = Seen()
    asyncio.run(campaign(server.port, 500, 0, seen))  # first sights: caches fill, the allocator takes its arenas
    memory, files = [server.resident()], handles(server)
    remote = int(COUNT * WRONG_GRPC)
    for part in range(1, PARTS + 1):
        asyncio.run(campaign(server.port, (COUNT - remote) // PARTS, part, seen))
        memory.append(server.resident())
    codes = calls(server.grpc_address, remote)
    assert seen.wrong == []
    assert set(codes) <= {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "RESOURCE_EXHAUSTED"}, codes
    assert server.process.poll() is None
    assert predict(server) == [{"score": 3.0, "label": "small"}, {"score": None, "label": "large"}]
    growth = [after - before for before, after in pairwise(memory)]
    assert sum(growth) < GROWTH_KIB, f"{growth} KiB more memory"
    assert sum(growth[PARTS // 2 :]) < LATE_GROWTH_KIB, f"memory grows on: {growth} KiB"
    assert handles(server) <= files + 2, "connections are left open"
    assert "Traceback" not in server.log()
    assert len(seen.codes) > 15, "the campaign is too tame"
    told = (
        f"{COUNT} malformed requests: {dict(sorted(seen.statuses.items()))}, gRPC {dict(codes)}, KiB by part: {growth}"
    )
    with capsys.disabled():
        print(f"\n{told}")  # noqa: T201


def test_large_bodies_that_are_cut_off_are_freed(server: Server) -> None:
    asyncio.run(cut_off(server.port, 4))
    before = server.resident()
    asyncio.run(cut_off(server.port, CUT_OFF))
    predict(server)
    growth = server.resident() - before
    assert growth < GROWTH_KIB, f"{growth} KiB more memory after {CUT_OFF} bodies of {LARGE} bytes that were cut off"
