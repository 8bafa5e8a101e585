"""One worker process: listens, follows the routes, answers, and drains when it is told to end."""

import asyncio
import gc
import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import uvloop

from headgate.base.background import ignore_terminal
from headgate.base.elsewhere import thread_time
from headgate.gateway.application import Application
from headgate.gateway.following import follow_keys, follow_routes
from headgate.gateway.gauge import Gauge
from headgate.gateway.greeter import Accepting
from headgate.gateway.guard.guard import Guard
from headgate.gateway.guard.host import check_host, is_loopback
from headgate.gateway.guard.keys import KeyTable
from headgate.gateway.guard.shared import SharedTokens
from headgate.gateway.http.connection import Connection
from headgate.gateway.http.door import Door
from headgate.gateway.listen import accept, fit, listen, listen_path, show
from headgate.gateway.load import Loader
from headgate.gateway.metrics.meter import Meter
from headgate.gateway.outcomes import Outcomes
from headgate.gateway.prediction_id import Entropy
from headgate.gateway.record import Keeping
from headgate.gateway.reporting import Reporting
from headgate.gateway.shadow.opening import open_shadows
from headgate.gateway.shadow.shadows import Shadows
from headgate.gateway.station import Station
from headgate.gateway.supervise import messages
from headgate.gateway.supervise.link import Link
from headgate.gateway.table import Table
from headgate.gateway.telling import Caches, Teller, timed
from headgate.gateway.turn import Done, Pulse

LOG = logging.getLogger("headgate.gateway")
SWEEP_SECONDS = 0.5
FIRST_TABLE_SECONDS = 5.0
FIRST_WORD_SECONDS = 0.5  # a client that connected or spoke a moment ago has so long to say something
THREADS = 8
GARBAGE = (50_000, 20, 20)  # the hot path makes no cycles: look for them rarely


