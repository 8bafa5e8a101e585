"""What a server costs: processor time and memory of a process and all that it started, from /proc."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
PARENT, USER, SYSTEM = 1, 11, 12  # fields of /proc/PID/stat behind the name


def family(pid: int) -> list[int]:
    """Return a process and its descendants."""
    parents = {one: int(fields[PARENT]) for one in _all() if (fields := _stat(one))}
    found = [pid]
    for one in found:  # grows while it is read: children, then theirs
        found += [child for child, parent in parents.items() if parent == one]
    return found


def cpu_seconds(pid: int) -> float:
    """Return the user and system time of a process and its descendants."""
    stats = filter(None, map(_stat, family(pid)))
    return sum(int(fields[USER]) + int(fields[SYSTEM]) for fields in stats) * TICK_SECONDS


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process and its descendants; what they share counts for each."""
    status = [_read(Path(f"/proc/{one}/status")) for one in family(pid)]
    return sum(int(kb) for text in status for kb in re.findall(r"VmRSS:\s+(\d+) kB", text)) / 1024


def _all() -> Iterator[int]:
    return (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())


def _stat(pid: int) -> list[str]:
    return _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()


def _read(path: Path) -> str:
    """Return a file's text; nothing when its process has ended meanwhile."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
