"""Let a process that works beside one that serves take nothing from it."""

import contextlib
import ctypes
import os
import signal
import sys

LOWEST = 19  # nice
PR_SET_PDEATHSIG = 1


def give_way(*, share: bool = False) -> None:
    """Take the lowest priority, for this process and all that it starts, and end with whoever started it.

    Args:
        share: Whether to take a small share of the processors in any case; else only what nobody else wants: whoever
            serves then never waits for this process, but where nothing is left over, this process waits for ever.
    """
    os.nice(LOWEST)
    if sys.platform == "linux":
        if not share:
            with contextlib.suppress(OSError):
                os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
