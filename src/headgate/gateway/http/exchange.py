"""One request and its answer, in the order of its connection."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headgate.gateway.http.head import Head
    from headgate.gateway.http.outlet import Outlet
    from headgate.gateway.refusal import Refusal


class Exchange:
    """A request that waits for its answer; answered once, from the loop's thread, whether or not the client is there.

    Attributes:
        connection: Where the answer goes.
        head: The request's head.
        ends: Whether the connection ends after this answer.
        answer: The bytes of the whole answer, once there.
    """

    __slots__ = ("answer", "connection", "ends", "head")

    def __init__(self, connection: "Outlet", head: "Head") -> None:
        self.connection = connection
        self.head = head
        self.ends = not head.keep_alive
        self.answer: bytes | None = None

    def reply(self, answer: bytes) -> None:
        """Hand over the whole answer; it is written when its turn comes."""
        connection = self.connection
        waiting = connection.waiting
        if len(waiting) == 1 and self.head.plain and connection.direct:
            waiting.clear()
            connection.transport.write(answer)
            return
        self.answer = answer
        connection.write_answers()

    @property
    def gone(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return not self.connection.flowing

    def refuse(self, refusal: "Refusal") -> None:
        """Answer with a refusal."""
        self.connection.door.refused[refusal.status, refusal.code] += 1
        self.reply(self.head.refuse(refusal))


def reply_each(exchanges: Iterable[Exchange], answers: Iterable[bytes]) -> None:
    """Answer many requests at once: each for less than half of what `Exchange.reply` costs.

    Args:
        exchanges: The requests.
        answers: To each, as a plain request is answered; they are suited to those that are not.
    """
    for exchange, answer in zip(exchanges, answers, strict=True):
        connection = exchange.connection
        waiting = connection.waiting
        if len(waiting) == 1 and exchange.head.plain and connection.direct:
            waiting.clear()
            connection.transport.write(answer)
        else:
            exchange.answer = exchange.head.suit(answer)
            connection.write_answers()
