"""One worker process: listens, follows the routes, answers, and drains when it is told to end."""

import asyncio
import gc
import ipaddress
import logging
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import uvloop

from headgate.base.clock import Clock
from headgate.base.errors import Refused, Unavailable
from headgate.features.predictor import MakeRuntime
from headgate.gateway.application import Application
from headgate.gateway.batch import Done, Pulse
from headgate.gateway.follow import Follower
from headgate.gateway.http.connection import Connection
from headgate.gateway.http.door import Door
from headgate.gateway.limits import Limits
from headgate.gateway.load import Loader
from headgate.gateway.table import Table
from headgate.journal.ports import Document

LOG = logging.getLogger("headgate.gateway")
SWEEP_SECONDS = 0.5
THREADS = 8
GARBAGE = (50_000, 20, 20)  # the hot path makes no cycles: look for them rarely


@dataclass(frozen=True, slots=True)
class Station:
    """Where a worker listens, and what it needs of the world.

    Attributes:
        host: Address; off loopback only with insecure.
        port: TCP port; 0: any free one.
        folder: Where relative bundle paths start.
        routes: Returns the route documents; called in a thread.
        make: Builds the runtime that a bundle names.
        clock: Tells the time of prediction ids.
        limits: What clients are allowed.
        insecure: Whether it may listen beyond this machine without asking for keys.
        poll_seconds: Between two looks at the routes.
        listening: Called with host and port once it listens.
        grpc_port: TCP port of gRPC; 0: any free one; None: no gRPC, and nothing of it is imported.
        grpc_listening: Called with host and port once it listens for gRPC.
    """

    host: str
    port: int
    folder: Path
    routes: Callable[[], Sequence[Document]]
    make: MakeRuntime
    clock: Clock
    limits: Limits = field(default_factory=Limits)
    insecure: bool = False
    poll_seconds: float = 0.2
    listening: Callable[[str, int], None] | None = None
    grpc_port: int | None = None
    grpc_listening: Callable[[str, int], None] | None = None


def serve(station: Station) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is in flight.

    Raises:
        Refused: It would listen beyond this machine without asking for keys.
        Unavailable: The address cannot be listened on.
    """
    check_host(station.host, insecure=station.insecure)
    gc.freeze()
    gc.set_threshold(*GARBAGE)
    uvloop.run(Worker(station).run())


def check_host(host: str, *, insecure: bool) -> None:
    """Refuse to listen beyond this machine, where anybody could ask: there are no API keys yet."""
    if insecure or host == "localhost":
        return
    try:
        private = ipaddress.ip_address(host).is_loopback
    except ValueError:
        private = False
    if not private:
        raise Refused(
            "anybody who reaches this address could use the models: the worker asks for no API key",
            where=f"--host {host}",
            way_out="listen on 127.0.0.1 behind a proxy that authenticates, or say --insecure-no-auth",
        )


class Worker:
    """Runs on one event loop."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="model")
        self._end = asyncio.Event()

    async def run(self) -> None:
        """Listen, follow, answer; drain after a signal."""
        station, loop = self._station, asyncio.get_running_loop()
        pulse = Pulse(loop.call_soon, partial(self._aside, loop), station.limits.inline_rows)
        app = Application(station.limits, pulse, self._milliseconds, os.urandom)
        door = Door(app.resolve, station.limits)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end.set)
        calls = await self._listen_grpc(app)
        server = await self._listen(loop, door)
        loader = Loader(station.folder, station.make, self._threads.submit)

        def publish(table: Table) -> None:
            loop.call_soon_threadsafe(app.swap, table)

        follower = Follower(station.routes, loader, publish, station.poll_seconds)
        Thread(target=follower.run, name="follower", daemon=True).start()
        sweeper = loop.create_task(_sweep(loop, door))
        try:
            await self._end.wait()
        finally:
            follower.stop()
            app.draining = True
            server.close()
            stopped = [calls.stop(station.limits.drain_seconds)] if calls else []
            await asyncio.gather(_drain(door, station.limits.drain_seconds), *stopped)
            sweeper.cancel()
            for loaded in app.table.loaded():
                loaded.retire()
            self._threads.shutdown(wait=True)

    async def _listen(self, loop: asyncio.AbstractEventLoop, door: Door) -> asyncio.Server:
        station = self._station
        door.now = loop.time()
        try:
            server = await loop.create_server(lambda: Connection(door), station.host, station.port, backlog=4096)
        except OSError as error:
            raise Unavailable(
                f"cannot listen: {error.strerror}",
                where=f"{station.host}:{station.port}",
                way_out="end what listens there (`ss -ltnp`), or choose another --port",
            ) from error
        host, port = server.sockets[0].getsockname()[:2]
        LOG.info("listening on http://%s:%d", host, port)
        if station.listening:
            station.listening(host, port)
        return server

    async def _listen_grpc(self, app: Application) -> Any:
        """Return the gRPC server; None when none is asked for."""
        station = self._station
        if station.grpc_port is None:
            return None
        from headgate.gateway.grpc.server import listen

        server, port = await listen(app, station.host, station.grpc_port, station.limits.body_bytes)
        if station.grpc_listening:
            station.grpc_listening(station.host, port)
        return server

    def _milliseconds(self) -> int:
        return int(self._station.clock.now().timestamp() * 1000)

    def _aside(self, loop: asyncio.AbstractEventLoop, work: Callable[[], Any], done: Done) -> None:
        def landed(future: Future[Any]) -> None:
            loop.call_soon_threadsafe(done, future.result())

        self._threads.submit(work).add_done_callback(landed)


async def _sweep(loop: asyncio.AbstractEventLoop, door: Door) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        door.sweep(loop.time())


async def _drain(door: Door, seconds: float) -> None:
    """Wait until every connection has its answers; cut off what takes too long."""
    door.drain()
    waited = 0.0
    while door.connections and waited < seconds:
        await asyncio.sleep(0.02)
        waited += 0.02
    for connection in tuple(door.connections):
        connection.transport.abort()
    if door.connections:
        LOG.warning("%d connections were cut off after %g s", len(door.connections), seconds)
