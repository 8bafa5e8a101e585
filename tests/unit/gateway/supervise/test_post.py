"""A post whose worker cannot be started is tried again, and ends nothing else."""

import asyncio
import errno
import logging
import socket
from collections.abc import Sequence

import pytest

from headgate.gateway.supervise.child import Child
from headgate.gateway.supervise.post import Post


class Starts:
    """Fails so many times; then it starts a process that ends when its input does."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.given: list[Sequence[int]] = []
        self.went_well = asyncio.Event()
        self.failed = asyncio.Event()

    def __call__(self, plugs: Sequence[int], _link: int) -> Sequence[str]:
        self.given.append(plugs)
        if len(self.given) <= self.failures:
            self.failed.set()
            raise OSError(errno.EAGAIN, "no process can be made")
        self.went_well.set()
        return ("sleep", "60")


def post_of(command: Starts, *plugs: socket.socket) -> Post:
    def left(child: Child, *, restarted: bool) -> None:
        assert not restarted, child

    return Post(0, list(plugs), [], command, lambda *_: None, left)


def test_a_start_that_fails_is_said_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    async def keep() -> int:
        command = Starts(1)
        post = post_of(command)
        keeping = asyncio.ensure_future(post.keep())
        await command.went_well.wait()
        while post.child is None:  # noqa: ASYNC110 - the process is being made; nothing else says when it is
            await asyncio.sleep(0)
        code = await post.end(30.0)
        await keeping
        return code

    with caplog.at_level(logging.ERROR):
        assert asyncio.run(keep()) == 0
    assert "post 0: a worker cannot be started: [Errno 11] no process can be made; again in 0 s" in caplog.text


def test_a_replacement_that_cannot_be_started_leaves_the_old_one() -> None:
    async def replace() -> bool:
        return await post_of(Starts(1)).replace(1.0, 1.0)

    assert asyncio.run(replace()) is False


def test_an_end_while_a_worker_is_being_started_ends_that_one_too() -> None:
    async def end() -> None:
        command = Starts(0)
        post = post_of(command)
        keeping = asyncio.ensure_future(post.keep())
        await command.went_well.wait()
        assert post.child is None
        await post.end(30.0)
        await keeping

    asyncio.run(end())
