"""The flights as they really are: known counts, one clock, and stored features that see only what has landed."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

FLIGHTS = Path(__file__).parents[2] / "examples" / "flights"
NEW_YORK = "America/New_York"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"flights_facts_{name}", FLIGHTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flights")
    load("prepare").prepare(folder, str)
    return folder / "data"


@pytest.fixture(scope="module")
def flights(data: Path) -> pd.DataFrame:
    return pd.read_parquet(data / "flights.parquet")


def test_all_flights_that_landed_are_there_once(flights: pd.DataFrame) -> None:
    raw = pd.read_csv(load("prepare").find_source() / "flights.csv.zip", usecols=["arr_delay"])
    assert len(raw) == 336_776
    assert len(flights) == int(raw["arr_delay"].notna().sum()) == 327_346
    assert flights["id"].is_unique
    assert flights["predicted_at"].is_monotonic_increasing
    assert flights["predicted_at"].iloc[0] == pd.Timestamp("2013-01-01T09:15Z")


def test_the_share_of_late_flights_moves_with_the_year(flights: pd.DataFrame) -> None:
    month = flights["scheduled_at"].dt.tz_convert(NEW_YORK).dt.month
    share = flights["late"].groupby(month).mean().round(3)
    assert share.loc[[1, 4, 7, 9, 12]].to_list() == [0.235, 0.288, 0.322, 0.137, 0.335]


def test_scheduled_time_is_the_clock_of_new_york(flights: pd.DataFrame) -> None:
    local = flights["scheduled_at"].dt.tz_convert(NEW_YORK)
    assert (local.dt.hour == flights["hour"]).all()
    assert (local.dt.minute == flights["minute"]).all()
    assert (local.dt.weekday == flights["weekday"]).all()


def test_nothing_is_known_before_the_aircraft_can_have_landed(flights: pd.DataFrame) -> None:
    off = flights["scheduled_at"] + pd.to_timedelta(flights["dep_delay"], unit="m")
    taxi = flights["arrived_at"] - off - pd.to_timedelta(flights["air_time"], unit="m")
    minutes = pd.TimedeltaIndex(taxi).total_seconds() / 60
    assert minutes.min() > 0
    assert minutes.max() < 4 * 60
    assert np.median(minutes) == 28
    assert (flights["known_at"] >= flights["arrived_at"]).all()


def test_arrival_shows_the_recorded_time_on_the_destinations_clock(flights: pd.DataFrame) -> None:
    zones = load("prepare").read_zones(load("prepare").find_source())
    wrong = 0
    for zone, rows in flights.groupby(flights["dest"].map(zones)):
        wall = rows["arrived_at"].dt.tz_convert(str(zone))
        wrong += int(((wall.dt.hour * 100 + wall.dt.minute) != rows["arr_time"] % 2400).sum())
    assert wrong == 1  # B6 635 of 9 March landed at 02:03, a time that Florida skipped that night


@pytest.mark.parametrize("key", ["carrier", "origin", "dest"])
def test_delays_are_those_of_landed_flights_only(data: Path, flights: pd.DataFrame, key: str) -> None:
    table = pd.read_parquet(data / f"{key}_delays.parquet")
    assert not table.duplicated([key, "known_at"]).any()
    assert len(table) == len(flights.drop_duplicates([key, "known_at"]))
    for _, row in table.sample(60, random_state=1).iterrows():
        same = flights[(flights[key] == row[key]) & (flights["known_at"] <= row["known_at"])]
        for hours in (3, 24):
            seen = same[same["known_at"] > row["known_at"] - pd.Timedelta(hours=hours)]
            found = [row[f"late_{hours}h"], row[f"delay_{hours}h"]]
            np.testing.assert_allclose(found, [seen["late"].mean(), seen["arr_delay"].mean()], atol=1e-8)
            assert hours != 3 or row["landed_3h"] == len(seen)


def test_weather_is_known_when_its_hour_is_over(data: Path) -> None:
    weather = pd.read_parquet(data / "weather.parquet")
    assert not weather.duplicated(["origin", "known_at"]).any()
    assert (weather["known_at"] - weather["observed_at"]).eq(pd.Timedelta(hours=1)).all()


def test_most_tail_numbers_are_known_aircraft(data: Path, flights: pd.DataFrame) -> None:
    planes = pd.read_parquet(data / "planes.parquet")
    assert planes["tailnum"].is_unique
    assert planes["known_at"].max() < flights["predicted_at"].min()
    assert flights["tailnum"].isin(planes["tailnum"]).mean() == pytest.approx(0.85, abs=0.01)


def test_preparing_twice_writes_the_same_bytes(data: Path, tmp_path: Path) -> None:
    load("prepare").prepare(tmp_path, str)
    for file in data.iterdir():
        assert (tmp_path / "data" / file.name).read_bytes() == file.read_bytes(), file.name
