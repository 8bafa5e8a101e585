"""A writer process for tests: appends to one stream until it has recorded so many events, and prints what it did.

Usage: ``python -m headgate.testing.writer URL FOLDER STREAM COUNT``. Prints ``+ POSITION HASH`` once an append has
returned, ``!`` for each stale one, which it reads again and repeats.
"""

import sys
from pathlib import Path

from headgate.adapters.head.keeper import HeadKeeper
from headgate.adapters.sql.store import SqlEventStore
from headgate.base.clock import SystemClock
from headgate.base.errors import Conflict
from headgate.journal.event import NewEvent


def open_store(url: str, folder: Path) -> SqlEventStore:
    """Open the store with its head in the folder."""
    return SqlEventStore(url, SystemClock(), HeadKeeper(folder / "journal.head", folder / "journal.key"))


def write(store: SqlEventStore, stream: str, count: int) -> None:
    """Append `count` events, one by one, reading the stream's end again after every Conflict."""
    done, at = 0, 0
    while done < count:
        new = NewEvent("test.written", "process:writer", "", {"n": done, "fill": "x" * 300})
        try:
            event = store.append(stream, at, [new])[-1]
        except Conflict:
            say("!")
            at = max((event.sequence for event in store.read(stream)), default=0)
            continue
        say(f"+ {event.position} {event.hash}")
        done, at = done + 1, event.sequence


def say(line: str) -> None:
    """Print a line at once: the process may be killed right after."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    write(open_store(sys.argv[1], Path(sys.argv[2])), sys.argv[3], int(sys.argv[4]))
