"""One process of a part: started in a group of its own, its lines read, ended with all that it started."""

import asyncio
import contextlib
import http.client
import os
import signal
import ssl
from collections.abc import Callable
from urllib.parse import urlsplit

from headgate.running.part import Part

MOST_LINE = 1 << 20
PROBE_SECONDS = 2.0
LEFT_SECONDS, LOOKS = 3.0, 60  # that the rest of a group has to end once its first process has
OK = 200


class Process:
    """A running process.

    Args:
        inner: asyncio's.
        born: When it started, by the loop's clock.
        heard: Called with each line.
    """

    def __init__(self, inner: asyncio.subprocess.Process, born: float, heard: Callable[[bytes], None]) -> None:
        self.inner = inner
        self.born = born
        self._reading = asyncio.get_running_loop().create_task(self._read(heard))

    @property
    def pid(self) -> int:
        """Its id, which is its group's as well."""
        return self.inner.pid

    async def wait(self) -> int:
        """Wait until it has ended and nothing of its group is left; return its exit code."""
        code = await self.inner.wait()
        self.signal(signal.SIGTERM)  # what it started and left behind holds its port
        for _ in range(LOOKS):
            if not self.signal(0):
                break
            await asyncio.sleep(LEFT_SECONDS / LOOKS)
        self.signal(signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._reading, 1)
        return code

    async def end(self, seconds: float) -> bool:
        """Tell its group to end; after so many seconds it is killed. Say whether it ended by itself."""
        self.signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(asyncio.shield(self.inner.wait()), seconds)
        except TimeoutError:
            self.signal(signal.SIGKILL)
            await self.inner.wait()
            return False
        return True

    def signal(self, number: int) -> bool:
        """Send a signal to its group; say whether there is one."""
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    async def _read(self, heard: Callable[[bytes], None]) -> None:
        stream = self.inner.stdout
        while stream is not None:
            try:
                line = await stream.readline()
            except ValueError:  # longer than a line may be: what was read of it is gone
                continue
            if not line:
                return
            heard(line)


async def start(part: Part, heard: Callable[[bytes], None]) -> Process:
    """Start a part; what it prints goes to heard, line by line. Raises OSError."""
    inner = await asyncio.create_subprocess_exec(
        *part.command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        limit=MOST_LINE,
        start_new_session=True,  # Ctrl-C reaches the supervisor alone, which then ends the parts in order
    )
    return Process(inner, asyncio.get_running_loop().time(), heard)


def answers(url: str) -> bool:
    """Say whether a page is there; of this machine's own, whose certificate is for other names."""
    parts = urlsplit(url)
    where = (parts.hostname or "", parts.port)
    connection = (
        http.client.HTTPSConnection(*where, timeout=PROBE_SECONDS, context=ssl._create_unverified_context())  # noqa: S323, SLF001
        if parts.scheme == "https"
        else http.client.HTTPConnection(*where, timeout=PROBE_SECONDS)
    )
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
