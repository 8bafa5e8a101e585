"""March's traffic, one request a flight: sends it, notes the arm of every answer, and says afterwards what was true."""

import asyncio
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.progress import Progress, TaskID
from scipy.stats import binomtest

OUTCOMES_AT_ONCE = 5000
QUANTILES = (0.5, 0.95, 0.99)
EVERY = 64  # answers between two looks of the progress bar


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one flight.

    Attributes:
        arm: Which answered.
        version: Which answered.
        name: The prediction's id.
        chance: Probability of being late.
        milliseconds: From request to answer, this client included.
    """

    arm: str
    version: str
    name: str
    chance: float
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Share:
    """One arm's part of the traffic.

    Attributes:
        asked: Share that the route gives it.
        count: Requests that it answered.
        low: Of the 95 % interval of the share, exact (Clopper and Pearson 1934).
        high: Of it.
        latencies: P50, P95 and P99, ms, of requests sent one by one.
    """

    asked: float
    count: int
    low: float
    high: float
    latencies: tuple[float, ...]


def march(folder: Path) -> pa.Table:
    """Return March's flights with the stored features as they were known one hour before departure."""
    return flights(folder, "2013-03-01", "2013-04-01")


def flights(folder: Path, since: str, until: str) -> pa.Table:
    """Return the flights of some days of New York with the stored features as they were known one hour before."""
    from headgate.features.asof import join
    from headgate.training.table import read_stored, read_table
    from headgate.wiring import Project

    policy = Project.open(folder).policy.models["late"]
    rows = read_table(folder / policy.data.source, policy.data.columns, policy.data.source)
    start, end = (pa.scalar(f"{day}T05:00:00Z").cast(pa.timestamp("us", "UTC")) for day in (since, until))
    rows = rows.filter(pc.and_(pc.greater_equal(rows[policy.data.time], start), pc.less(rows[policy.data.time], end)))
    tables = {
        name: read_stored(folder / stored.source, policy, name, stored.source)
        for name, stored in policy.features.stored.items()
    }
    return join(rows, policy.data.time, policy.features.stored, tables)


def requests(rows: pa.Table, fields: Sequence[Mapping[str, Any]], model: str = "late") -> list[bytes]:
    """Return a request of the Open Inference Protocol for each flight; the flight is the unit that stays on one arm."""
    columns = [rows[field["name"]].to_pylist() for field in fields]
    heads = [{"name": field["name"], "datatype": field["datatype"], "shape": [1]} for field in fields]
    made = []
    for flight, *values in zip(rows["id"].to_pylist(), *columns, strict=True):
        tensors = [{**head, "data": [value]} for head, value in zip(heads, values, strict=True)]
        body = json.dumps({"inputs": tensors}).encode()
        head = f"POST /v2/models/{model}/infer HTTP/1.1\r\nhost: demo\r\nheadgate-unit: {flight}\r\n"
        made.append(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    return made


def send(port: int, made: Sequence[bytes], clients: int, what: str, console: Console) -> list[Answer]:
    """Send every request once, over so many connections; return the answers in the order of the requests."""
    found: list[Answer | None] = [None] * len(made)
    with Progress(*Progress.get_default_columns(), console=console) as progress:
        task = progress.add_task(f"  {what}", total=len(made))
        asyncio.run(_send(port, made, found, clients, (progress, task)))
    return [answer for answer in found if answer is not None]


async def _send(
    port: int, made: Sequence[bytes], found: list[Answer | None], clients: int, shown: tuple[Progress, TaskID]
) -> None:
    places = iter(range(len(made)))
    await asyncio.gather(*[_client(port, made, found, places, shown) for _ in range(clients)])


async def _client(
    port: int, made: Sequence[bytes], found: list[Answer | None], places: Iterator[int], shown: tuple[Progress, TaskID]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for place in places:
        begun = time.perf_counter()
        writer.write(made[place])
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        body = await reader.readexactly(int(headers["content-length"]))
        took = (time.perf_counter() - begun) * 1000
        if first.split()[1] != "200":
            raise SystemExit(f"a request was answered {first}: {body.decode()}")
        chance = float(json.loads(body)["outputs"][0]["data"][0])
        arm, version, name = (headers[f"headgate-{key}"] for key in ("arm", "version", "prediction-id"))
        found[place] = Answer(arm, version, name, chance, took)
        if place % EVERY == 0:
            shown[0].update(shown[1], completed=place)
    shown[0].update(shown[1], completed=len(made))
    writer.close()
    await writer.wait_closed()


def shares(asked: Mapping[str, float], answers: Sequence[Answer], singles: Sequence[Answer]) -> dict[str, Share]:
    """Return each arm's part: the share from all the flights, the latencies from those sent one by one."""
    made = {}
    for arm, share in asked.items():
        count = sum(answer.arm == arm for answer in answers)
        interval = binomtest(count, len(answers)).proportion_ci(0.95)
        took = [answer.milliseconds for answer in singles if answer.arm == arm]
        quantiles = tuple(np.quantile(took, QUANTILES).tolist()) if took else ()
        made[arm] = Share(share, count, float(interval.low), float(interval.high), quantiles)
    return made


def tell_truth(url: str, answers: Sequence[Answer], late: npt.NDArray[Any]) -> int:
    """Send what became true of each prediction; return how many outcomes were taken in, each of them durable."""
    said = [{"id": answer.name, "value": int(value)} for answer, value in zip(answers, late.tolist(), strict=True)]
    kept = 0
    with httpx.Client(base_url=url, timeout=60) as client:
        for start in range(0, len(said), OUTCOMES_AT_ONCE):
            done = client.post("/outcomes", json=said[start : start + OUTCOMES_AT_ONCE]).raise_for_status()
            kept += int(done.json()["accepted"])
    return kept
