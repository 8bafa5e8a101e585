"""Freeze windows keep local hours, over weekends and over changes of the clocks."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.policy.freeze import frozen_until, parse_window

WEEKEND = "Fri 16:00 - Mon 08:00 Europe/Berlin"
CHRISTMAS = "2026-12-24 - 2026-12-26 Europe/Berlin"
times = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("windows", "now", "until"),
    [
        ((WEEKEND,), "2026-01-09T14:59:59Z", None),
        ((WEEKEND,), "2026-01-09T15:00:00Z", "2026-01-12T07:00:00Z"),
        ((WEEKEND,), "2026-01-11T23:00:00Z", "2026-01-12T07:00:00Z"),
        ((WEEKEND,), "2026-01-12T07:00:00Z", None),
        ((WEEKEND,), "2026-03-28T12:00:00Z", "2026-03-30T06:00:00Z"),  # the clocks change in between
        ((WEEKEND,), "2026-07-10T14:00:00Z", "2026-07-13T06:00:00Z"),
        (("Tue 10:00 - Tue 12:00",), "2026-01-06T11:00:00Z", "2026-01-06T12:00:00Z"),
        ((CHRISTMAS,), "2026-12-23T22:59:59Z", None),
        ((CHRISTMAS,), "2026-12-26T22:59:59Z", "2026-12-26T23:00:00Z"),
        (("2026-12-24 16:00 - 2026-12-24 18:00",), "2026-12-24T17:00:00Z", "2026-12-24T18:00:00Z"),
        (("2026-12-24 16:00 - 2026-12-24 18:00",), "2026-12-24T18:00:00Z", None),
        ((), "2026-01-09T15:00:00Z", None),
    ],
)
def test_a_window_holds_from_its_start_to_before_its_end(windows: tuple[str, ...], now: str, until: str | None) -> None:
    assert frozen_until(windows, at(now)) == (at(until) if until else None)


def test_windows_that_touch_are_one_freeze() -> None:
    christmas = "2026-12-24 - 2026-12-25 12:00"  # a Friday; the weekend begins meanwhile
    frozen = frozen_until((christmas, "Fri 09:00 - Mon 08:00"), at("2026-12-24T10:00:00Z"))
    assert frozen == at("2026-12-28T08:00:00Z")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Fri 16:00 - Fri 16:00", "begins and ends at the same time"),
        ("Fri 25:00 - Mon 08:00", "hour must be in"),
        ("Fri 16:00 - Mon 08:00 Europe/Berlln", "Europe/Berlln is no time zone"),
        ("2026-12-26 - 2026-12-24", "ends before it begins"),
        ("2026-02-30 - 2026-03-01", "day is out of range"),
        ("always", "write "),
    ],
)
def test_what_is_no_window_says_why(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_window(text)


@given(times)
def test_a_freeze_ends_after_now_and_within_its_length(now: datetime) -> None:
    until = frozen_until((WEEKEND, CHRISTMAS), now)
    if until is not None:
        assert now < until <= now + timedelta(days=7)
        assert frozen_until((WEEKEND, CHRISTMAS), until) is None
