"""A chore of whoever serves, done again and again in a process of its own, so that nothing that serves waits for it."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

LOG = logging.getLogger("headgate.gateway")
AT_LEAST = 3600.0  # seconds: done this often even when nothing asks for it; what is too old goes then
BUSY = 6  # exit code: somebody else does it just now
LAST_LINES = 3


@dataclass(frozen=True, slots=True)
class Chore:
    """What is to be done.

    Attributes:
        name: For the log.
        command: Does it once, and ends; makes itself small.
        due: Says whether there is something to do.
        seconds: Between the end of one and the start of the next; 0: it is never done.
    """

    name: str
    command: Sequence[str]
    due: Callable[[], bool]
    seconds: float


async def keep_doing(chore: Chore) -> None:
    """Do a chore for ever; when this is cancelled, what is being done is ended."""
    last = time.monotonic()
    while chore.seconds:
        await asyncio.sleep(chore.seconds)
        if chore.due() or time.monotonic() - last >= AT_LEAST:
            await do(chore)
            last = time.monotonic()


async def do(chore: Chore) -> int:
    """Do a chore once; return its exit code. A failure is said, and ends nothing: it is tried again."""
    quiet = asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *chore.command, stdin=quiet, stdout=quiet, stderr=asyncio.subprocess.PIPE, start_new_session=True
        )
    except OSError as error:
        LOG.warning("%s: cannot start: %s", chore.name, error)
        return 1
    try:
        _, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
    if process.returncode not in (0, BUSY):
        lines = said.decode(errors="replace").strip().splitlines()
        LOG.warning("%s: ended with %s: %s", chore.name, process.returncode, " | ".join(lines[-LAST_LINES:]))
    return process.returncode or 0
