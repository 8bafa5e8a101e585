"""Freeze windows: when a release may not move on. ``Fri 16:00 - Mon 08:00 Europe/Berlin``, or from one date to another.

Local time is what people mean: a window keeps its hours when the clocks change. Rolling back is never frozen.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache
from typing import Annotated, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
WEEK = timedelta(days=7)
WEEKLY = re.compile(r"([A-Z][a-z]{2}) (\d\d:\d\d) - ([A-Z][a-z]{2}) (\d\d:\d\d)(?: (\S+))?")
DATES = re.compile(r"(\d{4}-\d\d-\d\d)(?: (\d\d:\d\d))? - (\d{4}-\d\d-\d\d)(?: (\d\d:\d\d))?(?: (\S+))?")
FORM = 'write "Fri 16:00 - Mon 08:00 Europe/Berlin" or "2026-12-24 - 2027-01-01 Europe/Berlin"'


@dataclass(frozen=True, slots=True)
class Weekly:
    """The same hours of every week; times since Monday, 00:00."""

    start: timedelta
    end: timedelta
    zone: tzinfo

    @property
    def length(self) -> timedelta:
        """How long it lasts."""
        return (self.end - self.start) % WEEK

    def until(self, now: datetime) -> datetime | None:
        """Return when it ends, if it holds now."""
        local = now.astimezone(self.zone).replace(tzinfo=None)
        monday = datetime.combine(local.date() - timedelta(days=local.weekday()), time())
        into = (local - monday - self.start) % WEEK
        return _aware(local - into + self.length, self.zone) if into < self.length else None


@dataclass(frozen=True, slots=True)
class Dates:
    """From one local time to another, once."""

    start: datetime
    end: datetime
    zone: tzinfo

    def until(self, now: datetime) -> datetime | None:
        """Return when it ends, if it holds now."""
        start, end = _aware(self.start, self.zone), _aware(self.end, self.zone)
        return end if start <= now < end else None


Window: TypeAlias = Weekly | Dates


@cache
def parse_window(text: str) -> Window:
    """Read a window; ValueError for anything else, or for one that never holds."""
    weekly, dates = WEEKLY.fullmatch(text.strip()), DATES.fullmatch(text.strip())
    if weekly is not None:
        return _weekly(*weekly.groups(default="UTC"))
    if dates is not None:
        return _dates(*dates.groups(default=""))
    raise ValueError(FORM)


def frozen_until(windows: tuple[str, ...], now: datetime) -> datetime | None:
    """Return when the freeze that holds now ends; None: nothing is frozen.

    A window that begins before another ends prolongs it.
    """
    until, latest = None, now
    for _ in range(len(windows) + 1):
        ends = [end for text in windows if (end := parse_window(text).until(latest)) is not None]
        if not ends:
            break
        until = latest = max(ends)
    return until


def check_window(text: str) -> str:
    """Return the text when it names a window."""
    parse_window(text)
    return text


def _weekly(first: str, from_time: str, last: str, to_time: str, zone: str) -> Weekly:
    start, end = (_of_week(day, clock) for day, clock in ((first, from_time), (last, to_time)))
    if start == end:
        raise ValueError("the window begins and ends at the same time")
    return Weekly(start, end, _zone(zone))


def _of_week(day: str, clock: str) -> timedelta:
    if day not in DAYS:
        raise ValueError(f"{day} is no day; write one of {', '.join(DAYS)}")
    at = time.fromisoformat(clock)
    return timedelta(days=DAYS.index(day), hours=at.hour, minutes=at.minute)


def _dates(first: str, from_time: str, last: str, to_time: str, zone: str) -> Dates:
    """A last day without a time is frozen as a whole."""
    start = datetime.combine(date.fromisoformat(first), time.fromisoformat(from_time or "00:00"))
    day = date.fromisoformat(last) if to_time else date.fromisoformat(last) + timedelta(days=1)
    end = datetime.combine(day, time.fromisoformat(to_time or "00:00"))
    if end <= start:
        raise ValueError("the window ends before it begins")
    return Dates(start, end, _zone(zone or "UTC"))


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        raise ValueError(f"{name} is no time zone; write one such as Europe/Berlin, or leave it out for UTC") from None


def _aware(local: datetime, zone: tzinfo) -> datetime:
    return local.replace(tzinfo=zone).astimezone(UTC)


Freeze = Annotated[str, AfterValidator(check_window)]
