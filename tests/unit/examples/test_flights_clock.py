"""When did it arrive?  The first such clock time after departure + air time, found here minute by minute."""

import importlib.util
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

FLIGHTS = Path(__file__).parents[3] / "examples" / "flights"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"flights_{name}", FLIGHTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PREPARE, FEATURES = load("prepare"), load("features")
ZONES = ("America/New_York", "America/Phoenix", "Pacific/Honolulu", "America/Puerto_Rico")


def arrival(departed: datetime, air: int, clock: int, zone: str) -> datetime:
    columns = (pd.Series([departed]), pd.Series([float(air)]), pd.Series([float(clock)]), pd.Series([zone]))
    found: pd.Timestamp = PREPARE.arrival(*columns).iloc[0]
    return found.to_pydatetime()


def by_minutes(departed: datetime, air: int, clock: int, zone: str) -> datetime:
    now, hour, minute = departed + timedelta(minutes=air), clock // 100 % 24, clock % 100
    while ((wall := now.astimezone(ZoneInfo(zone))).hour, wall.minute) != (hour, minute):
        now += timedelta(minutes=1)
    return now


@given(
    st.integers(0, 525_599),
    st.integers(20, 700),
    st.integers(0, 23),
    st.integers(0, 59),
    st.sampled_from(ZONES),
)
def test_it_is_the_first_such_clock_time_after_the_flight(
    day: int, air: int, hour: int, minute: int, zone: str
) -> None:
    departed = datetime(2013, 1, 1, tzinfo=UTC) + timedelta(minutes=day)
    found, expected = (find(departed, air, hour * 100 + minute, zone) for find in (arrival, by_minutes))
    skipped = expected - (departed + timedelta(minutes=air)) > timedelta(hours=22) and expected != found
    assert found == expected or skipped  # a minute that the clocks skipped is read off the old clock: tested below


@pytest.mark.parametrize(
    ("departed", "air", "clock", "zone", "expected"),
    [
        pytest.param("2013-01-01T10:17Z", 227, 830, "America/Chicago", "2013-01-01T14:30Z", id="another zone"),
        pytest.param("2013-07-01T03:50Z", 45, 2400, "America/New_York", "2013-07-02T04:00Z", id="midnight is 2400"),
        pytest.param("2013-03-10T04:00Z", 120, 310, "America/New_York", "2013-03-10T07:10Z", id="clocks go forward"),
        pytest.param("2013-03-10T04:06Z", 141, 203, "America/New_York", "2013-03-10T07:03Z", id="a skipped minute"),
        pytest.param("2013-11-03T02:00Z", 230, 130, "America/New_York", "2013-11-03T06:30Z", id="the second 01:30"),
        pytest.param("2013-11-03T03:00Z", 120, 210, "America/New_York", "2013-11-03T07:10Z", id="clocks go back"),
    ],
)
def test_clock_changes(departed: str, air: int, clock: int, zone: str, expected: str) -> None:
    assert arrival(datetime.fromisoformat(departed), air, clock, zone) == datetime.fromisoformat(expected)


def test_a_request_gives_the_same_features_alone_and_among_many() -> None:
    dice = np.random.default_rng(0)
    names = {*FEATURES.AS_THEY_ARE, "minute", "built"} - {"carrier", "origin", "dest", "hour"}
    rows = {name: dice.integers(0, 60, 200).astype(float) for name in sorted(names)}
    rows |= {"hour": dice.integers(0, 24, 200), "minute": dice.integers(0, 60, 200)}
    rows |= {name: np.array(["AA"] * 200, dtype=object) for name in ("carrier", "origin", "dest")}
    whole = FEATURES.features(rows)
    for row in range(200):
        alone = FEATURES.features({name: column[row : row + 1] for name, column in rows.items()})
        assert all(np.array_equal(alone[name], column[row : row + 1]) for name, column in whole.items())


def test_no_feature_is_made_of_the_future() -> None:
    future = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "late", "arrived_at", "known_at"}
    assert not future & set(FEATURES.AS_THEY_ARE)
