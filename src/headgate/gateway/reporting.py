"""Takes a worker's reports, once a second, to where all workers' are added up: the supervisor, or the worker itself."""

import asyncio
import os
import time
from collections.abc import Callable

from headgate.gateway.admin import Admin, Desk
from headgate.gateway.application import Application
from headgate.gateway.metrics.board import Board
from headgate.gateway.metrics.meter import Meter
from headgate.gateway.supervise import messages
from headgate.gateway.supervise.link import Link
from headgate.gateway.telling import Teller


class Reporting:
    """Runs beside a worker.

    Args:
        meter: Has counted.
        teller: Makes the reports.
        wall: Seconds since 1970.
        to: The supervisor, or where this worker shows its metrics itself; None: nowhere.
        app: Says whether it is ready.
    """

    def __init__(
        self,
        meter: Meter,
        teller: Teller,
        wall: Callable[[], float],
        to: Link | Desk | None,
        app: Application,
    ) -> None:
        self._meter = meter
        self._teller = teller
        self._wall = wall
        self._link = to if isinstance(to, Link) else None
        self._board = Board(to.final if isinstance(to, Desk) else None)
        self._admin = Admin(to, self._board, lambda: {"ready": app.table.ready}) if isinstance(to, Desk) else None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Take the admin port, if it is this worker's, and tell once a second from now on."""
        loop = asyncio.get_running_loop()
        if self._admin:
            await self._admin.listen()
            self._tasks.append(loop.create_task(self._admin.run()))
        self._tasks.append(loop.create_task(self._run()))

    async def close(self) -> None:
        """Tell what is left."""
        for task in self._tasks:
            task.cancel()
        self._tell()
        if self._admin:
            await self._admin.close()
        if self._link:
            await self._link.close()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(1)
            self._tell()

    def _tell(self) -> None:
        if self._link is None:
            self._board.add(os.getpid(), self._teller.report(time.monotonic(), self._wall()))
            self._meter.slow = self._board.slow
        elif self._link.free:  # else it stays counted here
            self._link.send(messages.encode(self._teller.report(time.monotonic(), self._wall())))
