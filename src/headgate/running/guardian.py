"""Keeps the warden: the process that ends the parts when the supervisor could not."""

import asyncio
import contextlib
import sys

from headgate.running import warden

PAUSE = 1.0


class Guardian:
    """Tells the warden which process groups there are; a warden that dies is replaced."""

    def __init__(self) -> None:
        self._groups: set[int] = set()
        self._process: asyncio.subprocess.Process | None = None
        self._there = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return once there is a warden."""
        self._task = asyncio.get_running_loop().create_task(self._keep())
        await self._there.wait()

    def add(self, group: int) -> None:
        """Let a process group not outlive us."""
        self._groups.add(group)
        self._say(f"+{group}\n")

    def drop(self, group: int) -> None:
        """Forget a group that has ended."""
        self._groups.discard(group)
        self._say(f"-{group}\n")

    async def close(self) -> None:
        """Let the warden end what is left, and end."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            await self._process.wait()

    async def _keep(self) -> None:
        while True:
            self._process = process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(warden.__file__)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
            for group in self._groups:
                self._say(f"+{group}\n")
            self._there.set()
            await process.wait()
            await asyncio.sleep(PAUSE)

    def _say(self, line: str) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(line.encode())
