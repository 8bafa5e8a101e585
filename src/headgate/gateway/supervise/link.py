"""Messages between a worker and its supervisor: a length, then bytes, over a pair of sockets. Knows no meaning."""

import asyncio
from collections.abc import Callable
from typing import cast

LENGTH = 4
MOST_WAITING = 4 * 1024 * 1024


class Link(asyncio.Protocol):
    """One end.

    Args:
        got: Called with each message.
        ended: Called once when the other side is gone.
    """

    transport: asyncio.Transport

    def __init__(self, got: Callable[[bytes], None], ended: Callable[[], None]) -> None:
        self._got = got
        self._ended = ended
        self._waiting = bytearray()
        self._closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take bytes in; hand on the messages that they complete."""
        waiting = self._waiting
        waiting += data
        while len(waiting) >= LENGTH:
            end = LENGTH + int.from_bytes(waiting[:LENGTH], "big")
            if len(waiting) < end:
                return
            message = bytes(waiting[LENGTH:end])
            del waiting[:end]
            self._got(message)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        """Say that the other side is gone."""
        self._closed.set()
        self._ended()

    @property
    def free(self) -> bool:
        """Whether the other side reads: what is not sent then waits where it is counted."""
        return not self.transport.is_closing() and self.transport.get_write_buffer_size() < MOST_WAITING

    def send(self, message: bytes) -> None:
        """Send a message; never waits. To one who is gone, as `connection_lost` is about to say, nothing is sent."""
        if not self.transport.is_closing():
            self.transport.write(len(message).to_bytes(LENGTH, "big") + message)

    async def close(self) -> None:
        """Close once what was sent is written."""
        self.transport.close()
        await self._closed.wait()
