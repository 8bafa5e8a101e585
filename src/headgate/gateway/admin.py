"""The admin port: /metrics and /health over all workers; once a second the final rollups go to their file.

Beyond this machine it asks for an API key, whichever. Beside one worker it runs on the worker's loop, above several on
the supervisor's. What it writes is written in a thread; when the file cannot be written, rows wait, and the oldest are
dropped after a while.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from headgate.base.errors import Unavailable
from headgate.gateway.errands import Rounds
from headgate.gateway.greeter import Accepting
from headgate.gateway.guard.follow import KeyFollower
from headgate.gateway.guard.keys import ANY, KeyTable, credential
from headgate.gateway.http.connection import Connection
from headgate.gateway.http.door import Door
from headgate.gateway.http.exchange import Exchange
from headgate.gateway.http.head import Handler
from headgate.gateway.limits import Limits
from headgate.gateway.listen import accept, listen, show
from headgate.gateway.metrics.board import Board
from headgate.gateway.metrics.text import CONTENT_TYPE
from headgate.gateway.protocols.speech import READ, allow, page, text
from headgate.gateway.refusal import Refusal
from headgate.gateway.supervise.chore import Chore, keep_doing
from headgate.journal.ports import Document
from headgate.predictions.rollup import Rollups, Row

LOG = logging.getLogger("headgate.gateway")
MOST_WAITING = 100_000  # rows
KEY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Desk:
    """Where the admin port is, and what it needs of the world.

    Attributes:
        host: Address; loopback unless somebody who knows says otherwise.
        port: TCP port; None: 8081, or any free one when that is taken.
        rollups: Keeps rows.
        now: Seconds since 1970.
        listening: Called with host and port once it listens.
        chore: What is done beside serving, in a process of its own; None: nothing.
        final: Model to the seconds after which what came in is final.
        keys: Returns the documents of API keys, any of which must be shown; None: nobody is asked for one.
    """

    host: str
    port: int | None
    rollups: Rollups
    now: Callable[[], float]
    listening: Callable[[str, int], None] | None = None
    chore: Chore | None = None
    final: Mapping[str, float] = field(default_factory=dict)
    keys: Callable[[], Sequence[Document]] | None = None


class Admin:
    """Shows and keeps what a board adds up.

    Args:
        desk: Where.
        board: Gets the reports.
        health: Returns what the health page says beside the board's notes.
    """

    def __init__(self, desk: Desk, board: Board, health: Callable[[], dict[str, Any]]) -> None:
        self._desk = desk
        self._board = board
        self._health = health
        self._door = Door(self._resolve, Limits(connections=64))
        self._keys = KeyTable(needed=desk.keys is not None)
        self._servers: list[Accepting] = []
        self._waiting: deque[Row] = deque(maxlen=MOST_WAITING)
        self._held: deque[Row] = deque(maxlen=MOST_WAITING)  # what is being written, or could not be
        self._writing = Lock()  # whoever waits for a write may be cancelled, its thread goes on

    async def listen(self) -> None:
        """Take the port.

        Raises:
            Unavailable: The port was asked for by name, and is taken.
        """
        desk, loop = self._desk, asyncio.get_running_loop()
        self._door.now = loop.time()
        try:
            plugs = listen(desk.host, 8081 if desk.port is None else desk.port)
        except Unavailable:
            if desk.port is not None:
                raise
            plugs = listen(desk.host, 0)
        self._servers = [await accept(loop, plug, lambda: Connection(self._door), None) for plug in plugs]
        LOG.info("admin port: %s", show(plugs[0]))
        if desk.listening:
            desk.listening(*plugs[0].getsockname()[:2])

    async def run(self) -> None:
        """Keep the final rows, once a second, and do the chore, until it is cancelled."""
        loop = asyncio.get_running_loop()
        chore = loop.create_task(keep_doing(self._desk.chore)) if self._desk.chore else None
        keys = self._follow_keys(loop)
        try:
            while True:
                await asyncio.sleep(1)
                self._door.sweep(loop.time())
                await self.keep()
        finally:
            if chore:
                chore.cancel()
            if keys:
                keys.stop()

    def _follow_keys(self, loop: asyncio.AbstractEventLoop) -> Rounds | None:
        if self._desk.keys is None:
            return None

        def take(keys: KeyTable) -> None:
            self._keys = keys

        follower = KeyFollower(self._desk.keys, lambda keys: loop.call_soon_threadsafe(take, keys), needed=True)
        rounds = Rounds("keys of the admin port", follower.look, KEY_SECONDS)
        rounds.start()
        return rounds

    async def keep(self) -> None:
        """Keep the rows that are final by now."""
        self._waiting.extend(self._board.finish(self._desk.now()))
        await asyncio.get_running_loop().run_in_executor(None, self._write)

    async def close(self) -> None:
        """Keep every row that is left, and close."""
        self._waiting.extend(self._board.rest())
        await asyncio.get_running_loop().run_in_executor(None, self._write)
        for server in self._servers:
            server.close()
        self._door.drain()

    def _write(self) -> None:
        """Write what waits, in a thread; an earlier write that goes on yet, its caller gone, is waited for."""
        with self._writing:
            while self._waiting:
                self._held.append(self._waiting.popleft())
            if not self._held:
                return
            try:
                self._desk.rollups.add(tuple(self._held))
            except Exception as error:  # noqa: BLE001 - whatever the file's fault: rows wait, and everything else goes on
                LOG.warning("%d rollups wait: %s", len(self._held), error)
                return
            self._held.clear()

    def _resolve(self, method: str, target: str, headers: Mapping[bytes, bytes]) -> Handler:  # noqa: ARG002 - as others
        allow(method, READ)
        match target.split("?", 1)[0]:
            case "/metrics":
                return self._guarded(text(CONTENT_TYPE, lambda: self._board.page().encode()))
            case "/health":
                return self._guarded(page(self._show))
        raise Refusal(404, "unknown_path", "here are /metrics and /health")

    def _guarded(self, handler: Handler) -> Handler:
        """Return a handler that asks for a key, where one is needed, each time before it answers."""

        def handle(exchange: Exchange, body: bytes) -> None:
            shown = credential(exchange.head.headers)
            self._keys.admit(shown, ANY, datetime.fromtimestamp(self._desk.now(), UTC))
            handler(exchange, body)

        return handle

    def _show(self) -> tuple[int, dict[str, Any]]:
        notes = [f"{about}: {note}" for said in self._board.notes.values() for about, note in said.items()]
        return 200, {**self._health(), "notes": sorted(set(notes))}
