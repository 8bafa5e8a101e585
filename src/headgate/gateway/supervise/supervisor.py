"""Keeps several workers on one port: starts them, restarts the dead, replaces them one by one, ends them in order.

SIGTERM and SIGINT drain all workers; SIGHUP replaces each by a fresh one that is ready before the old one ends. The
supervisor answers no request: it holds the sockets, so that none is lost while a worker is replaced.
"""

import asyncio
import logging
import signal
import socket
from dataclasses import dataclass
from typing import Any

from headgate.base.background import ignore_terminal
from headgate.gateway.admin import Admin, Desk
from headgate.gateway.metrics.board import Board
from headgate.gateway.metrics.report import Report
from headgate.gateway.supervise.child import Child, Command
from headgate.gateway.supervise.kills import Kills
from headgate.gateway.supervise.messages import Lesson, Ready, decode, encode
from headgate.gateway.supervise.post import Post

LOG = logging.getLogger("headgate.gateway")
GRACE = 5.0  # seconds beyond a worker's own time to drain


@dataclass(frozen=True, slots=True)
class Crew:
    """The workers that are wanted.

    Attributes:
        plugs: For each worker the sockets that it alone accepts on.
        shared: Sockets that all workers accept on.
        command: Returns the command of a worker from the numbers of its sockets and of its link.
        drain_seconds: That a worker has to end.
        ready_seconds: That a fresh worker has to become ready, before it replaces one.
    """

    plugs: tuple[tuple[socket.socket, ...], ...]
    shared: tuple[socket.socket, ...]
    command: Command
    drain_seconds: float
    ready_seconds: float = 60.0


class Supervisor:
    """Runs on one event loop.

    Args:
        crew: The workers.
        desk: Where their metrics are shown and kept.
    """

    def __init__(self, crew: Crew, desk: Desk) -> None:
        self._board = Board(desk.final)
        self._admin = Admin(desk, self._board, self._show)
        self._kills = Kills()
        shared = list(crew.shared)
        self.posts = [
            Post(at, list(one), shared, crew.command, self._hear, self._leave) for at, one in enumerate(crew.plugs)
        ]
        self._crew = crew
        self._end = asyncio.Event()
        self._rolling: asyncio.Task[None] | None = None

    async def run(self) -> int:
        """Keep the workers until a signal; return 0 when every one of them ended well."""
        loop = asyncio.get_running_loop()
        ignore_terminal()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end.set)
        loop.add_signal_handler(signal.SIGHUP, self._roll)
        await self._admin.listen()
        showing = loop.create_task(self._admin.run())
        keepers = [loop.create_task(post.keep()) for post in self.posts]
        ended = loop.create_task(self._end.wait())
        await asyncio.wait({ended, *keepers}, return_when=asyncio.FIRST_COMPLETED)
        codes = await self._end_all()
        ended.cancel()
        for keeper in keepers:
            await keeper
        showing.cancel()
        await self._admin.close()
        return int(any(codes))

    def _hear(self, post: Post, child: Child, message: bytes) -> None:
        match decode(message):
            case Ready() if not child.ready.is_set():
                child.ready.set()
                LOG.info("worker %d (post %d) is ready", child.process.pid, post.number)
            case Report() as report:
                self._board.add(child.process.pid, report)
                if child.gone:
                    self._board.leave(child.process.pid, restarted=False)
                    return
                self._kills.hear(child.process.pid, report.kills)
                for one in {child, *(post.child for post in self.posts if post.child)}:
                    self._teach(one)

    def _leave(self, child: Child, *, restarted: bool) -> None:
        child.gone = True
        self._board.leave(child.process.pid, restarted=restarted)
        self._kills.leave(child.process.pid)

    def _teach(self, child: Child) -> None:
        """Tell a worker what is slow, and what shadows did beside the others, when that is not what it was told."""
        lesson = encode(Lesson(self._board.slow, self._kills.elsewhere(child.process.pid)))
        if child.lesson != lesson and child.link.free:
            child.link.send(lesson)
            child.lesson = lesson

    def _show(self) -> dict[str, Any]:
        workers = [
            {
                "post": post.number,
                "pid": post.child.process.pid if post.child else None,
                "ready": post.child is not None and post.child.ready.is_set(),
                "restarts": post.restarts,
            }
            for post in self.posts
        ]
        return {"ready": all(worker["ready"] for worker in workers), "workers": workers}

    async def _end_all(self) -> list[int]:
        if self._rolling is not None:
            self._rolling.cancel()
        for plug in self._crew.shared:
            plug.close()
        seconds = self._crew.drain_seconds + GRACE
        return await asyncio.gather(*(post.end(seconds) for post in self.posts))

    def _roll(self) -> None:
        if self._rolling is None or self._rolling.done():
            self._rolling = asyncio.get_running_loop().create_task(self._replace_all())

    async def _replace_all(self) -> None:
        crew = self._crew
        for post in self.posts:
            if not await post.replace(crew.ready_seconds, crew.drain_seconds + GRACE):
                LOG.error("SIGHUP: workers from post %d on were not replaced", post.number)
                return
        LOG.info("SIGHUP: every worker was replaced")
