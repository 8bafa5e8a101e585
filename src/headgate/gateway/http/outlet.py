"""The writing half of a connection: answers in order, no faster than the client reads, and an end that loses none."""

import asyncio
from collections import deque

from headgate.gateway.http.door import Door
from headgate.gateway.http.exchange import Exchange

LINGER_SECONDS = 2.0


class Outlet(asyncio.Protocol):
    """Writes answers when their turn comes.

    Attributes:
        waiting: Requests in order, the answered ones behind an unanswered one included.
        last: Whether no further request is read.
        flowing: Whether answers can still be written.
        direct: Whether the answer to the only open request may be written at once, with no further consequence.
        half: Whether the client has said all that it will say.
        stuck: Since when the client does not read.
        lingers: Since when all is answered; what the client still sends is thrown away.
    """

    transport: asyncio.Transport

    def __init__(self, door: Door) -> None:
        self.door = door
        self.waiting: deque[Exchange] = deque()
        self.last = self.flowing = self.direct = self.half = False
        self.stuck: float | None = None
        self.lingers: float | None = None
        self._paused = False

    def pause_writing(self) -> None:
        """Stop reading from a client that does not read."""
        self.stuck = self.door.now
        self.throttle()

    def resume_writing(self) -> None:
        """Read on."""
        self.stuck = None
        self.throttle()

    def write_answers(self) -> None:
        """Write what has its turn; hang up after the last answer of a connection that ends."""
        waiting = self.waiting
        ready: list[bytes] = []
        ends = False
        while waiting and not ends and (answer := waiting[0].answer) is not None:
            ready.append(answer)
            ends = waiting.popleft().ends
        if ready and self.flowing:
            self.transport.write(b"".join(ready))
        if ends or (self.last and not waiting):
            self.hang_up()
        elif self._paused:
            self.throttle()

    def hang_up(self) -> None:
        """Close once everything is written; the client has a moment to read it before its own bytes are cut off."""
        self.read_no_more()
        self.waiting.clear()
        if not self.flowing:
            return
        self.flowing = False
        self.lingers = self.door.now
        self.throttle()
        if self.half or not self.transport.can_write_eof():
            self.transport.close()
        else:
            self.transport.write_eof()

    def read_no_more(self) -> None:
        """Take no further request; what came is still answered."""
        self.last, self.direct = True, False

    def throttle(self) -> None:
        """Stop reading while the client does not read its answers, or has too many requests open."""
        pause = self.flowing and (self.stuck is not None or len(self.waiting) >= self.door.limits.pipelined)
        if pause == self._paused or self.transport.is_closing():
            return
        self._paused = pause
        self.direct = self.flowing and not self.last and not pause
        if pause:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()
