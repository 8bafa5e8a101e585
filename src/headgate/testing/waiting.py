"""Wait for what other processes do: no test says how fast they must be, and none waits for ever."""

import threading
import time
from collections.abc import Callable

LONGEST = 300.0  # seconds: so many that a machine which is busy with much else gets there, too
LOOK = 0.02


def wait_for(true: Callable[[], object], what: str, told: Callable[[], str] = str) -> None:
    """Wait until something is so.

    Args:
        true: Says whether it is; asked again and again.
        what: It is, in words that follow "until".
        told: Says what is shown beside when it never was, such as a log.

    Raises:
        AssertionError: It was not so for as long as anything may take.
    """
    end = time.monotonic() + LONGEST
    while not true():
        assert time.monotonic() < end, f"waited in vain until {what} {told()}"
        threading.Event().wait(LOOK)
