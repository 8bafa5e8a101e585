"""The way of the requests that share a head: who asks, which arms, which limits; found once, then followed by each."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

from headgate.gateway.arms import Arms, Seat
from headgate.gateway.guard.bucket import Bucket
from headgate.gateway.http.head import often
from headgate.gateway.protocols.asked import Asked
from headgate.gateway.protocols.v2_json.explain import UNREADABLE
from headgate.gateway.refusal import OVERLOADED, bad
from headgate.gateway.unit import UNIT, canonical, key_of
from headgate.gateway.version import Loaded

Read: TypeAlias = Callable[[Loaded, int], Asked]
ReadBody: TypeAlias = Callable[[bytes, Loaded, int], Asked]
TIMEOUT = b"headgate-timeout-ms"
LONGEST_UNIT = 256
LONGEST_TIMEOUT = 86_400_000
BUSY = often(OVERLOADED)


class Way:
    """Leads requests to a lane.

    Args:
        arms: The model's arms, as they stand.
        version: The version that the path names: its arm answers, whatever its share.
        headers: The head's; its unit and its timeout are read here.
        column: The input that names the unit when no header does.
        buckets: What each request takes a token of.
        seconds: Reads a clock that only rises.

    Raises:
        Refusal: 404 for a version that is not served, 400 for a header that cannot be read.
    """

    __slots__ = (
        *("_arms", "_buckets", "_column", "_draw", "_drawn"),
        *("_place", "_plain", "_seat", "_seconds", "_timeout"),
    )

    def __init__(
        self,
        arms: Arms,
        version: str | None,
        headers: Mapping[bytes, bytes],
        column: str | None,
        buckets: Sequence[Bucket],
        seconds: Callable[[], float],
    ) -> None:
        unit, self._timeout = _unit(headers), _timeout(headers)
        self._arms, self._buckets, self._seconds, self._draw = arms, buckets, seconds, arms.drawn
        decided = True
        if version is not None:
            self._seat = arms.named(version)
        elif arms.split.alone:
            self._seat = arms.champion
        elif unit is not None:
            self._seat = arms.of_unit(unit)
        else:
            self._seat, decided = arms.champion, False
        names = [one.name for one in self._seat.loaded.signature.inputs]
        self._column = column if not decided and column in names else None
        self._place = names.index(self._column) if self._column is not None else 0
        self._plain = self._column is None and self._timeout is None
        self._drawn = not decided and self._column is None

    def put(self, waiting: Any, read: Read, most: int) -> None:
        """Read a request and put it on its lane.

        Args:
            waiting: Gets the answer.
            read: Turns version and most rows into the gateway's form.
            most: Rows of one request.

        Raises:
            Refusal: 429 beyond a limit; whatever `read` refuses.
        """
        seat = self._enter()
        if seat.lane.full:
            waiting.refuse(BUSY)
        else:
            self._put(seat, waiting, read, most)

    def put_single(self, waiting: Any, body: bytes, read: ReadBody, most: int) -> None:
        """Put a request of V2 JSON on its lane: a single row the short way, else by `read`; raises as `put` does."""
        for bucket in self._buckets:  # as `_enter` does: most requests come this way, and a call costs as much
            if bucket.hand >= 1:
                bucket.hand -= 1
            else:
                bucket.take(self._seconds())
        seat = self._draw() if self._drawn else self._seat
        lane = seat.lane
        if lane.full:
            waiting.refuse(BUSY)
            return
        try:
            row = lane.read(body)
        except UNREADABLE:
            self._put(seat, waiting, partial(read, body), most)
            return
        if self._plain:
            lane.add_single(waiting, row)
        else:
            self._put_row(seat, waiting, row, partial(read, body), most)

    def _put_row(self, seat: Seat, waiting: Any, row: Any, read: Read, most: int) -> None:
        """Put a single row on the lane of its unit, and remember until when its answer is wanted."""
        if self._column is not None:
            other = self._by_value(row.inputs[self._place].data[0])
            if not _alike(other, seat):
                self._put(other, waiting, read, most)
                return
            seat = other
        if seat.lane.full:
            waiting.refuse(BUSY)
            return
        seat.lane.add_single(waiting, row)
        if (deadline := self._deadline) is not None:
            seat.lane.expire(waiting, deadline)

    def _put(self, seat: Seat, waiting: Any, read: Read, most: int) -> None:
        asked = read(seat.loaded, most)
        if self._column is not None:
            other = self._by_value(asked.columns[self._column][0])
            if other.lane.full:
                waiting.refuse(BUSY)
                return
            asked = asked if _alike(other, seat) else read(other.loaded, most)
            seat = other
        seat.lane.add(waiting, asked, self._deadline)

    def _enter(self) -> Seat:
        """Take a token of each limit; return the seat whose signature reads the request, the right one if known."""
        for bucket in self._buckets:
            if bucket.hand >= 1:
                bucket.hand -= 1
            else:
                bucket.take(self._seconds())
        return self._draw() if self._drawn else self._seat

    def _by_value(self, value: Any) -> Seat:
        """Return the seat of what the unit's column holds in the request's first row; missing: any."""
        unit = key_of(value.item() if hasattr(value, "item") else value)
        return self._draw() if unit is None else self._arms.of_unit(unit)

    @property
    def _deadline(self) -> float | None:
        return None if self._timeout is None else self._seconds() + self._timeout


def _alike(one: Seat, other: Seat) -> bool:
    return one.loaded.signature.inputs == other.loaded.signature.inputs


def _unit(headers: Mapping[bytes, bytes]) -> bytes | None:
    unit = headers.get(UNIT)
    if unit is not None and not 0 < len(unit) <= LONGEST_UNIT:
        raise bad("bad_header", f"headgate-unit has 1 to {LONGEST_UNIT} bytes")
    return None if unit is None else canonical(unit)


def _timeout(headers: Mapping[bytes, bytes]) -> float | None:
    """Return the seconds that a request's answer is worth waiting for."""
    text = headers.get(TIMEOUT)
    if text is None:
        return None
    if not text.isdigit() or len(text) > len(str(LONGEST_TIMEOUT)) or int(text) > LONGEST_TIMEOUT:
        raise bad("bad_header", f"headgate-timeout-ms is a whole number of milliseconds, at most {LONGEST_TIMEOUT}")
    return int(text) / 1000
