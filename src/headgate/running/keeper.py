"""Keeps one part running: starts it, waits until it is ready, starts it again when it ends by itself."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from headgate.gateway.supervise.restarts import Restarts
from headgate.running.part import Part, Standing
from headgate.running.process import Process, answers, start

LOOK_SECONDS = 0.1
SETTLE_SECONDS = 90.0  # a part that others wait for has this long
Changed = Callable[["Keeper"], None]


class Keeper:
    """Keeps a part.

    Args:
        part: The part.
        heard: Called with each line it prints.
        changed: Called when its standing has changed.
        now: Returns the time as text.

    Attributes:
        standing: How it stands.
        settled: Set once it was ready, or has ended by itself: those that wait for it go on.
    """

    def __init__(
        self,
        part: Part,
        heard: Callable[[Part, bytes], None],
        changed: Changed,
        now: Callable[[], str],
    ) -> None:
        self.part = part
        self.standing = Standing(part.name, "waiting", part.address, part.admin, since=now())
        self.settled = asyncio.Event()
        self.process: Process | None = None
        self._heard = heard
        self._changed = changed
        self._now = now
        self._ending = asyncio.Event()
        self._said = asyncio.Event()
        self._deaths = Restarts()

    async def keep(self, after: "Keeper | None") -> None:
        """Run until end."""
        if after is not None:
            await self._either(after.settled.wait(), SETTLE_SECONDS)
        while not self._ending.is_set():
            wait = await self._live()
            await self._either(asyncio.sleep(wait))

    async def end(self) -> bool:
        """End the part for good; say whether it ended by itself in time."""
        self._ending.set()
        well = self.process is None or await self.process.end(self.part.drain)
        self._stand(state="ended", pid=None)
        return well

    async def _live(self) -> float:
        """Run one process until it ends; return how long to wait before the next."""
        loop = asyncio.get_running_loop()
        self._said.clear()
        born, code = loop.time(), "cannot be started"
        try:
            process = self.process = await start(self.part, self._hear)
        except OSError as error:
            code = f"cannot be started: {error.strerror}"
        else:
            if self._ending.is_set():  # it was told to end while it started
                await process.end(self.part.drain)
                await process.wait()
                return 0.0
            self._stand(state="starting", pid=process.pid)
            watching = loop.create_task(self._watch(process))
            code = f"ended with {await process.wait()}"
            watching.cancel()
        if self._ending.is_set():
            return 0.0
        self.process = None
        wait = self._deaths.wait(loop.time() - born)
        standing = self.standing
        self._stand(state="down", pid=None, restarts=standing.restarts + 1, quick=self._deaths.quick, why=code)
        self.settled.set()
        return wait

    async def _watch(self, process: Process) -> None:
        """Say when it is ready."""
        loop = asyncio.get_running_loop()
        if self.part.probe:
            while not await loop.run_in_executor(None, answers, self.part.probe):
                await self._either(asyncio.sleep(LOOK_SECONDS))
        else:
            await self._said.wait()
        if process.inner.returncode is None and not self._ending.is_set():
            self._stand(state="ready")
            self.settled.set()

    def _hear(self, line: bytes) -> None:
        if self.part.says and line.startswith(self.part.says.encode()):
            self._said.set()
        self._heard(self.part, line)

    def _stand(self, **changes: object) -> None:
        self.standing = replace(self.standing, since=self._now(), **changes)  # type: ignore[arg-type]
        self._changed(self)

    async def _either(self, other: Coroutine[Any, Any, object], seconds: float | None = None) -> None:
        """Wait for something, for so many seconds, or until the end."""
        tasks = {asyncio.ensure_future(other), asyncio.ensure_future(self._ending.wait())}
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
