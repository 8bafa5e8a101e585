"""Start a process from one that serves meanwhile, and hear when it ends.

Not by asyncio, for uvloop forks: the tables of the worker's memory are copied while nobody is answered, which takes
milliseconds. Python's `subprocess` copies nothing (vfork).

Not in a session of its own either: Linux weighs sessions against each other as wholes (autogroups), and a worker that
wakes takes the processor at once only from a process of its own session whose class is the lowest; from another's, at
the end of a tick. Its own group is enough to leave Ctrl-C in a terminal to whoever started it, which ends it in order.
"""

import asyncio
import errno
import subprocess
import threading
from collections.abc import Sequence
from typing import TextIO


class Process:
    """A running process; whoever starts it is the thread of a loop that outlives it, for it may end with that thread.

    Args:
        command: Program and arguments.
        plugs: Descriptors that it inherits.
        stdout: Where it writes; None: where we do.
        stderr: Where it complains; a pipe is read until it ends.

    Attributes:
        said: What came out of the pipe, once it has ended.
        returncode: Its exit code, or the negative number of the signal that ended it; None: it runs.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        plugs: Sequence[int] = (),
        stdout: int | TextIO | None = None,
        stderr: int | None = None,
    ) -> None:
        self.said = b""
        self.returncode: int | None = None
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._inner = subprocess.Popen(  # noqa: S603 - our own modules, in our own Python
            command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, pass_fds=plugs, process_group=0
        )
        try:
            threading.Thread(target=self._watch, name=f"end of {self.pid}", daemon=True).start()
        except RuntimeError as error:  # as many threads run as may
            self._inner.kill()
            self._inner.communicate()
            raise OSError(errno.EAGAIN, str(error)) from error

    @property
    def pid(self) -> int:
        """Its id."""
        return self._inner.pid

    def terminate(self) -> None:
        """Ask it to end; nothing happens when it has ended."""
        self._inner.terminate()

    def kill(self) -> None:
        """End it by force; nothing happens when it has ended."""
        self._inner.kill()

    async def wait(self) -> int:
        """Wait until it has ended; return its exit code."""
        await self._ended.wait()
        if self.returncode is None:
            raise RuntimeError("a process ended without an exit code")
        return self.returncode

    def _watch(self) -> None:
        _, said = self._inner.communicate()
        try:
            self._loop.call_soon_threadsafe(self._end, self._inner.returncode, said or b"")
        except RuntimeError:
            return  # the loop is closed: nobody waits

    def _end(self, code: int, said: bytes) -> None:
        self.returncode, self.said = code, said
        self._ended.set()
