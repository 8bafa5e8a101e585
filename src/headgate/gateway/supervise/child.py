"""One worker process as its supervisor sees it: started by a fresh command, never forked; ready, ended, told to end."""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Sequence

from headgate.gateway.process import Process
from headgate.gateway.supervise.link import Link

LOG = logging.getLogger("headgate.gateway")
Command = Callable[[Sequence[int], int], Sequence[str]]


class Child:
    """A running worker.

    Args:
        process: Its process.
        born: When it started, by the loop's clock.
        link: To it.

    Attributes:
        ready: Set once it can answer for every model.
        lesson: What it was told last.
        gone: Whether its end was noted; what it said last may still come.
    """

    def __init__(self, process: Process, born: float, link: Link) -> None:
        self.process = process
        self.link = link
        self.born = born
        self.ready = asyncio.Event()
        self.lesson = b""
        self.gone = False

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self.process.returncode is None

    async def becomes_ready(self, seconds: float) -> bool:
        """Wait until it is ready; False when it ended first, or took too long."""
        ready, ended = asyncio.ensure_future(self.ready.wait()), asyncio.ensure_future(self.process.wait())
        done, waiting = await asyncio.wait({ready, ended}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        return ready in done and self.alive

    async def end(self, seconds: float) -> int:
        """Tell it to drain and end; after so many seconds it is killed. Return its exit code.

        One that was still starting has nothing to drain: that the signal ended it is as good as 0.
        """
        told = self.alive
        if told:
            self.process.terminate()
        try:
            code = await asyncio.wait_for(self.process.wait(), seconds)
            return 0 if told and not self.ready.is_set() and code == -signal.SIGTERM else code
        except TimeoutError:
            LOG.warning("worker %d did not end within %g s of being told to; it is killed", self.process.pid, seconds)
            self.process.kill()
            return await self.process.wait()


async def start(command: Command, plugs: Sequence[socket.socket], heard: Callable[[Child, bytes], None]) -> Child:
    """Start a worker on these sockets; what it says goes to heard."""
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    listening = [plug.fileno() for plug in plugs]
    try:
        process = Process(command(listening, theirs.fileno()), (*listening, theirs.fileno()))
        link = Link(lambda message: heard(child, message), lambda: None)
        child = Child(process, loop.time(), link)
        await loop.create_unix_connection(lambda: link, sock=ours)
    except BaseException:
        ours.close()  # a worker that runs already takes this for the end of its supervisor, and ends
        raise
    finally:
        theirs.close()
    return child
