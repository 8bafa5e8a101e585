"""Keeps the warden: the process that ends the parts when the supervisor could not."""

import asyncio
import contextlib
import logging
import sys
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from headgate.base.errors import Unavailable
from headgate.running import warden

LOG = logging.getLogger("headgate.running")
PAUSE = 1.0
Launch: TypeAlias = Callable[[], Awaitable[asyncio.subprocess.Process]]


async def launch() -> asyncio.subprocess.Process:
    """Start a warden."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(warden.__file__)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )


class Guardian:
    """Tells the warden which process groups there are; a warden that dies is replaced.

    Args:
        launch: Starts a warden; raises OSError.
        pause: Seconds before another one is started.
    """

    def __init__(self, launch: Launch = launch, pause: float = PAUSE) -> None:
        self._launch, self._pause = launch, pause
        self._groups: set[int] = set()
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return once there is a warden.

        Raises:
            Unavailable: The machine starts no further process.
        """
        try:
            self._begin(await self._launch())
        except OSError as error:
            what = f"no process can be started: {error.strerror or error}"
            raise Unavailable(what, way_out="end processes, or raise the limit of processes (ulimit -u)") from error
        self._task = asyncio.get_running_loop().create_task(self._keep())

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
        said = False
        while True:
            if self._process is not None:
                await self._process.wait()
            await asyncio.sleep(self._pause)
            try:
                self._begin(await self._launch())
                said = False
            except OSError as error:
                if not said:
                    LOG.warning(
                        "if this process were killed, its parts would stay: no warden can be started: %s", error
                    )
                said = True

    def _begin(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        for group in self._groups:
            self._say(f"+{group}\n")

    def _say(self, line: str) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(line.encode())
