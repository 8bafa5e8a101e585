"""What a worker answers: finds the handler of a path, and the version of a request in the current table."""

from collections.abc import Callable, Mapping
from urllib.parse import unquote

from headgate.gateway.answers import Answers
from headgate.gateway.batch import Lane, Pulse
from headgate.gateway.http.head import Handler
from headgate.gateway.limits import Limits
from headgate.gateway.protocols.registry import speeches
from headgate.gateway.protocols.speech import Speech
from headgate.gateway.refusal import Refusal
from headgate.gateway.table import Serving, Table
from headgate.gateway.version import Loaded


class Application:
    """Holds the table; every request reads it once.

    Args:
        limits: What clients are allowed.
        pulse: Gives lanes their turns.
        milliseconds: Reads the clock: milliseconds since 1970.
        entropy: Returns that many random bytes.
    """

    def __init__(
        self,
        limits: Limits,
        pulse: Pulse,
        milliseconds: Callable[[], int],
        entropy: Callable[[int], bytes],
    ) -> None:
        self.table = Table()
        self.draining = False
        self._limits = limits
        self._pulse = pulse
        self._milliseconds = milliseconds
        self._entropy = entropy
        self._lanes: dict[Serving, Lane] = {}
        self._speeches: tuple[Speech, ...] = speeches(self)

    def swap(self, table: Table) -> None:
        """Let the next request meet the new table; versions that it lacks close when their work is done."""
        old = self.table.loaded()
        self._lanes = {
            entry.serving: self._lanes.get(entry.serving) or self._lane(entry.model, entry.serving)
            for entry in table.entries.values()
            if entry.serving
        }
        self.table = table
        for loaded in old - table.loaded():
            loaded.retire()

    def meet(self, model: str, version: str | None) -> tuple[Loaded, Lane]:
        """Return what a request for a model meets now; raises Refusal when nothing answers it."""
        serving = self.table.find(model, version)
        return serving.loaded, self._lanes[serving]

    def _lane(self, model: str, serving: Serving) -> Lane:
        answers = Answers(model, serving, self._milliseconds, self._entropy)
        return Lane(serving.loaded, answers, self._pulse)

    @property
    def rows(self) -> int:
        """Most rows of one request."""
        return self._limits.rows

    def resolve(self, method: str, target: str, headers: Mapping[bytes, bytes]) -> Handler:
        """Return what answers this head.

        Raises:
            Refusal: 404 for an unknown path, 405 for a wrong method, 415 for a body that is not JSON.
        """
        path = target.split("?", 1)[0]
        parts = tuple(unquote(part) for part in path.strip("/").split("/"))
        for speech in self._speeches:
            handler = speech.find(method, parts, headers)
            if handler is not None:
                return handler
        raise Refusal(404, "unknown_path", f"there is nothing at {path[:200]}; /openapi.json lists what there is")
