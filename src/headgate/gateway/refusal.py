"""A request that is not answered with a prediction: a status, a code for programs and a sentence for people."""

from headgate.base.errors import HeadgateError


class Refusal(HeadgateError):
    """Why a request is refused.

    Args:
        status: HTTP status, 400 to 599.
        code: Stable word for programs, such as ``unknown_input``.
        what: A sentence that names the thing and what is expected.
        retry_after: Seconds after which a client may try again (503, 429).
        allow: Methods that the path takes (405).
        headers: Of the answer: who refused, and under which id.

    Attributes:
        whole: The whole answer to a plain request, for a refusal that is given often; None: it is written each time.
    """

    def __init__(
        self,
        status: int,
        code: str,
        what: str,
        *,
        retry_after: int | None = None,
        allow: str = "",
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(what)
        self.status = status
        self.code = code
        self.retry_after = retry_after
        self.allow = allow
        self.headers = headers
        self.whole: bytes | None = None


def bad(code: str, what: str) -> Refusal:
    """Return a 400."""
    return Refusal(400, code, what)


OVERLOADED = Refusal(503, "overloaded", "more requests wait for this model than it answers in time", retry_after=1)
