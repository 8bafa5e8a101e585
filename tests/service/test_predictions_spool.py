"""Spool files, compaction and reading on real files: torn ends, kills at every step, two machines, an object store."""

import os
import shutil
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headgate.adapters.parquet.compact import Compacted, Compactor, alone, read_catalogs
from headgate.adapters.parquet.place import Place
from headgate.adapters.parquet.read import Predictions
from headgate.adapters.spool.writer import SpoolLog
from headgate.base.errors import Conflict
from headgate.predictions.log import Bounds
from headgate.predictions.outcome import micros
from headgate.predictions.pairs import Between
from headgate.predictions.query import Wanted
from headgate.predictions.redact import hasher
from headgate.predictions.row import Answered, Layout, Source
from headgate.registry.field import Field

NOW = datetime(2026, 3, 2, 0, 0, 30, tzinfo=UTC)
DAY = 86_400_000_000
LAYOUT = Layout("m", (Field("x", "float32"),), (Field("prediction", "float32"),))
WIDER = Layout("m", (Field("x", "float32"), Field("y", "int64")), (Field("prediction", "float32"),))


def answered(first: int, count: int, layout: Layout = LAYOUT, time: datetime = NOW, version: str = "1") -> Answered:
    """Return rows whose x is their number."""
    values = np.arange(first, first + count, dtype=np.float32)
    inputs: dict[str, Any] = {"x": values} if layout is LAYOUT else {"x": values, "y": values.astype(np.int64)}
    ids = [str(uuid.UUID(int=number)).encode() for number in range(first, first + count)]
    return Answered(Source(layout, version, "champion"), ids, None, micros(time), [f"u{n}" for n in range(count)],
                    inputs, {"prediction": values}, 200, 7)  # fmt: skip


def write(spool: Path, *batches: Answered) -> None:
    log = SpoolLog(spool, {}, hasher(b"salt"))
    for batch in batches:
        log.add(batch)
    log.close()
    assert log.counts.lost == log.counts.dropped == 0


def numbers(spool: Path, place: Place, wanted: Wanted | None = None) -> list[int]:
    table = Predictions(spool, place, "m").table(wanted or Wanted())
    return sorted(int(row["input.x"]) for row in table.to_pylist())


