"""Outlives the supervisor, to end what it leaves behind: a process of its own, told of each part on its stdin.

`+123` is a process group that started, `-123` one that ended. When stdin closes, however the supervisor died, every
group that is left gets SIGTERM, and what does not end in time SIGKILL. It is run as a file by the bare interpreter, so
it imports nothing but the standard library.
"""

import os
import signal
import sys
import time

GRACE, LOOK = 20.0, 0.05


def main(grace: float) -> None:
    """Follow stdin until it closes, then end what is left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # only the end of the supervisor ends it
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        (groups.add if line[0] == "+" else groups.discard)(group)
    _tell(groups, signal.SIGTERM)
    end = time.monotonic() + grace
    while groups and time.monotonic() < end:
        groups = {group for group in groups if _tell({group}, 0)}
        time.sleep(LOOK)  # noqa: TID251 - it has no event loop, and nothing to wait on
    _tell(groups, signal.SIGKILL)


def _tell(groups: set[int], number: int) -> bool:
    """Send a signal; say whether anybody got it."""
    found = False
    for group in groups:
        try:
            os.killpg(group, number)
        except (ProcessLookupError, PermissionError):
            continue
        found = True
    return found


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else GRACE)
