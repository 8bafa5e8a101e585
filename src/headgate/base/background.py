"""Let a process that works in the background take nothing from one that serves, and not be stopped by a terminal."""

import contextlib
import ctypes
import os
import signal
import sys

LOWEST = 19  # nice
SHARE = "--share"  # tells a program that makes itself small to take a small share of the processors in any case
PR_SET_PDEATHSIG = 1


def give_way(*, share: bool = False) -> None:
    """Take the lowest priority, for this process and all that it starts, and end with the thread that started it.

    Args:
        share: Whether to take a small share of the processors in any case; else only what nobody else of the session
            (in a container: of all) wants. Whoever serves then never waits for this process, which hardly moves where
            nothing is left over.
    """
    os.nice(LOWEST)
    if sys.platform == "linux":
        if not share:
            with contextlib.suppress(OSError):
                os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def gives_way() -> bool:
    """Say whether this process gets only what nobody else wants of the processors."""
    try:
        return os.sched_getscheduler(0) == os.SCHED_IDLE
    except (AttributeError, OSError):
        return False


def ignore_terminal() -> None:
    """Go on, with all that is started from now on, when a terminal would stop who writes to it or reads from it."""
    for number in (signal.SIGTTOU, signal.SIGTTIN):
        signal.signal(number, signal.SIG_IGN)
