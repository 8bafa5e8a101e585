"""How a connection ends: when its worker drains, when it cannot be read, when its client is slow or silent."""

from headgate.gateway.http.door import Door
from headgate.gateway.http.exchange import Exchange
from headgate.gateway.http.head import closing, refuse
from headgate.gateway.http.outlet import LINGER_SECONDS, Outlet
from headgate.gateway.http.reader import Reader
from headgate.gateway.refusal import Refusal

RECENT_SECONDS = 2.0


class Lifetime(Outlet):
    """Ends a connection, and loses no answer by it.

    Attributes:
        reader: What reads its requests.
        seen: When the client last did something, on the coarse clock.
        spoke: Whether it ever said anything.
    """

    reader: Reader

    def __init__(self, door: Door) -> None:
        super().__init__(door)
        self.seen = door.now
        self.spoke = False

    def read_no_more(self) -> None:
        """Take no further request, and keep nothing of one that is half there."""
        super().read_no_more()
        self.reader.forget()

    def refuse(self, refusal: Refusal) -> None:
        """Answer what cannot be read any further, in its turn, and hang up."""
        if self.last:
            return
        self.read_no_more()
        self.reader.began = None
        exchange = Exchange(self, self.door.unread)
        self.waiting.append(exchange)
        self.door.refused[refusal.status, refusal.code] += 1
        exchange.reply(refuse(None, refusal))

    def end(self) -> None:
        """Hang up as soon as what was received, and what is being received, is answered.

        A client that spoke a moment ago may have its next request under way: it is answered, if it comes before hurry.
        """
        recent = not self.spoke or self.door.now - self.seen < RECENT_SECONDS
        if self.reader.began is not None or (recent and not self.waiting and not self.door.hurried):
            return
        self.read_no_more()
        if self.waiting:
            last = self.waiting[-1]
            last.head, last.ends = closing(last.head), True
        else:
            self.hang_up()

    def sweep(self, now: float) -> None:
        """Cut off a client that is too slow, or silent for too long; called about once a second."""
        limits = self.door.limits
        if self.lingers is not None:
            if now - self.lingers > LINGER_SECONDS:
                self.transport.abort()
        elif self.stuck is not None and now - self.stuck > limits.write_seconds:
            self.transport.abort()
        elif self.reader.began is not None and now - self.reader.began > limits.receive_seconds:
            what = f"the request was not complete after {limits.receive_seconds:g} s"
            self.refuse(Refusal(408, "too_slow", what))
        elif self.reader.began is None and not self.waiting and now - self.seen > limits.idle_seconds:
            self.hang_up()
