"""Load a gateway over HTTP: closed loops (a client waits for its answer) or an open one (a rate, whatever comes)."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

END = b"\r\n\r\n"  # of a head
TICK_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer.

    Attributes:
        due: When the request was due, in seconds since the start: an open loop is charged for its own delays, too.
        took: Seconds from then to the answer.
        status: HTTP status.
        headers: By lower-case name.
        body: The answer's body.
        turn: Of `took`, the seconds since its turn came: since it was sent, and its connection had given the answer
            before it, for answers come in order. A loop that has the processor sends a millisecond late at most.
    """

    due: float
    took: float
    status: int
    headers: dict[str, str]
    body: bytes
    turn: float = 0.0


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
            took = time.monotonic() - start - due
            seen.append(Seen(due, took, *answer, took))
        writer.close()
        return seen

    return [one for seen in await asyncio.gather(*map(client, requests)) for one in seen]


async def opened(port: int, content: bytes, per_second: float, seconds: float, connections: int) -> list[Seen]:
    """Send a request at a fixed rate over so many connections, whether or not answers came; wait for all of them.

    Raises:
        ConnectionError: A connection ended before all its answers had come.
    """
    loop, start = asyncio.get_running_loop(), time.monotonic() + 0.05
    made = [await loop.create_connection(lambda: _Line(start), "127.0.0.1", port) for _ in range(connections)]
    count, sent = int(per_second * seconds), 0
    while sent < count:
        while sent < count and start + sent / per_second <= time.monotonic():
            made[sent % connections][1].send(content, sent / per_second)
            sent += 1
        await asyncio.sleep(TICK_SECONDS)
    await asyncio.gather(*(line.answered() for _, line in made))
    for transport, _ in made:
        transport.close()
    return [one for _, line in made for one in line.seen]


class _Line(asyncio.Protocol):
    """One connection of an open loop; made to cost little, for it shares the machine with what it loads."""

    def __init__(self, start: float) -> None:
        self.seen: list[Seen] = []
        self._start, self._before = start, 0.0
        self._dues = deque[tuple[float, float]]()  # when each was due, and when it was sent
        self._left = b""
        self._idle = asyncio.Event()
        self._idle.set()
        self._error: Exception | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._error = exc or ConnectionResetError("the connection ended")
        self._idle.set()

    def send(self, content: bytes, due: float) -> None:
        """Send a request that was due then."""
        self._dues.append((due, time.monotonic() - self._start))
        if self._error is None:
            self._idle.clear()
        self._transport.write(content)

    async def answered(self) -> None:
        """Wait until every request has its answer."""
        await self._idle.wait()
        if self._dues and self._error:
            raise self._error

    def data_received(self, data: bytes) -> None:
        now, data, start = time.monotonic() - self._start, self._left + data, 0
        while (end := data.find(END, start)) >= 0:
            first, *lines = data[start:end].decode().split("\r\n")
            headers = dict([line.split(": ", 1) for line in lines])
            stop = end + len(END) + int(headers["content-length"])
            if stop > len(data):
                break
            (due, sent), body = self._dues.popleft(), data[end + len(END) : stop]
            self.seen.append(Seen(due, now - due, int(first.split()[1]), headers, body, now - max(sent, self._before)))
            self._before, start = now, stop
        self._left = data[start:]
        if not self._dues:
            self._idle.set()
