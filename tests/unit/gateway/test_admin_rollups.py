"""The admin port writes each row of the rollups once, whatever goes wrong; where keys are asked for, it asks too."""

import asyncio
from collections.abc import Iterator, Sequence
from threading import Event

from headgate.base.errors import Unavailable
from headgate.gateway.admin import Admin, Desk
from headgate.gateway.metrics.board import Board
from headgate.gateway.metrics.meter import Meter
from headgate.predictions.rollup import Row

LONGEST = 30.0


class Disk:
    """Keeps rows; may be held in the middle of a write, or fail."""

    def __init__(self) -> None:
        self.kept: list[Row] = []
        self.began, self.again, self.go_on = Event(), Event(), Event()
        self.fails: list[Exception] = []

    def add(self, rows: Sequence[Row]) -> None:
        (self.again if self.began.is_set() else self.began).set()
        assert self.go_on.wait(LONGEST)
        if self.fails:
            raise self.fails.pop()
        self.kept.extend(rows)

    def read(self, model: str, since: int, until: int) -> Iterator[Row]:
        return (row for row in self.kept if row.key.model == model and since <= row.key.second < until)


def tell(board: Board, second: float) -> None:
    meter = Meter(0.0)
    meter.tally("m", "1", "champion").done(second, 0.01, 1, failed=False, units=None)
    board.add(1, meter.take(second + 1, dict))


def test_an_end_in_the_middle_of_a_write_keeps_every_row_once() -> None:
    disk, board = Disk(), Board()

    async def end() -> None:
        admin = Admin(Desk("127.0.0.1", 0, disk, lambda: 1000.0), board, dict)
        tell(board, 100.0)
        keeping = asyncio.ensure_future(admin.keep())
        await asyncio.to_thread(disk.began.wait, LONGEST)
        keeping.cancel()
        tell(board, 999.0)
        closing = asyncio.ensure_future(admin.close())
        await asyncio.to_thread(disk.again.wait, 0.1)  # a second write beside the first would begin now
        disk.go_on.set()
        await closing

    asyncio.run(end())
    assert [row.key.second for row in disk.kept] == [100, 999]


def test_rows_that_could_not_be_written_wait_for_the_next_time() -> None:
    disk, board = Disk(), Board()
    disk.go_on.set()
    disk.fails = [ValueError("anything"), Unavailable("the disk is full")]

    async def keep() -> None:
        now = 0.0
        admin = Admin(Desk("127.0.0.1", 0, disk, lambda: now), board, dict)
        for second in (100.0, 200.0, 300.0):
            tell(board, second)
            now = second + 99
            await admin.keep()

    asyncio.run(keep())
    assert [row.key.second for row in disk.kept] == [100, 200, 300]
