"""A chore of whoever serves, done again and again in a process of its own, so that nothing that serves waits for it."""

import asyncio
import logging
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from headgate.base.background import SHARE
from headgate.gateway.process import Process

LOG = logging.getLogger("headgate.gateway")
AT_LEAST = 3600.0  # seconds: done this often even when nothing asks for it; what is too old goes then
BUSY = 6  # exit code: somebody else does it just now
LATE = 256  # no exit code: it was ended, for what nobody else wants of the processors was too little
LAST_LINES = 3


@dataclass(frozen=True, slots=True)
class Chore:
    """What is to be done.

    Attributes:
        name: For the log.
        command: Does it once, and ends; takes what nobody else wants of the processors, or with SHARE behind it a
            little in any case.
        due: Says whether there is something to do.
        seconds: Between the end of one and the start of the next; 0: it is never done.
        patience: Seconds after which one that takes only what nobody else wants is ended; the next one takes its share.
    """

    name: str
    command: Sequence[str]
    due: Callable[[], bool]
    seconds: float
    patience: float = 300.0


async def keep_doing(chore: Chore) -> None:
    """Do a chore for ever; when this is cancelled, what is being done is ended."""
    last, late = time.monotonic(), False
    while chore.seconds:
        await asyncio.sleep(chore.seconds)
        if chore.due() or time.monotonic() - last >= AT_LEAST:
            code = await do(chore, share=late)
            late = code == LATE or (late and code == BUSY)
            last = time.monotonic()


async def do(chore: Chore, *, share: bool = False) -> int:
    """Do a chore once; return its exit code, or LATE. A failure is said, and ends nothing: it is tried again."""
    command = (*chore.command, SHARE) if share else chore.command
    try:
        process = Process(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    except OSError as error:
        LOG.warning("%s: cannot start: %s", chore.name, error)
        return 1
    try:
        code = await asyncio.wait_for(process.wait(), None if share else chore.patience)
    except TimeoutError:
        LOG.warning("%s: not done in %g s at the lowest priority; the next takes a share", chore.name, chore.patience)
        code = LATE
    finally:
        if process.returncode is None:
            process.terminate()
    await process.wait()
    if code not in (0, BUSY, LATE):
        lines = process.said.decode(errors="replace").strip().splitlines()
        LOG.warning("%s: ended with %s: %s", chore.name, code, " | ".join(lines[-LAST_LINES:]))
    return code
