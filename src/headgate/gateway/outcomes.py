"""`POST /outcomes`: takes in what became true, one or many, and answers only when it is durable.

Rows that are good are kept also when others are not; the answer is then 400 and names each bad row, so that nobody
overlooks it. Sending everything again is safe: the same outcome twice is one.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from headgate.base.errors import BadInput, Unavailable
from headgate.gateway.http.exchange import Exchange
from headgate.gateway.http.head import Handler, answer_json
from headgate.gateway.protocols.speech import WRITE, Headers, allow, check_body
from headgate.gateway.refusal import Refusal, bad
from headgate.predictions.outcome import Outcome, Said, check
from headgate.predictions.ports import OutcomeSink
from headgate.predictions.redact import Conceal

MOST_ROWS = 10_000
MOST_BYTES = 4 * 1024 * 1024
MOST_ERRORS = 100
UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
_said = msgspec.json.Decoder(Said).decode
_many = msgspec.json.Decoder(list[msgspec.Raw]).decode
_parts = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Outcomes:
    """The path /outcomes.

    Args:
        sink: Keeps outcomes.
        land: Runs a call on the loop's thread; called from another one.
        milliseconds: Reads the clock: milliseconds since 1970.
        conceal: Makes an outcome fit to be written; raises BadInput for one that may not be.
    """

    def __init__(
        self,
        sink: OutcomeSink,
        land: Callable[[Callable[[], Any]], object],
        milliseconds: Callable[[], int],
        conceal: Conceal = lambda outcome: outcome,
    ) -> None:
        self._sink = sink
        self._land = land
        self._milliseconds = milliseconds
        self._conceal = conceal

    def find(self, method: str, parts: tuple[str, ...], headers: Headers) -> Handler | None:
        """Return what answers this head; None when the path is another one."""
        if parts != ("outcomes",):
            return None
        allow(method, WRITE)
        check_body(headers)
        return self._take

    def _take(self, exchange: Exchange, body: bytes) -> None:
        rows = read(body)
        good: list[Outcome] = []
        errors: list[dict[str, Any]] = []
        received = self._milliseconds() * 1000
        for at, row in enumerate(rows):
            try:
                good.append(self._conceal(check(_said(row), received, "http")))
            except (*UNREADABLE, BadInput) as error:
                errors.append({"row": at, "error": error.what if isinstance(error, BadInput) else str(error)})
        if not good:
            _answer(exchange, 0, errors, None)
            return

        def done(error: Exception | None) -> None:
            self._land(partial(_answer, exchange, len(good), errors, error))

        try:
            self._sink.record(good, done)
        except Unavailable as error:
            raise Refusal(503, "outcomes_busy", error.what, retry_after=1) from error


def read(body: bytes) -> list[msgspec.Raw]:
    """Return the rows of a body, not looked at yet: one object, a list of them, or ``{"outcomes": [...]}``.

    Raises:
        Refusal: 400 for a body that is neither, 413 for one that is too large.
    """
    if len(body) > MOST_BYTES:
        raise Refusal(413, "body_too_large", f"outcomes come in bodies of at most {MOST_BYTES} bytes")
    try:
        if body.lstrip()[:1] == b"[":
            rows = _many(body)
        else:
            parts = _parts(body)
            rows = _many(parts["outcomes"]) if parts.keys() == {"outcomes"} else [msgspec.Raw(body)]
    except UNREADABLE as error:
        what = f"the body is neither an outcome, nor a list, nor an object with a list of outcomes: {error}"
        raise bad("bad_body", what) from error
    if not rows:
        raise bad("bad_body", "there is no outcome in the body")
    if len(rows) > MOST_ROWS:
        raise Refusal(413, "too_many_rows", f"{len(rows)} outcomes in one request, at most {MOST_ROWS}: send several")
    return rows


def _answer(exchange: Exchange, good: int, errors: list[dict[str, Any]], failed: Exception | None) -> None:
    if failed is not None:
        what = "the outcomes could not be made durable; none counts as kept: send them again"
        exchange.refuse(Refusal(503, "outcomes_not_kept", what, retry_after=1))
    elif errors:
        rest = "the others are kept" if good else "none is kept"
        what = f"{len(errors)} of {good + len(errors)} outcomes are refused; {rest}"
        body = {"error": what, "code": "bad_outcomes", "accepted": good, "errors": errors[:MOST_ERRORS]}
        exchange.reply(answer_json(exchange.head, 400, body))
    else:
        exchange.reply(answer_json(exchange.head, 200, {"accepted": good}))
