"""Load a gateway over HTTP: closed loops (a client waits for its answer) or an open one (a rate, whatever comes)."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer.

    Attributes:
        due: When the request was due, in seconds since the start: an open loop is charged for its own delays, too.
        took: Seconds from then to the answer.
        status: HTTP status.
        headers: By lower-case name.
        body: The answer's body.
    """

    due: float
    took: float
    status: int
    headers: dict[str, str]
    body: bytes


def request(path: str, body: bytes, **headers: str) -> bytes:
    """Return a POST request; header names are written with underscores."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\nHost: x\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def read(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """Read one answer: status, headers, body."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(first.split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


async def closed(port: int, requests: Sequence[bytes], going: Callable[[], bool]) -> list[Seen]:
    """Send each request again and again, each on a connection of its own, while `going` says so."""
    start = time.monotonic()

    async def client(content: bytes) -> list[Seen]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        seen = []
        while going():
            due = time.monotonic() - start
            writer.write(content)
            answer = await read(reader)
            seen.append(Seen(due, time.monotonic() - start - due, *answer))
        writer.close()
        return seen

    return [one for seen in await asyncio.gather(*map(client, requests)) for one in seen]


async def opened(port: int, content: bytes, per_second: float, seconds: float, connections: int) -> list[Seen]:
    """Send a request at a fixed rate over so many connections, whether or not answers came; wait for all of them."""
    gap, start = connections / per_second, time.monotonic() + 0.05

    async def client(number: int) -> list[Seen]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        dues = [number / per_second + turn * gap for turn in range(int(seconds / gap))]

        async def send() -> None:
            for due in dues:
                await asyncio.sleep(max(0.0, start + due - time.monotonic()))
                writer.write(content)

        sending, seen = asyncio.create_task(send()), []
        for due in dues:
            answer = await read(reader)
            seen.append(Seen(due, time.monotonic() - start - due, *answer))
        await sending
        writer.close()
        return seen

    return [one for seen in await asyncio.gather(*map(client, range(connections))) for one in seen]
