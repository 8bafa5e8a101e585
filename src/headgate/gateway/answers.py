"""Writes a version's results as HTTP answers: names the version, the arm and the prediction in headers."""

import logging
from collections.abc import Sequence
from traceback import extract_tb

from headgate.base.errors import BadInput, Unavailable
from headgate.base.trace import Trace
from headgate.gateway.call import Batch, Outputs
from headgate.gateway.http.exchange import Exchange, reply_each
from headgate.gateway.http.head import JSON, Header, answer
from headgate.gateway.prediction_id import PredictionIds
from headgate.gateway.protocols.asked import Asked, Told
from headgate.gateway.protocols.v2_json.format import Script, escape
from headgate.gateway.record import ANSWERED, Recorder, Tap
from headgate.gateway.refusal import Refusal
from headgate.gateway.shadow.shadows import Copies
from headgate.gateway.table import Serving
from headgate.gateway.trace import trace_of
from headgate.gateway.unit import keys
from headgate.registry.signature import Columns

LOG = logging.getLogger("headgate.gateway")
SHOWN = 8  # lines of code of an error that nobody expected


class Answers:
    """Answers the requests of one arm.

    Args:
        model: The model's name.
        serving: Version and arm.
        identify: Gives prediction ids.
        tap: Where the answers are logged; None: nowhere.
        release: Names the release that set the shares; empty: nobody's.
        copies: What shadows get of the answers; None: nothing.
        column: The input that holds the unit of a request whose head names none; None: there is none.
    """

    def __init__(
        self,
        model: str,
        serving: Serving,
        identify: PredictionIds,
        tap: Tap | None = None,
        release: str = "",
        copies: Copies | None = None,
        column: str | None = None,
    ) -> None:
        self._column = column if column in {field.name for field in serving.loaded.signature.inputs} else None
        self._model, self._version = model, serving.arm.version
        self._fields = {field.name: field for field in serving.loaded.signature.outputs}
        self._script = Script(model, serving.arm.version, serving.loaded.signature.outputs)
        self._headers: tuple[Header, ...] = (
            JSON,
            (b"headgate-version", serving.arm.version.encode()),
            (b"headgate-arm", serving.arm.name.encode()),
            *([(b"headgate-release", release.encode())] if release else []),
        )
        lines = b"".join(b"%b: %b\r\n" % header for header in self._headers)
        head = b"HTTP/1.1 200 OK\r\n" + escape(lines) + b"headgate-prediction-id: %b\r\ncontent-length: %d\r\n\r\n"
        self._template = head + b"%b"
        before, after = self._script.frame
        self._framed = head + escape(before) + b"%b" + escape(after) if before else b""
        self._frame_size = len(before) + len(after)
        self._identify = identify
        self._copies = copies
        self._recorder = Recorder(tap, model, serving) if tap else None
        self._given: list[bytes] = []  # ids since the last batch was finished
        self._at = 0  # when they were given, in milliseconds
        self._status = ANSWERED  # of what failed in it

    def singles(self, waiting: Sequence[tuple[Exchange, Asked]], outputs: Outputs) -> None:
        """Answer single rows; the batch costs a few passes, a row one template."""
        ids = [row.id for _, row in waiting]
        names = self._names(len(ids))
        if self._framed and ids.count(None) == len(ids):
            framed, size = self._framed, self._frame_size
            texts = self._script.numbers(outputs)
            answers = [framed % (name, size + len(text), text) for name, text in zip(names, texts, strict=True)]
        else:
            template, bodies = self._template, self._script.rows(outputs, ids)
            answers = [template % (name, len(body), body) for name, body in zip(names, bodies, strict=True)]
        reply_each([exchange for exchange, _ in waiting], answers)

    def asked(self, waiting: Sequence[tuple[Exchange, Asked]], outputs: Outputs, start: int) -> None:
        """Answer requests of any number of rows."""
        for (exchange, asked), name in zip(waiting, self._names(len(waiting)), strict=True):
            if asked.write is None:
                self._reply(exchange, self._script.table(outputs, start, asked.rows, asked.id, asked.outputs), name)
            else:
                asked.write(exchange, self._tell(asked, outputs, start, name))
            start += asked.rows

    def _tell(self, asked: Asked, outputs: Outputs, start: int, name: bytes) -> Told:
        fields = tuple(self._fields[key] for key in asked.outputs or self._fields)
        values = {field.name: outputs[field.name][start : start + asked.rows] for field in fields}
        headers = (*self._headers[1:], (b"headgate-prediction-id", name))
        return Told(self._model, self._version, asked.id, asked.rows, fields, values, headers)

    def gone(self, waiting: Exchange) -> bool:
        """Say whether nobody waits for the answer any more."""
        return waiting.gone

    def failed(self, waiting: Exchange, error: Exception) -> None:
        """Answer 400 for rows that the model refuses, 503 for a model that is away, 500 for a fault of the model."""
        refusal = error if isinstance(error, Refusal) else self._refusal(error)
        self._status = refusal.status
        waiting.refuse(refusal)

    def _refusal(self, error: Exception) -> Refusal:
        headers = (*self._headers[1:], (b"headgate-prediction-id", self._names(1)[0]))
        if isinstance(error, BadInput):
            what = f"{error.where}: {error.what}" if error.where else error.what
            return Refusal(400, "refused_by_model", what, headers=headers)
        if isinstance(error, Unavailable):
            return Refusal(503, "model_unavailable", error.what, retry_after=1, headers=headers)
        LOG.error("version %s of %s failed: %s", self._version, self._model, place_of(error))
        what = "the model failed on these rows; the worker's log says where"
        return Refusal(500, "model_failed", what, headers=headers)

    def trace(self, batch: Batch) -> Trace | None:
        """Return the trace context of a batch: the first that one of its requests has."""
        return trace_of(batch)

    def units(self, batch: Batch, inputs: Columns | None) -> list[bytes | None] | None:
        """Return the unit of each request: its head's, else its column's; None when there is none."""
        return keys(batch, None if self._column is None or inputs is None else inputs[self._column])

    def finished(self, batch: Batch, inputs: Columns | None, outputs: Outputs | None, latency_us: int) -> None:
        """Log a batch whose requests are all answered; outputs are None when it failed."""
        given, self._given = self._given, []
        if self._recorder is None:
            return
        if outputs is None and not given:  # refused, and not by the model
            given, self._given = self._names(len(batch.singles) + len(batch.asked)), []
        status = ANSWERED if outputs is not None else self._status
        answered = self._recorder.record(batch, given, self._at * 1000, inputs, outputs, status, latency_us)
        if self._copies is not None and self._copies.wanted:
            self._copies.take(answered, batch.since)

    def _names(self, count: int) -> list[bytes]:
        names = self._identify(count)
        self._at = self._identify.at
        self._given = [*self._given, *names] if self._given else names
        return names

    def _reply(self, exchange: Exchange, body: bytes, name: bytes) -> None:
        headers = (*self._headers, (b"headgate-prediction-id", name))
        exchange.reply(answer(exchange.head, 200, body, headers))


def place_of(error: Exception) -> str:
    """Return an error's type and the lines that it passed; not its message, which may hold what a client sent."""
    frames = extract_tb(error.__traceback__)[-SHOWN:]
    return " < ".join(
        [type(error).__name__, *[f"{one.filename}:{one.lineno} ({one.name})" for one in reversed(frames)]]
    )
