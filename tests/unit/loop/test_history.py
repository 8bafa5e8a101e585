"""What was production at a time, to the microsecond."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from headgate.base.errors import BadInput
from headgate.loop.history import Served, at, read_time
from headgate.testing.clock import START
from headgate.testing.supply import Supply

HOUR = timedelta(hours=1)


@pytest.fixture
def supply(tmp_path: Path) -> Supply:
    """1 serves from START, 2 from an hour later, 1 again from two hours later."""
    supply = Supply(tmp_path)
    first, second = supply.ready(), supply.ready()
    supply.promote(first)
    supply.clock.advance(HOUR)
    supply.promote(second)
    supply.clock.advance(HOUR)
    supply.edit_scorecard(0.9)
    supply.roll_back()
    return supply


def served(supply: Supply, when: datetime) -> Served:
    found = at(supply.ledger, when)
    assert found is not None
    return found


def test_each_served_from_its_move_to_the_next(supply: Supply) -> None:
    assert at(supply.ledger, START - timedelta.resolution) is None
    spans = [(START, "1"), (START + HOUR, "2"), (START + 2 * HOUR, "1")]
    for when, version in spans:
        assert served(supply, when).move.version == version
    assert served(supply, START + HOUR - timedelta.resolution).move.version == "1"
    assert served(supply, START).until == START + HOUR
    assert served(supply, START + 10 * HOUR).until is None


def test_it_says_on_what_grounds(supply: Supply) -> None:
    told = served(supply, START + HOUR).to_json()
    assert told["approvers"] == ["grace"]
    assert told["authenticated"] is False
    assert told["verdict"]["passed"] is True
    assert (told["by"], told["because"], told["cause"]) == ("person:grace", "it is time", "promote")


def test_a_return_still_shows_the_verdict_it_once_passed(supply: Supply) -> None:
    found = served(supply, START + 2 * HOUR)
    assert found.move.cause == "rollback"
    assert found.move.approvers == ("grace",)
    assert found.verdict is not None
    assert found.verdict.verdict.passed


def test_a_verdict_that_came_later_is_not_what_it_stood_on(tmp_path: Path) -> None:
    supply = Supply(tmp_path)
    version = supply.ready()
    supply.promote(version)
    supply.judge(version, passed=False)
    found = served(supply, START)
    assert found.verdict is not None
    assert found.verdict.verdict.passed


@pytest.mark.parametrize(
    ("text", "time", "assumed"),
    [
        ("2026-03-01T12:00", START, True),
        ("2026-03-01 12:00", START, True),
        ("2026-03-01T12:00Z", START, False),
        ("2026-03-01T14:00+02:00", START, False),
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC), True),
    ],
)
def test_a_time_without_zone_is_utc_and_says_so(text: str, time: datetime, assumed: bool) -> None:  # noqa: FBT001
    assert read_time(text) == (time, assumed)


@pytest.mark.parametrize("text", ["yesterday", "", "2026-13-01", "12:00"])
def test_what_is_no_time_is_said_to_be_none(text: str) -> None:
    with pytest.raises(BadInput, match="is not a time") as caught:
        read_time(text)
    assert "2026-03-01T12:00Z" in caught.value.way_out
