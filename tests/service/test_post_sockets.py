"""A post that closed its sockets while it waited opens them again, on the same port, for the next worker."""

import asyncio
import os
import socket
from collections.abc import Sequence

from headgate.gateway.supervise.child import Child
from headgate.gateway.supervise.post import Post


def test_the_next_worker_gets_a_socket_on_the_same_port() -> None:
    plug = socket.create_server(("127.0.0.1", 0), reuse_port=True)
    port = plug.getsockname()[1]

    async def keep() -> int:
        given: asyncio.Queue[int] = asyncio.Queue()

        def command(plugs: Sequence[int], _link: int) -> Sequence[str]:
            given.put_nowait(os.dup(plugs[0]))
            return ("sleep", "60")

        def left(child: Child, *, restarted: bool) -> None:
            assert not restarted, child

        post = Post(0, [plug], [], command, lambda *_: None, left)
        plug.close()
        keeping = asyncio.ensure_future(post.keep())
        with socket.socket(fileno=await given.get()) as opened:
            found: int = opened.getsockname()[1]
        await post.end(30.0)
        await keeping
        return found

    assert asyncio.run(keep()) == port
