"""Start a process from a worker that answers meanwhile, and hear when it ends.

Not by asyncio, for uvloop forks: the tables of the worker's memory are copied while nobody is answered, which takes
milliseconds. Python's `subprocess` copies nothing (vfork).

Not in a session of its own either: Linux weighs sessions against each other as wholes (autogroups), and a worker that
wakes takes the processor at once only from a process of its own session whose class is the lowest; from another's, at
the end of a tick. Its own group is enough to leave Ctrl-C in a terminal to the worker, which ends it in order.
"""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Sequence


class Process:
    """A running process.

    Args:
        command: Program and arguments.
        plug: The descriptor that it inherits.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(self, command: Sequence[str], plug: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[int] = self._loop.create_future()
        self._inner = subprocess.Popen(  # noqa: S603 - our own module, in our own Python
            command,
            pass_fds=(plug,),
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            process_group=0,
        )
        threading.Thread(target=self._watch, name=f"end of {self.pid}", daemon=True).start()

    @property
    def pid(self) -> int:
        """Its id."""
        return self._inner.pid

    @property
    def running(self) -> bool:
        """Whether nobody has heard of its end."""
        return not self._ended.done()

    def kill(self) -> None:
        """End it by force; nothing happens when it has ended."""
        self._inner.kill()

    async def wait(self) -> int:
        """Wait until it has ended; return its exit code, or the negative number of the signal that ended it."""
        return await asyncio.shield(self._ended)

    def _watch(self) -> None:
        code = self._inner.wait()
        try:
            self._loop.call_soon_threadsafe(self._ended.set_result, code)
        except RuntimeError:
            return  # the loop is closed: nobody waits