def serve(station: Station) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is in flight.

    Raises:
        Refused: It would listen beyond this machine, and there are no keys to ask for.
        Unavailable: The address cannot be listened on.
    """
    check_host(station.host, insecure=station.insecure or station.keys is not None)
    ignore_terminal()
    gc.freeze()
    gc.set_threshold(*GARBAGE)
    uvloop.run(Worker(replace(station, limits=fit(station.limits))).run())


class Worker:
    """Runs on one event loop."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="model")
        self._end = asyncio.Event()
        final = {name: policy.final_after.total_seconds() for name, policy in station.serving.items()}
        self._meter = Meter(self._wall() - time.monotonic(), final)

    async def run(self) -> None:
        """Listen, follow, answer; drain after a signal."""
        station, loop = self._station, asyncio.get_running_loop()
        keeping = station.keeping() if station.keeping else None
        shadows = open_shadows(station, keeping, self._meter, self._milliseconds)
        app = self._application(loop, keeping, shadows)
        door = Door(app.resolve, station.limits, app.knock)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end.set)
        calls = await self._listen_grpc(app, door)
        link = await self._join(loop, shadows)
        servers = [] if link else await self._listen(loop, door)
        caches, opener = Caches(station.serving), Loader(station.folder, station.make, self._threads.submit)
        loader = caches.before(timed(opener, self._meter))
        teller = Teller(self._meter, door, keeping.counts if keeping else None, caches, shadows, lambda: app.table)
        reporting = Reporting(self._meter, teller, self._wall, link or station.desk, app)
        await reporting.start()
        known = asyncio.Event()

        def publish(table: Table) -> None:
            loop.call_soon_threadsafe(app.swap, table)
            if table.read:
                loop.call_soon_threadsafe(known.set)
            if table.ready and link is not None:
                loop.call_soon_threadsafe(link.send, messages.encode(messages.Ready()))

        rounds = [follow_routes(station, loader, opener.shade, publish)]
        rounds += follow_keys(
            station, lambda keys: loop.call_soon_threadsafe(app.swap_keys, keys), needed=self._ask_keys
        )
        sweeper = loop.create_task(_sweep(loop, door, app))
        try:
            if link:  # the other workers answer meanwhile, and the sockets keep who came for this one
                await _first(known, self._end, FIRST_TABLE_SECONDS)
                servers = await self._listen(loop, door)
            await self._end.wait()
        finally:
            for one in rounds:
                one.stop()
            app.draining = True
            for server in servers:
                server.close()
            stopped = [calls.stop(station.limits.drain_seconds)] if calls else []
            await asyncio.gather(_drain(door, station.limits.drain_seconds), *stopped)
            sweeper.cancel()
            for loaded in app.table.loaded():
                loaded.retire()
            self._threads.shutdown(wait=True)
            await _close(shadows, keeping, reporting)

    def _application(
        self, loop: asyncio.AbstractEventLoop, keeping: Keeping | None, shadows: Shadows | None
    ) -> Application:
        aside, inline = partial(self._aside, loop), self._station.limits.inline_rows
        pulse = Pulse(loop.call_soon, aside, inline, loop.call_later, Gauge(time.monotonic, thread_time))
        limits, tap = self._station.limits, keeping.tap if keeping else None
        land = loop.call_soon_threadsafe
        kept = [Outcomes(keeping.outcomes, land, self._milliseconds, keeping.conceal)] if keeping else []
        more, guard = tuple(kept), self._guard()
        return Application(
            limits, pulse, self._milliseconds, Entropy(os.urandom), tap,
            guard=guard, more=more, seconds=time.monotonic, meter=self._meter, shadows=shadows,
        )  # fmt: skip

    async def _listen(self, loop: asyncio.AbstractEventLoop, door: Door) -> list[Accepting]:
        station, door.now = self._station, loop.time()
        plugs = list(station.plugs) or listen(station.host, station.port)
        if station.path and not station.plugs:
            plugs.append(listen_path(station.path))
        servers = [await accept(loop, plug, lambda: Connection(door), station.tls, station.limits) for plug in plugs]
        for plug in plugs:
            if station.listening and plug.family != socket.AF_UNIX:
                station.listening(*plug.getsockname()[:2])
            elif not station.plugs:  # else the supervisor has said so
                LOG.info("listening on %s", show(plug))
        return servers

    async def _join(self, loop: asyncio.AbstractEventLoop, shadows: Shadows | None) -> Link | None:
        """Meet the supervisor; None when there is none."""
        if self._station.link is None:
            return None
        loop.add_signal_handler(signal.SIGHUP, lambda: None)  # the supervisor's business
        link = Link(partial(self._learn, shadows), self._end.set)
        await loop.create_unix_connection(lambda: link, sock=self._station.link)
        return link

    def _learn(self, shadows: Shadows | None, message: bytes) -> None:
        match messages.decode(message):
            case messages.Lesson(slow=slow, kills=kills):
                self._meter.slow = slow
                if shadows:
                    shadows.learn(kills)

    async def _listen_grpc(self, app: Application, door: Door) -> Any:
        """Return the gRPC server; None when none is asked for."""
        station = self._station
        if station.grpc_port is None:
            return None
        from headgate.gateway.grpc.server import listen

        server, port = await listen(
            app, station.host, station.grpc_port, station.limits,
            tls=station.grpc_tls, refused=self._meter.refused, underway=door.calls,
        )  # fmt: skip
        if station.grpc_listening:
            station.grpc_listening(station.host, port)
        return server

    def _guard(self) -> Guard:
        station = self._station
        tokens = SharedTokens(station.shared / "tokens") if station.shared else None
        guard = Guard(station.clock.now, tokens, station.serving)
        guard.keys = KeyTable(needed=self._ask_keys)  # until the keys were read, a needed one is refused
        return guard

    @property
    def _ask_keys(self) -> bool:
        station = self._station
        return not station.insecure and (station.ask_keys or not is_loopback(station.host))

    def _wall(self) -> float:
        return self._station.clock.now().timestamp()

    def _milliseconds(self) -> int:
        return int(self._station.clock.now().timestamp() * 1000)

    def _aside(self, loop: asyncio.AbstractEventLoop, work: Callable[[], Any], done: Done) -> None:
        def landed(future: Future[Any]) -> None:
            loop.call_soon_threadsafe(done, future.result())

        self._threads.submit(work).add_done_callback(landed)


async def _close(shadows: Shadows | None, keeping: Keeping | None, reporting: Reporting) -> None:
    """End what stands beside the answers, in the order in which one writes to the next."""
    if shadows:
        await shadows.close()
    if keeping:
        keeping.close()
    await reporting.close()


async def _sweep(loop: asyncio.AbstractEventLoop, door: Door, app: Application) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        door.sweep(loop.time())
        app.look()


async def _first(one: asyncio.Event, other: asyncio.Event, seconds: float) -> None:
    """Wait until either is set, or for so many seconds."""
    tasks = [asyncio.ensure_future(event.wait()) for event in (one, other)]
    await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


async def _drain(door: Door, seconds: float) -> None:
    """Wait until every connection has its answers; cut off what takes too long."""
    door.drain()
    waited = 0.0
    while door.connections and waited < seconds:
        await asyncio.sleep(0.02)
        waited += 0.02
        if waited > FIRST_WORD_SECONDS and not door.hurried:
            door.hurry()
    for connection in tuple(door.connections):
        connection.transport.abort()
    if door.connections:
        LOG.warning("%d connections were cut off after %g s", len(door.connections), seconds)
