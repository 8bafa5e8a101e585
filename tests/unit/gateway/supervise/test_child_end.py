"""A worker that is told to end before it can answer has done nothing wrong."""

import asyncio
import signal
from typing import Any

import pytest

from headgate.gateway.supervise.child import Child


class Process:
    """A process that ends with a code once it is told to."""

    pid = 1

    def __init__(self, code: int) -> None:
        self.code = code
        self.returncode: int | None = None

    def terminate(self) -> None:
        self.returncode = self.code

    async def wait(self) -> int:
        assert self.returncode is not None
        return self.returncode


@pytest.mark.parametrize(
    ("ready", "code", "told"),
    [
        (False, -signal.SIGTERM, 0),  # it had not yet said what the signal should do
        (True, -signal.SIGTERM, -signal.SIGTERM),  # it should have drained
        (True, 0, 0),
        (False, 1, 1),
        (False, -signal.SIGKILL, -signal.SIGKILL),
    ],
)
def test_only_an_end_by_the_signal_before_it_was_ready_is_as_good_as_none(*, ready: bool, code: int, told: int) -> None:
    async def end() -> int:
        process: Any = Process(code)
        link: Any = None
        child = Child(process, 0.0, link)
        if ready:
            child.ready.set()
        return await child.end(1.0)

    assert asyncio.run(end()) == told


def test_a_worker_that_ended_by_itself_keeps_its_code() -> None:
    async def end() -> int:
        process: Any = Process(0)
        process.returncode = -signal.SIGTERM
        link: Any = None
        return await Child(process, 0.0, link).end(1.0)

    assert asyncio.run(end()) == -signal.SIGTERM
