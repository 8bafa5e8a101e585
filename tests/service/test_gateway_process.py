"""A process beside one that serves, real: inherits sockets, is of the same session, and its end is heard."""

import asyncio
import os
import socket
import subprocess
import sys

import pytest

from headgate.gateway.process import Process

SPEAKS = """
import os, socket, sys
plug = socket.socket(fileno=int(sys.argv[1]))
plug.sendall(f"{os.getsid(0)} {os.getpgid(0)} {os.getpid()}".encode())
plug.recv(1)
sys.exit(7)
"""


def test_it_inherits_one_socket_is_of_our_session_and_of_a_group_of_its_own() -> None:
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

    (session, group, said), pid, code = asyncio.run(live())
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
