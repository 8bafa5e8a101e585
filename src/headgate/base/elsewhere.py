"""Processor time that a call spent in another process, reported on the thread that waited for it.

A runtime whose model lives elsewhere says what that took; whoever measures the call adds it to the thread's own time.
"""

import time
from threading import local

_HERE = local()


def spend(seconds: float) -> None:
    """Note processor time that a call of this thread took elsewhere."""
    _HERE.seconds = spent() + seconds


def thread_time() -> float:
    """Return the processor time of this thread, with what its calls took elsewhere, in seconds."""
    return time.thread_time() + spent()


def process_time() -> float:
    """Return the processor time of this process, with what calls of this thread took elsewhere, in seconds."""
    return time.process_time() + spent()


def spent() -> float:
    """Return what calls of this thread took elsewhere so far, in seconds."""
    found: float = getattr(_HERE, "seconds", 0.0)
    return found
