"""The warden is there before any part is, and is replaced as often as it takes."""

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest

from headgate.base.errors import Unavailable
from headgate.running.guardian import Guardian


class Pipe:
    def __init__(self) -> None:
        self.said: list[bytes] = []
        self.closed = False

    def write(self, line: bytes) -> None:
        self.said.append(line)

    def close(self) -> None:
        self.closed = True


class Wardens:
    """Starts wardens that end when they are told to; refuses as often as it is told to."""

    def __init__(self, refuses: int = 0) -> None:
        self.refuses, self.again = refuses, asyncio.Event()
        self.pipes: list[Pipe] = []
        self.ends: list[asyncio.Event] = []

    async def launch(self) -> asyncio.subprocess.Process:
        if self.refuses:
            self.refuses -= 1
            raise BlockingIOError(11, "Resource temporarily unavailable")
        pipe, end = Pipe(), asyncio.Event()
        self.pipes.append(pipe)
        self.ends.append(end)
        if len(self.pipes) == 2:
            self.again.set()
        return cast("asyncio.subprocess.Process", SimpleNamespace(stdin=pipe, wait=end.wait))


def test_a_machine_that_starts_no_process_is_said_and_not_waited_for() -> None:
    with pytest.raises(Unavailable, match="no process can be started: Resource temporarily unavailable"):
        asyncio.run(Guardian(Wardens(refuses=1).launch, 0.0).start())


def test_a_warden_that_dies_is_replaced_as_often_as_it_takes_and_told_of_every_group() -> None:
    async def play() -> list[list[bytes]]:
        wardens = Wardens()
        guardian = Guardian(wardens.launch, 0.0)
        await guardian.start()
        guardian.add(7)
        guardian.add(8)
        guardian.drop(7)
        wardens.refuses = 2
        wardens.ends[0].set()
        await wardens.again.wait()
        wardens.ends[1].set()
        await guardian.close()
        assert wardens.pipes[1].closed
        return [pipe.said for pipe in wardens.pipes]

    assert asyncio.run(play()) == [[b"+7\n", b"+8\n", b"-7\n"], [b"+8\n"]]
