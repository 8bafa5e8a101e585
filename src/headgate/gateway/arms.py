"""The arms of each model as they stand: lanes, shares that hold, fuses. Rebuilt when one changes, not per request."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from headgate.gateway.batch import Lane
from headgate.gateway.fuse import Fuse
from headgate.gateway.refusal import Refusal
from headgate.gateway.table import Entry, Serving, Table
from headgate.gateway.version import Loaded
from headgate.routing.route import Route
from headgate.routing.share import effective, holds
from headgate.routing.split import Split

LOG = logging.getLogger("headgate.gateway")
DRAWN = 1024  # at a time, so that one draw costs next to nothing
Draws: TypeAlias = Callable[[int], npt.NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Seat:
    """An arm that can take requests."""

    serving: Serving
    loaded: Loaded
    lane: Lane
    fuse: Fuse


@dataclass(frozen=True, slots=True)
class Arms:
    """One model's arms.

    Attributes:
        entry: What the table says.
        route: The shares that hold now; its arms are the seats, in order, the champion first.
        leased: Whether the challengers' lease holds.
        seats: By place in the route.
        split: Of that route.
        drawn: Returns the seat of a request without a unit.
    """

    entry: Entry
    route: Route
    leased: bool
    seats: tuple[Seat, ...]
    split: Split
    drawn: Callable[[], Seat]

    @property
    def champion(self) -> Seat:
        """The champion."""
        return self.seats[0]

    def named(self, version: str) -> Seat:
        """Return the seat of a version that a request names, its share and its fuse notwithstanding; raises Refusal."""
        for seat in self.seats:
            if seat.serving.arm.version == version:
                return seat
        served = ", ".join(seat.serving.arm.version for seat in self.seats)
        what = f"version {version!r} of model {self.entry.model!r} is not served; served: {served}"
        raise Refusal(404, "unknown_version", what)

    def of_unit(self, unit: bytes) -> Seat:
        """Return a unit's seat."""
        return self.seats[self.split.of_unit(unit)]

    def show(self) -> list[dict[str, Any]]:
        """Return what a person may see of the arms."""
        shown = []
        for arm, seat in zip(self.route.arms, self.seats, strict=True):
            one: dict[str, Any] = {"name": arm.name, "version": arm.version, "share": round(arm.weight, 9)}
            if seat is not self.champion and not self.leased:
                one["why"] = "the lease of its share was not renewed"
            if seat.fuse.state != "closed":
                one["why"] = f"{'taken out' if seat.fuse.state == 'open' else 'on trial'}: {seat.fuse.why}"
            shown.append(one)
        return shown


def draw_seats(seats: Sequence[Seat], split: Split, draws: Draws) -> Iterator[Seat]:
    """Yield the seats of requests without a unit, without end."""
    while True:
        yield from [seats[at] for at in split.of_places(draws(DRAWN)).tolist()]


MakeSeat = Callable[[Entry, Serving, Fuse | None], Seat]


class Seating:
    """Holds the arms of every model.

    Args:
        make: Makes the seat of an arm; gets the fuse of its version, where it was seated before.
        now: Reads the clock.
        seconds: Reads a clock that only rises.
        draws: Returns that many random numbers in [0, 1).
    """

    def __init__(self, make: MakeSeat, now: Callable[[], datetime], seconds: Callable[[], float], draws: Draws) -> None:
        self._make = make
        self._now = now
        self._seconds = seconds
        self._draws = draws
        self._seats: dict[tuple[str, str, str, Loaded], Seat] = {}
        self._leases: dict[str, tuple[datetime, datetime, float]] = {}  # until when; and both clocks as it was read
        self.arms: Mapping[str, Arms] = {}

    def swap(self, table: Table) -> None:
        """Seat what a new table holds; an arm that stays keeps its lane and its fuse, whatever its share."""
        fuses = {seat.loaded: seat.fuse for seat in self._seats.values()}
        seats: dict[tuple[str, str, str, Loaded], Seat] = {}
        for entry in table.entries.values():
            for serving in entry.servings:
                key = self._key(entry, serving)
                seats[key] = self._seats.get(key) or self._make(entry, serving, fuses.get(serving.loaded))
        self._seats = seats
        self.arms = {entry.model: self._arms(entry) for entry in table.entries.values() if entry.servings}

    def look(self) -> bool:
        """Let leases end and fuses go on trial; return whether a share changed."""
        fresh: dict[str, Arms] = {}
        for model, old in self.arms.items():
            if len(old.seats) > 1:
                arms = self._arms(old.entry)
                if (arms.route, arms.leased) != (old.route, old.leased):
                    _report(old, arms)
                    fresh[model] = arms
        if fresh:
            self.arms = {**self.arms, **fresh}
        return bool(fresh)

    def _arms(self, entry: Entry) -> Arms:
        route, now = entry.shares(), self._seconds()
        seats = tuple(self._seats[self._key(entry, serving)] for serving in entry.servings)
        for seat in seats[1:]:
            seat.fuse.look(now)
        out = {seat.serving.arm.name for seat in seats[1:] if seat.fuse.state == "open"}
        moment = self._moment(route, now)
        held = effective(route, moment, out)
        split = Split.of(held)
        return Arms(entry, held, holds(route, moment), seats, split, draw_seats(seats, split, self._draws).__next__)

    def _moment(self, route: Route, seconds: float) -> datetime:
        """Return when it is now for a lease: a clock that is set back after the lease was read lengthens none."""
        now, until = self._now(), route.renewed_until
        if until is None:
            return now
        read = self._leases.get(route.model)
        if read is None or read[0] != until:
            read = self._leases[route.model] = (until, now, seconds)
        return max(now, read[1] + timedelta(seconds=seconds - read[2]))

    def _key(self, entry: Entry, serving: Serving) -> tuple[str, str, str, Loaded]:
        return entry.model, serving.arm.name, entry.route.release if entry.route else "", serving.loaded


def _report(old: Arms, new: Arms) -> None:
    shares = ", ".join(f"version {arm.version} ({arm.name}) {arm.weight:.4g}" for arm in new.route.arms)
    why = "the challengers' lease was not renewed; " if old.leased and not new.leased else ""
    out = [seat for seat in new.seats if seat.fuse.state == "open"]
    why += "".join(f"version {seat.loaded.version} is taken out: {seat.fuse.why}; " for seat in out)
    LOG.warning("model %s: %sshares are now %s", new.entry.model, why, shares)
