"""Keep one shadow's process: start it, hear it, end it when it hangs, start it once more, then no more.

The process is started by a fresh command, never forked from a worker with its threads, and speaks over a pair of
sockets; when the worker is gone, it reads the end of the file.
"""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from headgate.gateway.process import Process
from headgate.gateway.shadow.feed import Feed
from headgate.gateway.shadow.hang import Waits, hangs, starved
from headgate.gateway.shadow.host import OUT_OF_MEMORY
from headgate.gateway.shadow.life import Life
from headgate.gateway.shadow.messages import Broken, Done, Ready, said
from headgate.gateway.shadow.pair import Flight
from headgate.gateway.supervise.link import Link

LOG = logging.getLogger("headgate.gateway")
HOST = "headgate.gateway.shadow.host"
END_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Start:
    """How a shadow's process is started, and what it may take.

    Attributes:
        name: Says which shadow it is, to people.
        bundle: The bundle's folder.
        digest: The bundle's.
        opener: ``module:name`` of what opens a bundle: gets folder and digest, returns a predictor.
        memory: Bytes.
        patience: Seconds that it may take to answer; time in which it waits for a processor does not count.
        load: Seconds that it may take to load.
        counted: Called when it has ended its process.
    """

    name: str
    bundle: Path
    digest: str
    opener: str
    memory: int
    patience: float
    load: float
    counted: Callable[[], None]

    def command(self, number: int) -> list[str]:
        """Return the command of the process; number: of its socket."""
        return [
            *(sys.executable, "-m", HOST, str(self.bundle), self.digest, self.opener, str(self.memory)),
            str(number),
        ]


class Keeper:
    """One shadow.

    Args:
        start: How its process is started.
        feed: Its copies.
        seconds: Reads the worker's clock.

    Attributes:
        feed: Its copies.
        life: How often it ended its process.
    """

    def __init__(self, start: Start, feed: Feed, seconds: Callable[[], float]) -> None:
        self.feed = feed
        self.life = Life()
        self._start = start
        self._seconds = seconds
        self._process: Process | None = None
        self._link: Link | None = None
        self._why = ""
        self._loading: float | None = None
        self._waits = Waits()
        self._judged: tuple[Flight | None, float] = (None, 0.0)
        self._ending, self._gone = asyncio.Event(), asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run())

    def look(self) -> None:
        """End the process when it hangs, or when the other workers' have ended often enough; called again and again."""
        if self.life.quarantined and not self._task.done():
            self._give_up()
            return
        process, flights, now = self._process, self.feed.flights, self._seconds()
        self.life.loading = 0.0 if self._loading is None else now - self._loading
        if process is None or process.returncode is not None or self._why:
            return
        waits = self._waits.add(starved(process.pid))
        if self._loading is not None:
            if hangs(now - self._loading, waits, self._start.load):
                self._kill(f"did not load within {self._start.load:g} s")
        elif not flights:
            self._judged = (None, 0.0)
        elif flights[0] is not self._judged[0]:
            self._judged = (flights[0], waits)
        elif hangs(now - flights[0].sent, waits - self._judged[1], self._start.patience):
            self._kill(f"did not answer within {self._start.patience:g} s")

    async def close(self) -> None:
        """End the process, and everything that waits."""
        self._part()
        try:
            await asyncio.wait_for(asyncio.shield(self._task), END_SECONDS)
        except TimeoutError:
            self._kill("was told to end")
            await self._task
        self.feed.end()

    def _part(self) -> None:
        self._ending.set()
        if self._link is not None:
            self._link.transport.abort()

    def _give_up(self) -> None:
        if not self._ending.is_set():
            LOG.error("%s is quarantined: %s", self._start.name, self.life.told)
        self._part()
        self._kill("was told to end")
        self.feed.end()

    async def _run(self) -> None:
        while not self._ending.is_set():
            why = await self._live()
            self.feed.shut()
            if self._ending.is_set():
                return
            pause = self.life.ended(why)
            self._start.counted()
            if pause is None:
                LOG.error("%s is quarantined: %s", self._start.name, self.life.told)
                self.feed.end()
                return
            LOG.error("%s: its process is gone: it %s; another is started", self._start.name, why)
            await _within(self._ending, pause)

    async def _live(self) -> str:
        """Start a process, and wait until it ends; return how."""
        self._why, self._loading, self._waits = "", self._seconds(), Waits()
        try:
            process = await self._spawn()
        except OSError as error:
            return f"could not be started: {error}"
        code = await process.wait()
        await _within(self._gone, END_SECONDS)  # what it said last is still under way
        self._process = None
        if self._link is not None:
            self._link.transport.abort()
        return self._why or ending_of(code, self._start.memory)

    async def _spawn(self) -> Process:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        try:
            command = self._start.command(theirs.fileno())
            process = self._process = Process(command, [theirs.fileno()], stdout=sys.stderr)
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        self._gone = gone = asyncio.Event()
        link = self._link = Link(self._hear, gone.set)
        await loop.create_unix_connection(lambda: link, sock=ours)
        if self._ending.is_set():
            process.kill()
        return process

    def _hear(self, message: bytes) -> None:
        try:
            match said(message):
                case Ready(seconds=seconds):
                    self._loading = None
                    LOG.info("%s is ready after %.1f s", self._start.name, seconds)
                    if self._link is not None:
                        self.feed.open(self._link.send)
                case Done() as done:
                    self.feed.done(done)
                case Broken(why=why):
                    self._why = why
        except (msgspec.DecodeError, ValueError, TypeError, IndexError) as error:
            self._kill(f"said what cannot be read: {error}")

    def _kill(self, why: str) -> None:
        self._why = why
        if self._process is not None and self._process.returncode is None:
            self._process.kill()


async def _within(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, but no longer than so many seconds."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)


def ending_of(code: int, memory: int) -> str:
    """Return how a process ended, from its exit code and the bytes that it may have."""
    if code == OUT_OF_MEMORY:
        return f"needs more than the {memory / 1e6:g} MB of memory that it may have"
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended its process with code {code}"
