"""March as a stream: each model is asked at a rate of its own, and what became true follows."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

import httpx

CLIENTS = 8  # of each model
TELL_SECONDS = 0.5  # between two posts of outcomes


@dataclass(frozen=True, slots=True)
class Source:
    """What is asked of one model.

    Attributes:
        requests: One for each flight.
        truth: What became true of each: 1 late, 0 not.
        rate: Requests a second.
    """

    requests: Sequence[bytes]
    truth: Sequence[int]
    rate: float


class Stream:
    """Asks until it is told to end.

    Args:
        url: Of the gateway.
        sources: By model.

    Attributes:
        asked: Requests by model and status.
    """

    def __init__(self, url: str, sources: Mapping[str, Source]) -> None:
        self._url, self._port, self._sources = url, int(url.rsplit(":", 1)[1]), sources
        self._end = Event()
        self._truths: list[dict[str, Any]] = []
        self._broken: list[BaseException] = []
        self.asked: Counter[tuple[str, int]] = Counter()

    @contextmanager
    def running(self) -> Iterator["Stream"]:
        """Ask for as long as the block runs.

        Raises:
            RuntimeError: The gateway could not be asked any more.
        """
        thread = Thread(target=self._work)
        thread.start()
        try:
            yield self
        finally:
            self._end.set()
            thread.join()
        if self._broken:
            raise RuntimeError("the stream of requests broke") from self._broken[0]

    def _work(self) -> None:
        try:
            asyncio.run(self._run())
        except (OSError, ValueError, EOFError, httpx.HTTPError) as error:
            self._broken.append(error)

    async def _run(self) -> None:
        began = time.monotonic()
        every = [(model, source, number) for model, source in self._sources.items() for number in range(CLIENTS)]
        await asyncio.gather(self._tell(), *[self._client(*one, began) for one in every])

    async def _client(self, model: str, source: Source, number: int, began: float) -> None:
        """Ask about each eighth flight when it is due; one that is asked about again is the same unit."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        place = number
        while not self._end.is_set():
            await asyncio.sleep(max(0.0, began + place / source.rate - time.monotonic()))
            flight = place % len(source.requests)
            writer.write(source.requests[flight])
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines)
            await reader.readexactly(int(headers["content-length"]))
            self.asked[model, int(first.split()[1])] += 1
            if name := headers.get("headgate-prediction-id"):
                self._truths.append({"id": name, "value": source.truth[flight]})
            place += CLIENTS
        writer.close()
        await writer.wait_closed()

    async def _tell(self) -> None:
        """Post what became true: soon, since nobody waits for a flight to land here."""
        async with httpx.AsyncClient(base_url=self._url, timeout=60) as client:
            while not self._end.is_set():
                await asyncio.sleep(TELL_SECONDS)
                said, self._truths = self._truths, []
                if said:
                    answer = await client.post("/outcomes", content=json.dumps(said))
                    answer.raise_for_status()
