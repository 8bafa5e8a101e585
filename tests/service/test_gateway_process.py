"""A process beside one that serves, real: inherits sockets, is of the same session, and its end is heard."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from headgate.gateway.process import Process

Run = Callable[[Coroutine[Any, Any, Any]], Any]
SPEAKS = """
import os, socket, sys
plug = socket.socket(fileno=int(sys.argv[1]))
plug.sendall(f"{os.getsid(0)} {os.getpgid(0)} {os.getpid()}".encode())
plug.recv(1)
sys.exit(7)
"""


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_it_inherits_one_socket_is_of_our_session_and_of_a_group_of_its_own(run: Run) -> None:
    async def live() -> tuple[list[int], int, int]:
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                process = Process([sys.executable, "-c", SPEAKS, str(theirs.fileno())], [theirs.fileno()])
            assert process.returncode is None
            ours.settimeout(0)
            loop = asyncio.get_running_loop()
            said = [int(word) for word in (await loop.sock_recv(ours, 100)).split()]
            await loop.sock_sendall(ours, b"x")
            code = await process.wait()
            assert process.returncode == code
            process.kill()  # nothing happens
            return said, process.pid, code

    (session, group, said), pid, code = run(live())
    assert (session, group, said, code) == (os.getsid(0), pid, pid, 7)


def test_who_waits_for_one_that_is_killed_hears_the_signal_and_a_wait_that_was_given_up_does_no_harm() -> None:
    async def live() -> int:
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                process = Process([sys.executable, "-c", SPEAKS, str(theirs.fileno())], [theirs.fileno()])
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(process.wait(), 0.01)
            assert process.returncode is None
            process.kill()
            return await process.wait()

    assert asyncio.run(live()) == -9


def test_what_cannot_be_started_is_said() -> None:
    async def live() -> None:
        Process(["/nowhere/to/be/found"])

    with pytest.raises(FileNotFoundError):
        asyncio.run(live())


def test_what_it_writes_into_a_pipe_is_there_once_it_has_ended() -> None:
    async def live() -> tuple[int, bytes]:
        process = Process([sys.executable, "-c", "import sys; sys.exit('no' * 100_000)"], stderr=subprocess.PIPE)
        return await process.wait(), process.said

    code, said = asyncio.run(live())
    assert (code, said.strip()) == (1, b"no" * 100_000)


def test_one_whose_end_nobody_could_hear_is_ended_and_was_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def begin(*words: Any, **named: Any) -> "subprocess.Popen[bytes]":
        begun.append(real(*words, **named))
        return begun[-1]

    def full(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def live() -> None:
        Process([sys.executable, "-c", "import time; time.sleep(3600)"])

    monkeypatch.setattr(subprocess, "Popen", begin)
    monkeypatch.setattr(threading.Thread, "start", full)
    with pytest.raises(OSError, match="can't start new thread"):
        asyncio.run(live())
    assert [process.returncode for process in begun] == [-9]


def test_an_end_after_the_loop_is_heard_by_nobody_and_harms_nothing() -> None:
    async def live() -> Process:
        return Process([sys.executable, "-c", "import sys; sys.stdin.read()"])

    process = asyncio.run(live())
    process.kill()
    for thread in threading.enumerate():
        if thread.name == f"end of {process.pid}":
            thread.join()
    assert process.returncode is None
