"""Accept TLS clients: those that have not shaken hands yet are counted, and cut off when they take too long.

asyncio's own server shows a client to the worker only after its handshake; until then nothing would bound how many
there are.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Protocol

from headgate.gateway.limits import Limits

LOG = logging.getLogger("headgate.gateway")
AT_ONCE = 64  # then the loop does something else
PAUSE_SECONDS = 1.0  # no file is left to accept a client with


class Accepting(Protocol):
    """Accepts clients until it is closed."""

    def close(self) -> None:
        """Accept no further client."""
        ...


class Greeter:
    """Accepts on one socket and shakes hands.

    Args:
        loop: Runs the handshakes.
        plug: Listens already; closed with this.
        make: Returns what a client talks to once it has shaken hands.
        tls: What connections are encrypted with.
        limits: How many handshakes at once, further clients are hung up on; and how long one may take.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        plug: socket.socket,
        make: Callable[[], asyncio.BaseProtocol],
        tls: ssl.SSLContext,
        limits: Limits,
    ) -> None:
        self.greeted: set[asyncio.Task[None]] = set()
        self._loop = loop
        self._plug = plug
        self._make = make
        self._tls = tls
        self._limits = limits
        plug.settimeout(0)
        self._resume()

    def close(self) -> None:
        """Accept no further client; handshakes that began go on."""
        if self._plug.fileno() >= 0:
            self._loop.remove_reader(self._plug)
            self._plug.close()

    def _resume(self) -> None:
        if self._plug.fileno() >= 0:
            self._loop.add_reader(self._plug, self._accept)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                client, _ = self._plug.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                LOG.error("cannot accept a client: %s", error)  # noqa: TRY400 - the sentence says it all
                self._loop.remove_reader(self._plug)
                self._loop.call_later(PAUSE_SECONDS, self._resume)
                return
            if len(self.greeted) >= self._limits.handshakes:
                client.close()
                continue
            client.settimeout(0)
            task = self._loop.create_task(self._greet(client))
            self.greeted.add(task)
            task.add_done_callback(self.greeted.discard)

    async def _greet(self, client: socket.socket) -> None:
        seconds = self._limits.receive_seconds
        try:
            await self._loop.connect_accepted_socket(self._make, client, ssl=self._tls, ssl_handshake_timeout=seconds)
        except OSError as error:  # ssl.SSLError is one, and so is a handshake that took too long
            LOG.debug("no handshake: %s", error)
