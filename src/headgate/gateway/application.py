"""What a worker answers: finds the handler of a path, and the version of a request in the current table."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import numpy as np

from headgate.gateway.answers import Answers
from headgate.gateway.arms import Seat, Seating
from headgate.gateway.batch import Lane
from headgate.gateway.fuse import Fuse
from headgate.gateway.guard.guard import Guard, is_open, scope_of
from headgate.gateway.guard.keys import ANY, KeyTable
from headgate.gateway.guard.pace import Pace
from headgate.gateway.http.exchange import Exchange
from headgate.gateway.http.head import Handler
from headgate.gateway.limits import Limits
from headgate.gateway.metrics.meter import Meter
from headgate.gateway.prediction_id import PredictionIds
from headgate.gateway.protocols.registry import speeches
from headgate.gateway.protocols.speech import WRITE, Speech
from headgate.gateway.record import Tap
from headgate.gateway.refusal import Refusal, bad
from headgate.gateway.shadow.shadows import Shadows
from headgate.gateway.table import Entry, Serving, Table
from headgate.gateway.turn import Pulse, Terms, Watch
from headgate.gateway.way import Way


class Application:
    """Holds the table; every request reads it once.

    Args:
        limits: What clients are allowed.
        pulse: Gives lanes their turns.
        milliseconds: Reads the clock: milliseconds since 1970.
        entropy: Returns that many random bytes.
        tap: Where answers are logged; None: nowhere.
        guard: Says who may come in, and how models are served.
        more: Further paths.
        seconds: Reads a clock that only rises; None: the clock's own seconds.
        meter: Counts; None: nothing is counted.
        shadows: What gets copies; None: nothing does.

    Attributes:
        table: The routes as they were last followed.
        stand: Changes when anything changes that requests meet: what was looked up before holds while it is the same.
    """

    def __init__(
        self,
        limits: Limits,
        pulse: Pulse,
        milliseconds: Callable[[], int],
        entropy: Callable[[int], bytes],
        tap: Tap | None = None,
        *,
        guard: Guard | None = None,
        more: tuple[Speech, ...] = (),
        seconds: Callable[[], float] | None = None,
        meter: Meter | None = None,
        shadows: Shadows | None = None,
    ) -> None:
        self.table = Table()
        self.stand = object()
        self.draining = False
        self.guard = guard or Guard(self._now)
        self._limits = limits
        self._pulse = pulse
        self._milliseconds = milliseconds
        self._identify = PredictionIds(milliseconds, entropy)
        self._tap = tap
        self._seconds = seconds = seconds or (lambda: milliseconds() / 1000)
        self._meter = meter
        self._shadows = shadows
        draws = np.random.default_rng(int.from_bytes(entropy(16), "big")).random
        self._seating = Seating(self._seat, self._now, seconds, draws)
        self._keys_until: datetime | None = None
        self._speeches: tuple[Speech, ...] = (*speeches(self), *more)

    def swap(self, table: Table) -> None:
        """Let the next request meet the new table; versions that it lacks close when their work is done."""
        old = self.table.loaded()
        self.table, self.stand = table, object()
        self._seating.swap(table)
        if self._shadows is not None:
            self._shadows.swap(table)
        for loaded in old - table.loaded():
            loaded.retire()

    def swap_keys(self, keys: KeyTable) -> None:
        """Let the next request show a key of the new table."""
        self.guard.keys, self.stand = keys, object()
        self._keys_until = keys.next_expiry(self._now())

    def look(self) -> None:
        """Let leases, fuses and keys whose time has come take effect; called a few times a second, and by fuses."""
        if self._shadows is not None:
            self._shadows.look()
        now = self._now()
        expired = self._keys_until is not None and now >= self._keys_until
        if expired:
            self._keys_until = self.guard.keys.next_expiry(now)
        if self._seating.look() or expired:
            self.stand = object()

    def meet(self, model: str, version: str | None, headers: Mapping[bytes, bytes]) -> Way:
        """Return the way of the requests with these headers, as things stand; raises Refusal when there is none."""
        buckets = self.guard.enter(headers, model)
        self.table.find(model, None)
        column = self.guard.policy(model).unit
        return Way(self._seating.arms[model], version, headers, column, buckets, self._seconds)

    def shares(self, model: str) -> list[dict[str, Any]]:
        """Return the arms of a model as they stand."""
        arms = self._seating.arms.get(model)
        return arms.show() if arms else []

    def _seat(self, entry: Entry, serving: Serving, fuse: Fuse | None) -> Seat:
        policy = self.guard.policy(entry.model)
        fuse = fuse or Fuse(policy.fuse_failures, policy.fuse_pause.total_seconds())
        release = entry.route.release if entry.route else ""
        copies = self._shadows.of(entry.model) if self._shadows else None
        answers = Answers(entry.model, serving, self._identify, self._tap, release, copies, policy.unit)
        terms = Terms(policy.max_batch, policy.max_wait_ms / 1000, policy.concurrency)
        tally = self._meter.tally(entry.model, serving.arm.version, serving.arm.name) if self._meter else None
        watch = Watch(self._seconds, Pace(policy.queue_ms / 1000), fuse, self.look, terms, tally)
        return Seat(serving, serving.loaded, Lane(serving.loaded, answers, self._pulse, watch), fuse)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._milliseconds() / 1000, UTC)

    @property
    def rows(self) -> int:
        """Most rows of one request."""
        return self._limits.rows

    def resolve(self, method: str, target: str, headers: Mapping[bytes, bytes]) -> Handler:
        """Return what answers this head.

        Raises:
            Refusal: 404 for an unknown path, 405 for a wrong method, 415 for a body that is not JSON, 400 for a query
                where a body says what is asked.
        """
        path, _, query = target.partition("?")
        parts = _parts(target)
        for speech in self._speeches:
            handler = speech.find(method, parts, headers)
            if handler is not None:
                if query and method == WRITE:
                    raise bad("unknown_query", f"a query is not supported here: {query[:100]!r}; the body says it all")
                return self._guarded(handler, scope_of(method, parts))
        raise Refusal(404, "unknown_path", f"there is nothing at {path[:200]}; /openapi.json lists what there is")

    def knock(self, method: str, target: str, headers: Mapping[bytes, bytes]) -> None:
        """Ask for a key before a body is taken in; what its model asks for, its handler will check.

        Raises:
            Refusal: 401, 403.
        """
        parts = _parts(target)
        if not is_open(parts):
            self.guard.admit(headers, scope_of(method, parts) or ANY)

    def _guarded(self, handler: Handler, scope: str | None) -> Handler:
        """Return a handler that asks for a key, each time, before it answers."""
        if scope is None:
            return handler

        def handle(exchange: Exchange, body: bytes) -> None:
            self.guard.admit(exchange.head.headers, scope)
            handler(exchange, body)

        return handle


def _parts(target: str) -> tuple[str, ...]:
    """Return the parts of a target's path."""
    return tuple(unquote(part) for part in target.partition("?")[0].strip("/").split("/"))
