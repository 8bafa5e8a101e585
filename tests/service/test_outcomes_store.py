"""Segments of outcomes on a real disk: one sync for many requests, none told before it, damage, compaction."""

import os
import threading
import uuid
from pathlib import Path

import pytest

from headgate.adapters.outcomes.history import FILES, History
from headgate.adapters.outcomes.segments import MOST_BYTES, MOST_WAITING, Segments
from headgate.base.errors import Unavailable
from headgate.predictions.outcome import Outcome
from headgate.testing.waiting import LONGEST


def said(at: int, value: str = "1") -> Outcome:
    return Outcome(str(uuid.UUID(int=at)), 0, "", "", None, value, 1.0, None, at, "http")


class Disk:
    """A sync that waits until it may go on, and fails when it should."""

    def __init__(self) -> None:
        self.may, self.fails, self.calls = threading.Event(), False, 0
        self.may.set()

    def __call__(self, handle: int) -> None:
        self.calls += 1
        self.may.wait()
        if self.fails:
            raise OSError(5, "Input/output error")
        os.fsync(handle)


class Told:
    """What a client was told, once."""

    def __init__(self) -> None:
        self.event, self.error = threading.Event(), None

    def __call__(self, error: Exception | None) -> None:
        assert not self.event.is_set(), "told twice"
        self.error = error  # type: ignore[assignment]
        self.event.set()


def values(folder: Path) -> list[int]:
    return sorted({row["received"] for row in History(folder).table().to_pylist()})


def test_many_requests_share_a_sync_and_none_is_told_before_it_returned(tmp_path: Path) -> None:
    disk = Disk()
    segments = Segments(tmp_path / "segments", disk)
    first = Told()
    segments.record([said(0)], first)
    first.event.wait()
    disk.may.clear()
    told = [Told() for _ in range(101)]
    segments.record([said(1)], told[0])
    before = disk.calls
    while disk.calls == before:
        threading.Event().wait(0.001)
    for at in range(1, 101):
        segments.record([said(at + 1), said(at + 1, "2")], told[at])
    assert not any(one.event.wait(0.001) for one in told), "told before the sync returned"
    calls = disk.calls
    disk.may.set()
    for one in told:
        assert one.event.wait(LONGEST)
        assert one.error is None
    assert disk.calls == calls + 1, "a hundred requests, one sync"
    segments.close()
    assert values(tmp_path) == list(range(102))


def test_after_a_failed_sync_nothing_of_it_is_kept_and_a_new_segment_is_begun(tmp_path: Path) -> None:
    disk = Disk()
    segments = Segments(tmp_path / "segments", disk)
    for at, fails in enumerate((False, True, True, False)):
        disk.fails = fails
        told = Told()
        segments.record([said(at)], told)
        assert told.event.wait(LONGEST)
        assert (told.error is not None) is fails
    segments.close()
    assert values(tmp_path) == [0, 3]
    assert segments.kept == 2


def test_more_than_may_wait_is_refused(tmp_path: Path) -> None:
    disk = Disk()
    disk.may.clear()
    segments = Segments(tmp_path / "segments", disk)
    segments.record([said(0)], Told())
    while disk.calls == 0:
        threading.Event().wait(0.001)
    segments.record([said(1)] * MOST_WAITING, Told())
    with pytest.raises(Unavailable, match="faster than the disk"):
        segments.record([said(2)], Told())
    disk.may.set()
    segments.close()
    with pytest.raises(Unavailable):
        segments.record([said(3)], Told())


def test_more_bytes_than_may_wait_are_refused(tmp_path: Path) -> None:
    disk = Disk()
    disk.may.clear()
    segments = Segments(tmp_path / "segments", disk)
    segments.record([said(0)], Told())
    while disk.calls == 0:
        threading.Event().wait(0.001)
    large = said(1, "x" * (MOST_BYTES // 8))
    for _ in range(7):
        segments.record([large], Told())
    with pytest.raises(Unavailable, match="faster than the disk"):
        segments.record([large], Told())
    segments.record([said(2)], Told())
    disk.may.set()
    segments.close()
    assert segments.kept == 9


def test_a_segment_that_cannot_be_begun_leaves_no_file_and_new_folders_are_synced(tmp_path: Path) -> None:
    synced: list[str] = []
    fails = True

    def sync(handle: int) -> None:
        place = Path(f"/proc/self/fd/{handle}").readlink()
        synced.append(place.name)
        if fails and place.name == "segments":
            raise OSError(5, "Input/output error")

    segments = Segments(tmp_path / "outcomes" / "segments", sync)
    for at in range(2):
        told = Told()
        segments.record([said(at)], told)
        assert told.event.wait(LONGEST)
        assert (told.error is not None) is fails
        assert len(list((tmp_path / "outcomes" / "segments").iterdir())) == at
        fails = False
    segments.close()
    assert synced[:3] == [tmp_path.name, "outcomes", "segments"]


def test_a_torn_end_is_passed_over_and_the_rest_is_there(tmp_path: Path) -> None:
    segments = Segments(tmp_path / "segments")
    told = Told()
    segments.record([said(at) for at in range(5)], told)
    told.event.wait()
    segments.close()
    (path,) = (tmp_path / "segments").glob("*.log")
    whole = path.read_bytes()
    ends = [at + 1 for at, byte in enumerate(whole) if byte == ord("\n")]
    for size in range(0, len(whole) + 1, 7):
        path.write_bytes(whole[:size])
        assert values(tmp_path) == list(range(sum(end <= size for end in ends)))


def test_finished_segments_become_parquet_and_many_files_one(tmp_path: Path) -> None:
    history = History(tmp_path)
    for at in range(FILES + 1):
        segments = Segments(tmp_path / "segments")
        told = Told()
        segments.record([said(at)], told)
        told.event.wait()
        assert history.compact() == 0, "it may still grow"
        segments.close()
        assert history.compact() == 1
        assert values(tmp_path) == list(range(at + 1))
    assert len(list((tmp_path / "parquet").glob("*.parquet"))) == 1
    assert not list((tmp_path / "segments").glob("*.log"))


def test_a_compaction_that_is_killed_loses_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for at in range(3):
        segments = Segments(tmp_path / "segments")
        segments.record([said(at)], Told())
        segments.close()

    def killed(_path: Path, missing_ok: bool = False) -> None:  # noqa: FBT001, FBT002 - Path's own
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            History(tmp_path).compact()
    assert values(tmp_path) == [0, 1, 2]
    assert History(tmp_path).compact() == 3
    assert values(tmp_path) == [0, 1, 2]