def compact(spool: Path, place: Place, now: datetime = NOW, keep: timedelta = timedelta(days=90)) -> Compacted:
    with alone(spool):
        return Compactor(spool, place, "m", micros(now), keep // timedelta(microseconds=1)).run()


def test_rows_read_the_same_from_spool_from_parquet_and_from_both(tmp_path: Path) -> None:
    spool, place = tmp_path / "spool", Place(tmp_path / "log")
    assert Predictions(spool, place, "m").table(Wanted()).num_rows == 0
    write(spool, answered(0, 50), answered(50, 50, time=NOW - timedelta(minutes=1)))
    before = Predictions(spool, place, "m").table(Wanted(limit=1000)).to_pylist()
    done = compact(spool, place)
    assert (done.rows, done.files) == (100, 2), "one file a day"
    assert not list(spool.glob("m/*.arrows"))
    assert Predictions(spool, place, "m").table(Wanted(limit=1000)).to_pylist() == before
    write(spool, answered(100, 10, WIDER, version="2"))
    assert numbers(spool, place) == list(range(110))
    days = {path.parent.name for path in (tmp_path / "log" / "m").rglob("*.parquet")}
    assert days == {"day=2026-03-01", "day=2026-03-02"}
    compact(spool, place)
    assert numbers(spool, place) == list(range(110))
    assert compact(spool, place).rows == 0


def test_reading_writes_nothing(tmp_path: Path) -> None:
    spool, place = tmp_path / "spool", Place(tmp_path / "log")
    write(spool, answered(0, 10))
    before = sorted(tmp_path.rglob("*"))
    reader = Predictions(spool, place, "m")
    assert reader.table(Wanted()).num_rows == 10
    assert sorted(tmp_path.rglob("*")) == before
    compact(spool, place)
    assert reader.table(Wanted()).num_rows == 10, "a reader that was there before the first compaction"


@pytest.mark.parametrize("redact", [{}, {"prediction": "hash"}])
def test_versions_whose_vectors_differ_in_width_are_read_together(tmp_path: Path, redact: Any) -> None:
    spool, place = tmp_path / "spool", Place(tmp_path / "parquet")
    batches = []
    for number, width in enumerate((2, 3, 3)):
        outputs = (Field("prediction", "float32", width=width),)
        layout = Layout("m", (Field("x", "float32"),), outputs, redact if number == 2 else {})
        one = answered(number, 1, layout, version=str(number))
        one.inputs = {"x": np.array([number], np.float32)}
        one.outputs = {"prediction": np.full((1, width), number, np.float32)}
        batches.append(one)
    write(spool, *batches[:1])
    compact(spool, place)
    write(spool, *batches[1:])
    assert numbers(spool, place) == [0, 1, 2]
    wanted = Wanted(version="1", limit=10)
    (row,) = Predictions(spool, place, "m").table(wanted).to_pylist()
    assert row["output.prediction"] in ([1.0, 1.0, 1.0], "[1.0, 1.0, 1.0]")
    assert Predictions(spool, place, "m").pairs(Between()).num_rows == 0


def test_filters_choose_by_time_version_unit_id_and_the_latest(tmp_path: Path) -> None:
    spool, place = tmp_path / "spool", Place(tmp_path / "log")
    write(spool, answered(0, 5, time=NOW - timedelta(hours=2)), answered(5, 5, version="2"))
    for _ in range(2):  # from the spool, then from Parquet
        assert numbers(spool, place, Wanted(since=NOW - timedelta(hours=1))) == list(range(5, 10))
        assert numbers(spool, place, Wanted(until=NOW)) == list(range(5))
        assert numbers(spool, place, Wanted(version="2", unit="u3")) == [8]
        assert numbers(spool, place, Wanted(id=str(uuid.UUID(int=7)))) == [7]
        assert numbers(spool, place, Wanted(arm="challenger")) == []
        assert numbers(spool, place, Wanted(limit=3)) == [7, 8, 9]
        compact(spool, place)


def test_a_file_that_was_cut_anywhere_reads_to_its_last_whole_batch(tmp_path: Path) -> None:
    spool, place = tmp_path / "spool", Place(tmp_path / "log")
    log = SpoolLog(spool, {}, hasher(b"salt"), Bounds(flush_seconds=0.01))
    ends = []
    for number in range(4):
        log.add(answered(number * 10, 10))
        while log.counts.written < (number + 1) * 10:
            threading.Event().wait(0.005)
        (path,) = spool.glob("m/*.arrows")
        ends.append(path.stat().st_size)
    log.close()
    whole = path.read_bytes()
    for size in range(1, len(whole) + 1, 257):
        path.write_bytes(whole[:size])
        expected = 10 * sum(size >= end for end in ends)
        assert numbers(spool, place) == list(range(expected)), size
    path.write_bytes(whole[: ends[2]] + bytes(4096))  # a power cut leaves zeros
    assert numbers(spool, place) == list(range(30))
    assert compact(spool, place).rows == 30


def test_a_file_that_is_damaged_in_the_middle_is_said_and_kept_beside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool, place = tmp_path / "spool", Place(tmp_path / "log")
    log = SpoolLog(spool, {}, hasher(b"salt"), Bounds(flush_seconds=0.01))
    ends = []
    for number in range(3):
        log.add(answered(number * 10, 10))
        while log.counts.written < (number + 1) * 10:
            threading.Event().wait(0.005)
        (path,) = spool.glob("m/*.arrows")
        ends.append(path.stat().st_size)
    log.close()
    whole = path.read_bytes()
    broken = whole[: ends[0] + 4] + b"\x07" * 64 + whole[ends[0] + 68 :]
    path.write_bytes(broken)
    assert compact(spool, place).rows == 10
    assert "damaged in the middle" in caplog.text
    assert path.with_name(path.name + ".damaged").read_bytes() == broken
    assert numbers(spool, place) == list(range(10))
    for end in (*ends, ends[1] - 100, ends[1] + 100):  # cut off is not damaged
        path.write_bytes(whole[:end])
        compact(spool, place)
    assert len(list(spool.glob("m/*.damaged"))) == 1
    assert caplog.text.count("damaged in the middle") == 1


def test_a_file_that_was_begun_a_moment_ago_is_left_to_its_writer(tmp_path: Path) -> None:
    spool, place = tmp_path / "spool", Place(tmp_path / "log")
    write(spool, answered(0, 10))
    fresh, old = spool / "m" / "1.new", spool / "m" / "2.new"
    fresh.touch()
    old.touch()
    os.utime(old, (1, 1))
    compact(spool, place)
    assert (fresh.exists(), old.exists()) == (True, False)


def test_a_growing_file_is_read_but_not_compacted(tmp_path: Path) -> None:
    spool, place = tmp_path / "spool", Place(tmp_path / "log")
    log = SpoolLog(spool, {}, hasher(b"salt"), Bounds(flush_seconds=0.01))
    log.add(answered(0, 10))
    while not log.counts.written:
        threading.Event().wait(0.005)
    assert compact(spool, place).rows == 0
    assert numbers(spool, place) == list(range(10))
    log.close()
    assert compact(spool, place).rows == 10


def test_a_file_is_finished_by_age_and_another_is_begun(tmp_path: Path) -> None:
    log = SpoolLog(tmp_path, {}, hasher(b"salt"), Bounds(flush_seconds=0.01, file_seconds=0.05))
    log.add(answered(0, 1))
    while compact(tmp_path, Place(tmp_path / "log")).rows == 0:
        threading.Event().wait(0.01)
    log.add(answered(1, 1))
    log.close()
    assert numbers(tmp_path, Place(tmp_path / "log")) == [0, 1]


class KilledError(BaseException):
    """Stands for kill -9: nothing catches it."""


@pytest.fixture
def killer(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Ends whatever runs at its n-th step that others can see on the disk, before the step is done."""
    left = [10**9]

    def step(real: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise KilledError
            return real(*args, **kwargs)

        return counted

    for name in ("replace", "unlink", "touch"):
        monkeypatch.setattr(Path, name, step(getattr(Path, name)))
    monkeypatch.setattr(os, "fsync", step(os.fsync))

    def arm(steps: int) -> None:
        left[0] = steps

    return arm


def test_killed_at_any_step_no_row_is_lost_and_none_is_there_twice(
    tmp_path: Path, killer: Callable[[int], None]
) -> None:
    first, finished, steps = tmp_path / "first", False, -1
    write(first / "spool", answered(0, 20, time=NOW - timedelta(days=1)))
    for number in range(1, 10):
        write(first / "spool", answered(number * 20, 20))
        if number < 8:
            compact(first / "spool", Place(first / "log"))
    while not finished:
        steps += 1
        root = tmp_path / str(steps)
        shutil.copytree(first, root)
        spool, place = root / "spool", Place(root / "log")
        killer(steps)
        try:
            compact(spool, place)
            finished = True
        except KilledError:
            killer(10**9)
            assert numbers(spool, place) == list(range(200)), f"after {steps} steps"
            write(spool, answered(200, 5))
            compact(spool, place)
        killer(10**9)
        assert numbers(spool, place) == list(range(200 if finished else 205)), f"after {steps} steps"
        catalogs = read_catalogs(place, "m").values()
        known = {place.path(path) for one in catalogs for path in (*[file.path for file in one.files], *one.garbage)}
        assert {str(path) for path in (root / "log").rglob("*.parquet")} == known, "an orphan is left"
        assert not list((root / "log").rglob("*.new"))
    assert steps > 15


def test_a_reader_sees_each_row_once_while_compactions_run(tmp_path: Path) -> None:
    spool, place = tmp_path / "spool", Place(tmp_path / "log")
    write(spool, answered(0, 10))
    ends = threading.Event()
    wrong: list[Any] = []

    def read() -> None:
        while not ends.is_set():
            found = numbers(spool, place)
            if found != list(range(len(found))) or len(found) % 10:
                wrong.append(found)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 25):
        write(spool, answered(number * 10, 10))
        compact(spool, place)
    ends.set()
    reader.join()
    assert not wrong
    assert numbers(spool, place) == list(range(250))


def test_small_files_are_merged_and_replaced_ones_deleted_after_a_while(tmp_path: Path) -> None:
    spool, place = tmp_path / "spool", Place(tmp_path / "log")
    for number in range(8):
        write(spool, answered(number, 1))
        done = compact(spool, place)
    assert done.merged == 8
    assert len(list((tmp_path / "log").rglob("*.parquet"))) == 9, "who reads the old files may go on"
    assert compact(spool, place, NOW + timedelta(hours=1)).deleted == 8
    assert len(list((tmp_path / "log").rglob("*.parquet"))) == 1
    assert numbers(spool, place) == list(range(8))


def test_who_reads_what_a_long_compaction_replaces_has_its_time_from_then_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool, place = tmp_path / "spool", Place(tmp_path / "log")
    for number in range(7):
        write(spool, answered(number, 1))
        compact(spool, place)
    write(spool, answered(7, 1))
    moments = iter([0.0])  # it begins; whatever is asked later is a quarter of an hour later
    monkeypatch.setattr("headgate.adapters.parquet.compact.time.monotonic", lambda: next(moments, 900.0))
    assert compact(spool, place).merged == 8
    monkeypatch.undo()
    assert compact(spool, place, NOW + timedelta(minutes=16)).deleted == 0, "a minute after they were replaced"
    assert compact(spool, place, NOW + timedelta(minutes=26)).deleted == 8


def test_what_is_older_than_it_is_kept_goes(tmp_path: Path) -> None:
    spool, place = tmp_path / "spool", Place(tmp_path / "log")
    write(spool, answered(0, 5, time=NOW - timedelta(days=3)), answered(5, 5))
    compact(spool, place, keep=timedelta(days=2))
    assert numbers(spool, place) == list(range(5, 10))
    compact(spool, place, NOW + timedelta(hours=1), keep=timedelta(days=2))
    assert {path.parent.name for path in (tmp_path / "log").rglob("*.parquet")} == {"day=2026-03-02"}


def test_two_machines_share_one_place_and_two_compactions_do_not_meet(tmp_path: Path) -> None:
    here, there, place = tmp_path / "a", tmp_path / "b", Place(tmp_path / "log")
    write(here, answered(0, 5))
    write(there, answered(5, 5))
    compact(here, place)
    compact(there, place)
    assert numbers(here, place) == list(range(10))
    with alone(here), pytest.raises(Conflict, match="another compaction runs"):
        compact(here, place)


def test_a_full_disk_loses_rows_counts_them_and_blocks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = [False]
    real = os.writev

    def limited(handle: int, pieces: Any) -> int:
        if full[0]:
            data = b"".join(pieces)
            if len(data) > 100:
                return real(handle, [data[: len(data) // 2]])  # a part fits
            raise OSError(28, "No space left on device")
        return real(handle, pieces)

    monkeypatch.setattr(os, "writev", limited)
    log = SpoolLog(tmp_path, {}, hasher(b"salt"), Bounds(flush_seconds=0.01))
    for number in range(6):
        full[0] = number in (2, 3)
        log.add(answered(number * 10, 10))
        while log.counts.written + log.counts.lost < (number + 1) * 10:
            threading.Event().wait(0.005)
    log.close()
    assert (log.counts.written, log.counts.lost, log.counts.failures) == (40, 20, 2)
    kept = [*range(20), *range(40, 60)]
    assert numbers(tmp_path, Place(tmp_path / "log")) == kept
    compact(tmp_path, Place(tmp_path / "log"))
    assert numbers(tmp_path, Place(tmp_path / "log")) == kept


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """An object store of our own."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=f"http://{host}:{port}", **keys).create_bucket(Bucket="kept")
    yield f"s3://k:s@kept/log?scheme=http&endpoint_override={host}:{port}&region=us-east-1"
    server.stop()


def test_an_object_store_holds_the_log_as_a_folder_does(bucket: str, tmp_path: Path) -> None:
    place, spool = Place(bucket), tmp_path / "spool"
    for number in range(8):
        write(spool, answered(number * 10, 10))
        compact(spool, place)
    assert numbers(spool, place) == list(range(80))
    assert numbers(spool, place, Wanted(limit=5)) == list(range(75, 80))
    compact(spool, place, NOW + timedelta(hours=1))
    names = Counter(name.rsplit(".", 1)[1] for name in place.list("m"))
    assert names == {"parquet": 1, "json": 1}
    assert numbers(spool, place) == list(range(80))
