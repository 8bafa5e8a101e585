"""One worker's post: the sockets it accepts on outlive the worker, so that whoever connects while it restarts waits.

A worker that keeps dying has its sockets closed while its post waits: the kernel then gives connections to the others.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress

from headgate.gateway.listen import again
from headgate.gateway.supervise.child import Child, Command, start
from headgate.gateway.supervise.restarts import Restarts

LOG = logging.getLogger("headgate.gateway")
PATIENCE = 1.0  # seconds that connections may wait for a worker that restarts


class Post:
    """Keeps one worker running.

    Args:
        number: Of the post, from 0.
        plugs: What only this worker accepts on.
        shared: What all workers accept on.
        command: Of a worker.
        heard: Called with a worker's messages.
        left: Called with a worker that ended, and whether another takes its place because of that.

    Attributes:
        child: The worker that stands here.
        restarts: How many workers had to be replaced because they ended by themselves.
    """

    def __init__(
        self,
        number: int,
        plugs: list[socket.socket],
        shared: list[socket.socket],
        command: Command,
        heard: Callable[["Post", Child, bytes], None],
        left: Callable[..., None],
    ) -> None:
        self.number = number
        self.child: Child | None = None
        self.restarts = 0
        self._plugs = plugs
        self._places = [(plug.family, plug.getsockname()) for plug in plugs]
        self._shared = shared
        self._command = command
        self._heard = heard
        self._left = left
        self._ending = asyncio.Event()
        self._deaths = Restarts()

    async def keep(self) -> None:
        """Start a worker, and another whenever one ends; until end."""
        while not self._ending.is_set():
            child = self.child = self.child or await self._fill()
            if child is None:
                continue
            code = await child.process.wait()
            if child is not self.child or self._ending.is_set():
                self._left(child, restarted=False)
                continue  # it was replaced, or told to end
            self._left(child, restarted=True)
            self.child, self.restarts = None, self.restarts + 1
            wait = self._deaths.wait(asyncio.get_running_loop().time() - child.born)
            LOG.error("worker %d (post %d) ended with %d; restart in %g s", child.process.pid, self.number, code, wait)
            await self._rest(wait)

    async def replace(self, seconds: float, drain: float) -> bool:
        """Start a fresh worker beside the old one, and end the old one once the fresh one is ready; say if it was."""
        try:
            fresh = await self._start()
        except Exception as error:  # noqa: BLE001 - as in _fill
            LOG.error("post %d: no fresh worker can be started, the old one stays: %s", self.number, error)  # noqa: TRY400
            return False
        if not await fresh.becomes_ready(seconds):
            LOG.error("post %d: the fresh worker did not become ready; the old one stays", self.number)
            await fresh.end(drain)
            return False
        old, self.child = self.child, fresh
        if old is not None:
            await old.end(drain)
        return True

    async def end(self, seconds: float) -> int:
        """End the worker for good; return its exit code."""
        self._ending.set()
        code = await self.child.end(seconds) if self.child else 0
        for plug in self._plugs:
            plug.close()
        return code

    async def _fill(self) -> Child | None:
        """Return a worker that was started; None when that failed, after a rest, so that it is tried again."""
        try:
            child = await self._start()
        except Exception as error:  # noqa: BLE001 - no process, no memory, no handle: the other posts go on meanwhile
            wait = self._deaths.wait(0.0)
            what = "post %d: a worker cannot be started: %s; again in %g s"
            LOG.error(what, self.number, error, wait)  # noqa: TRY400 - said, not traced: it may be said often
            await self._rest(wait)
            return None
        if self._ending.is_set():  # it was told to end before there was anybody to tell
            child.process.terminate()
        return child

    async def _start(self) -> Child:
        for at, plug in enumerate(self._plugs):
            if plug.fileno() < 0:
                self._plugs[at] = again(*self._places[at])
        return await start(
            self._command, [*self._plugs, *self._shared], lambda child, message: self._heard(self, child, message)
        )

    async def _rest(self, seconds: float) -> None:
        if seconds > PATIENCE:
            for plug in self._plugs:
                plug.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), seconds)
