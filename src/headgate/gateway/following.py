"""A worker's looks at routes and API keys: each in a thread of its own, so that neither keeps the other waiting."""

from collections.abc import Callable, Sequence

from headgate.gateway.errands import Errands, Rounds
from headgate.gateway.follow import Open, Shade
from headgate.gateway.follower import Follower
from headgate.gateway.guard.follow import KeyFollower
from headgate.gateway.guard.keys import KeyTable
from headgate.gateway.remembered import Read, Remembered
from headgate.gateway.station import Station
from headgate.gateway.table import Table
from headgate.journal.ports import Document

LOADS = 8  # at once
KEYS_FRESH = 86_400.0  # seconds; a key may have been revoked since a file was written that is older


def follow_routes(station: Station, opened: Open, shade: Shade, publish: Callable[[Table], None]) -> Rounds:
    """Follow the routes from now on, until what is returned is stopped."""
    read: Read = station.routes
    last: Callable[[], Sequence[Document] | None] | None = None
    if station.shared is not None:
        read = kept = Remembered(read, station.shared / "last-routes.json", _now(station))
        last = kept.last
    follower = Follower(read, opened, publish, shade, Errands(LOADS, "load"), last)
    return _start(Rounds("routes", follower.turn, station.poll_seconds))


def follow_keys(station: Station, publish: Callable[[KeyTable], object], *, needed: bool) -> list[Rounds]:
    """Follow the API keys from now on; return what does, and can be stopped: nothing when there are none."""
    if station.keys is None:
        return []
    read: Read = station.keys
    if station.shared is not None:
        read = Remembered(read, station.shared / "last-keys.json", _now(station), KEYS_FRESH).or_last
    return [_start(Rounds("keys", KeyFollower(read, publish, needed=needed).look, station.poll_seconds))]


def _start(rounds: Rounds) -> Rounds:
    rounds.start()
    return rounds


def _now(station: Station) -> Callable[[], float]:
    return lambda: station.clock.now().timestamp()
