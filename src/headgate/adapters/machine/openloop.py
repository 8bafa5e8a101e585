"""Put an open-loop load on an HTTP server: requests go out when they are due, whether or not answers came.

A latency counts from the time the request was *due*: what waits for a free connection, or for us, is late as well.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import httptools
import numpy as np
import uvloop

from headgate.gate.load import PATIENCE, Load, due_times
from headgate.gate.profile import Tried

CONNECTIONS = 64
COARSE = 0.002  # seconds before a due time from which a timer is too coarse
OK, SHOWN = 200, 500


class _Connection(asyncio.Protocol):
    """One connection with one request on its way at most."""

    def __init__(self, crowd: "_Crowd") -> None:
        self._crowd = crowd
        self._parser = httptools.HttpResponseParser(self)
        self._body = b""
        self.due = -1.0
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        due, self.due = self.due, -1.0
        status = self._parser.get_status_code()
        body, self._body = self._body, b""
        self._parser = httptools.HttpResponseParser(self)
        self._crowd.answered(self, due, "" if status == OK else f"{status}: {body[:SHOWN].decode(errors='replace')}")

    def connection_lost(self, exc: Exception | None) -> None:
        del exc  # what was on its way has failed, whatever the reason
        self._crowd.lost(self)


class _Crowd:
    """Connections that send what is due."""

    def __init__(self, now: Any) -> None:
        self._now = now
        self.free: list[_Connection] = []
        self.alive = 0
        self.waiting: deque[tuple[float, bytes]] = deque()
        self.milliseconds: list[float] = []
        self.failed = 0
        self.why = ""
        self.done = asyncio.Event()
        self._expected = -1

    def expect(self, requests: int) -> None:
        """Say how many there are in all: `done` is set when each was answered or has failed."""
        self._expected = requests
        self._look()

    def _look(self) -> None:
        if len(self.milliseconds) + self.failed == self._expected or not self.alive:
            self.done.set()

    def send(self, due: float, request: bytes) -> None:
        """Send a request, or let it wait for a connection."""
        if not self.free:
            self.waiting.append((due, request))
            return
        connection = self.free.pop()
        connection.due = due
        connection.transport.write(request)

    def answered(self, connection: _Connection, due: float, error: str) -> None:
        """Take an answer in, and let its connection go on."""
        if error:
            self.failed += 1
            self.why = self.why or error
        else:
            self.milliseconds.append((self._now() - due) * 1000)
        self._look()
        self.free.append(connection)
        if self.waiting:
            self.send(*self.waiting.popleft())

    def lost(self, connection: _Connection) -> None:
        """Count what was on its way; the connection is gone."""
        self.alive -= 1
        self.failed += connection.due >= 0
        if connection in self.free:
            self.free.remove(connection)
        self._look()


def drive(host: str, port: int, requests: Sequence[bytes], rate: float, seconds: float, seed: int = 0) -> Tried:
    """Put this rate on the server for so long, and return what was seen.

    Args:
        host: The server's.
        port: The server's.
        requests: Whole HTTP requests, sent one after the other and round again.
        rate: Requests per second, at Poisson times.
        seconds: How long; given up after twice that.
        seed: Of the due times.
    """
    slices = due_times(rate, seconds, seed)
    length = seconds / len(slices)
    due = np.concatenate([times + index * length for index, times in enumerate(slices)])
    return uvloop.run(_drive(host, port, requests, due.tolist(), rate, seconds))


async def _drive(
    host: str, port: int, requests: Sequence[bytes], due: list[float], rate: float, seconds: float
) -> Tried:
    loop = asyncio.get_running_loop()
    crowd = _Crowd(loop.time)
    for _ in range(min(CONNECTIONS, len(due))):
        _, connection = await loop.create_connection(lambda: _Connection(crowd), host, port)
        crowd.free.append(connection)
        crowd.alive += 1
    start = loop.time()
    for at, moment in enumerate(due):
        if loop.time() - start > PATIENCE * seconds or not crowd.alive:
            break
        await _wait(loop, start + moment)
        crowd.send(start + moment, requests[at % len(requests)])
    left = start + PATIENCE * seconds - loop.time()
    crowd.expect(len(due))
    if left > 0 and crowd.alive:
        with suppress(TimeoutError):  # what is not answered by then has failed
            await asyncio.wait_for(crowd.done.wait(), left)
    took = max(seconds, loop.time() - start)
    load = Load(rate, len(due), took, tuple(sorted(crowd.milliseconds)))
    for connection in tuple(crowd.free):
        connection.transport.abort()
    return Tried(load, len(due) - len(crowd.milliseconds), crowd.why)


async def _wait(loop: asyncio.AbstractEventLoop, until: float) -> None:
    left = until - loop.time()
    if left > COARSE:
        await asyncio.sleep(left - COARSE)
    while loop.time() < until:  # noqa: ASYNC110 - a timer is too coarse; each turn takes answers in
        await asyncio.sleep(0)
