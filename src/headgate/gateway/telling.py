"""Once a second: gather what a worker counted and how it stands into a report. Times are handed in."""

from collections.abc import Callable, Mapping
from time import monotonic

from headgate.gateway.follow import Open
from headgate.gateway.http.door import Door
from headgate.gateway.metrics import catalogue as of
from headgate.gateway.metrics.meter import Meter
from headgate.gateway.metrics.report import Report
from headgate.gateway.version import Loaded
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


class Teller:
    """Makes a worker's reports.

    Args:
        meter: Has counted.
        door: Has the connections.
        log: Reads what the prediction log counted since it was opened; None: there is none.
    """

    def __init__(self, meter: Meter, door: Door, log: Counts | None) -> None:
        self._meter = meter
        self._door = door
        self._log = log
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
        made = meter.take(now, self._levels)
        meter.offset = wall - now
        return made

    def _count_log(self) -> None:
        if self._log is None:
            return
        logged = self._log()
        for key, name in LOG_NAMES.items():
            self._meter.counts[name] += logged.get(key, 0) - self._logged.get(key, 0)
        self._logged = logged

    def _levels(self) -> dict[str, float]:
        connections = self._door.connections
        waiting = sum(len(connection.waiting) for connection in connections)
        return {of.IN_FLIGHT.name: float(waiting), of.CONNECTIONS.name: float(len(connections))}
