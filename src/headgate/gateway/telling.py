"""Once a second: gather what a worker counted and how it stands into a report. Times are handed in."""

from collections.abc import Callable, Mapping
from threading import Lock
from time import monotonic
from weakref import WeakSet

from headgate.gateway.cache import Cached
from headgate.gateway.follow import Open
from headgate.gateway.http.door import Door
from headgate.gateway.metrics import catalogue as of
from headgate.gateway.metrics.meter import Meter
from headgate.gateway.metrics.report import Report
from headgate.gateway.shadow.shadows import Shadows
from headgate.gateway.table import Table
from headgate.gateway.version import Loaded
from headgate.policy.model import ServingPolicy
from headgate.routing.route import Arm

LOG_NAMES = {"written": of.LOG_WRITTEN.name, "dropped": of.LOG_DROPPED.name, "lost": of.LOG_LOST.name}
Counts = Callable[[], Mapping[str, int]]


def timed(open_version: Open, meter: Meter) -> Open:
    """Return what opens versions and notes how long that took."""

    def opened(model: str, arm: Arm) -> Loaded:
        began = monotonic()
        loaded = open_version(model, arm)
        meter.loaded(model, arm.version, monotonic() - began)
        return loaded

    return opened


def standing(table: Table) -> dict[str, str]:
    """Return what a person should know of a route table: what it could not follow, and why."""
    notes = {f"model {model}": entry.why for model, entry in table.entries.items() if entry.why}
    if table.away:
        notes["routes"] = f"{table.away}; the last ones stand"
    return notes


class Caches:
    """The caches of a worker's versions.

    Args:
        policies: Model to how it is served.
    """

    def __init__(self, policies: Mapping[str, ServingPolicy]) -> None:
        self._policies = policies
        self._open: WeakSet[Cached] = WeakSet()
        self._lock = Lock()  # versions are loaded in several threads

    def before(self, open_version: Open) -> Open:
        """Return what opens versions with a cache before those whose policy has one."""

        def opened(model: str, arm: Arm) -> Loaded:
            loaded, policy = open_version(model, arm), self._policies.get(model)
            if policy is not None and policy.cache is not None:
                loaded.predictor = cached = Cached(loaded.predictor, policy.cache, monotonic)
                with self._lock:
                    self._open.add(cached)
            return loaded

        return opened

    def take(self) -> tuple[int, int, int]:
        """Return hits and misses since the last time, and bytes that are held."""
        with self._lock:
            every = [cached.counts for cached in tuple(self._open)]
        hits, misses = sum(one.hits for one in every), sum(one.misses for one in every)
        for one in every:
            one.hits = one.misses = 0
        return hits, misses, sum(one.bytes for one in every)


class Teller:
    """Makes a worker's reports.

    Args:
        meter: Has counted.
        door: Has the connections.
        log: Reads what the prediction log counted since it was opened; None: there is none.
        caches: Of the versions.
        shadows: Of the worker; None: there are none.
        table: Reads the route table.
    """

    def __init__(
        self,
        meter: Meter,
        door: Door,
        log: Counts | None,
        caches: Caches,
        shadows: Shadows | None,
        table: Callable[[], Table],
    ) -> None:
        self._caches = caches
        self._table = table
        self._shadows = shadows
        self._meter = meter
        self._door = door
        self._log = log
        self._held = 0.0
        self._logged: Mapping[str, int] = {}

    def report(self, now: float, wall: float) -> Report:
        """Return what was counted since the last report.

        Args:
            now: The worker's clock.
            wall: Seconds since 1970.
        """
        meter = self._meter
        meter.refused.update(self._door.refused)
        self._door.refused.clear()
        self._count_log()
        hits, misses, held = self._caches.take()
        meter.counts[of.CACHE_HITS.name] += hits
        meter.counts[of.CACHE_MISSES.name] += misses
        self._held = float(held)
        meter.follow(wall - now)
        made = meter.take(now, self._levels, self._notes())
        made.kills = self._shadows.kills() if self._shadows and self._table().read else None
        return made

    def _notes(self) -> dict[str, str]:
        return {**(self._shadows.notes() if self._shadows else {}), **standing(self._table())}

    def _count_log(self) -> None:
        if self._log is None:
            return
        logged = self._log()
        for key, name in LOG_NAMES.items():
            self._meter.counts[name] += logged.get(key, 0) - self._logged.get(key, 0)
        self._logged = logged

    def _levels(self) -> dict[str, float]:
        connections = self._door.connections
        waiting = sum(len(connection.waiting) for connection in connections) + len(self._door.calls)
        levels = {of.IN_FLIGHT.name: float(waiting), of.CACHE_BYTES.name: self._held}
        more = self._shadows.levels() if self._shadows else {}
        return {**levels, of.CONNECTIONS.name: float(len(connections)), **more}
