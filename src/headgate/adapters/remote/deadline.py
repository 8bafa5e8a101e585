"""Hold a whole call to a time: httpx holds each read and write to one, and waits for a server that drips without end.

The streams of a client's connections are asked through, and each wait is cut to what is left of the call.
"""

import threading
from collections.abc import Iterable
from time import monotonic
from typing import Any

import httpx

PIECE = 1 << 18  # bytes that are sent with one look at the clock


class Deadline(threading.local):
    """Until when the call of this thread may last; there is one for each thread.

    Attributes:
        ends: In seconds of a clock that only rises; None: no call is under way.
    """

    ends: float | None = None

    def start(self, seconds: float) -> None:
        """Begin a call."""
        self.ends = monotonic() + seconds

    def left(self, timeout: float | None) -> float | None:
        """Return how long to wait: at most the timeout, and what is left of the call.

        Raises:
            httpx.ReadTimeout: Nothing is left.
        """
        if self.ends is None:
            return timeout
        left = self.ends - monotonic()
        if left <= 0:
            raise httpx.ReadTimeout("the time of the call is over")
        return left if timeout is None else min(timeout, left)


class Stream:
    """A connection's stream, each of its waits held to the deadline of the thread that waits."""

    def __init__(self, inner: Any, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what is there, at most so much."""
        data: bytes = self._inner.read(max_bytes, self._deadline.left(timeout))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write everything."""
        for start in range(0, len(buffer), PIECE):
            self._inner.write(buffer[start : start + PIECE], self._deadline.left(timeout))

    def close(self) -> None:
        """Close it."""
        self._inner.close()

    def start_tls(self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None) -> "Stream":
        """Return the encrypted stream."""
        return Stream(self._inner.start_tls(ssl_context, server_hostname, self._deadline.left(timeout)), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        """Return what the stream knows of itself."""
        return self._inner.get_extra_info(info)


class Backend:
    """Opens streams that keep the deadline."""

    def __init__(self, inner: Any, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> Stream:
        """Connect."""
        left = self._deadline.left(timeout)
        return Stream(self._inner.connect_tcp(host, port, left, local_address, socket_options), self._deadline)

    def sleep(self, seconds: float) -> None:
        """Wait before the next try."""
        self._inner.sleep(seconds)


def transport(limits: httpx.Limits, deadline: Deadline) -> httpx.HTTPTransport:
    """Return httpx's own transport, over streams that keep the deadline."""
    made = httpx.HTTPTransport(trust_env=False, limits=limits)
    pool: Any = made._pool  # noqa: SLF001 - httpx hands no backend through; a test holds it to what it does
    pool._network_backend = Backend(pool._network_backend, deadline)  # noqa: SLF001 - as above
    return made
