"""Writes a version's results as HTTP answers: names the version, the arm and the prediction in headers."""

import logging
from collections.abc import Callable, Sequence

from headgate.base.errors import BadInput, Unavailable
from headgate.gateway.batch import Outputs
from headgate.gateway.http.exchange import Exchange
from headgate.gateway.http.head import JSON, Header, answer
from headgate.gateway.prediction_id import ENTROPY, prediction_ids
from headgate.gateway.protocols.asked import Asked, Told
from headgate.gateway.protocols.v2_json.format import Script
from headgate.gateway.refusal import Refusal
from headgate.gateway.table import Serving

LOG = logging.getLogger("headgate.gateway")


class Answers:
    """Answers the requests of one arm.

    Args:
        model: The model's name.
        serving: Version and arm.
        milliseconds: Reads the clock: milliseconds since 1970.
        entropy: Returns that many random bytes.
    """

    def __init__(
        self, model: str, serving: Serving, milliseconds: Callable[[], int], entropy: Callable[[int], bytes]
    ) -> None:
        self._model, self._version = model, serving.arm.version
        self._fields = {field.name: field for field in serving.loaded.signature.outputs}
        self._script = Script(model, serving.arm.version, serving.loaded.signature.outputs)
        self._headers: tuple[Header, ...] = (
            JSON,
            (b"headgate-version", serving.arm.version.encode()),
            (b"headgate-arm", serving.arm.name.encode()),
        )
        lines = b"".join(b"%b: %b\r\n" % header for header in self._headers)
        template = b"HTTP/1.1 200 OK\r\n" + lines.replace(b"%", b"%%") + b"headgate-prediction-id: %b\r\n"
        self._template = template + b"content-length: %d\r\n\r\n%b"
        self._milliseconds = milliseconds
        self._entropy = entropy

    def singles(self, waiting: Sequence[tuple[Exchange, Asked]], outputs: Outputs) -> None:
        """Answer single rows; the batch costs a few passes, a row one template."""
        template = self._template
        bodies = self._script.rows(outputs, [row.id for _, row in waiting])
        for (exchange, _), body, name in zip(waiting, bodies, self._names(len(bodies)), strict=True):
            if exchange.head.plain:
                exchange.reply(template % (name, len(body), body))
            else:
                self._reply(exchange, body, name)

    def asked(self, waiting: Exchange, asked: Asked, outputs: Outputs, start: int) -> None:
        """Answer a request of any number of rows."""
        name = self._names(1)[0]
        if asked.write is None:
            self._reply(waiting, self._script.table(outputs, start, asked.rows, asked.id, asked.outputs), name)
        else:
            asked.write(waiting, self._tell(asked, outputs, start, name))

    def _tell(self, asked: Asked, outputs: Outputs, start: int, name: bytes) -> Told:
        fields = tuple(self._fields[key] for key in asked.outputs or self._fields)
        values = {field.name: outputs[field.name][start : start + asked.rows] for field in fields}
        headers = (*self._headers[1:], (b"headgate-prediction-id", name))
        return Told(self._model, self._version, asked.id, asked.rows, fields, values, headers)

    def failed(self, waiting: Exchange, error: Exception) -> None:
        """Answer 400 for rows that the model refuses, 503 for a model that is away, 500 for a fault of the model."""
        if isinstance(error, Refusal):
            refusal = error
        elif isinstance(error, BadInput):
            refusal = Refusal(400, "refused_by_model", f"{error.where}: {error.what}" if error.where else error.what)
        elif isinstance(error, Unavailable):
            refusal = Refusal(503, "model_unavailable", error.what, retry_after=1)
        else:
            LOG.error("a model failed", exc_info=error)
            refusal = Refusal(500, "model_failed", "the model failed on these rows; the worker's log says how")
        waiting.refuse(refusal)

    def _names(self, count: int) -> list[bytes]:
        return prediction_ids(self._milliseconds(), self._entropy(ENTROPY), count)

    def _reply(self, exchange: Exchange, body: bytes, name: bytes) -> None:
        headers = (*self._headers, (b"headgate-prediction-id", name))
        exchange.reply(answer(exchange.head, 200, body, headers))
