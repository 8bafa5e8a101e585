"""Say whether a shadow's process hangs, which is not the same as having no processor; reads what Linux counts."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True)
class Waits:
    """How long a process has waited for a processor, also by children that have ended since."""

    seconds: float = 0.0
    _read: float = 0.0

    def add(self, read: float) -> float:
        """Take in what is read now of those that there are; return the seconds in all."""
        self.seconds += max(0.0, read - self._read)
        self._read = read
        return self.seconds


def hangs(waited: float, starved: float, patience: float) -> bool:
    """Say whether a process hangs: it has had the time that it may take, not counting when it had no processor.

    What is busy for ever has one only now and then on a full machine: ten times the patience is enough in any case.
    """
    return waited - starved > patience or waited > 10 * patience


def starved(pid: int, proc: Path = Path("/proc")) -> float:
    """Return the seconds for which a process, or one that it waits for, was ready to run and had no processor.

    It is 0 where nobody counts them.

    Args:
        pid: Of the process; its children count with it.
        proc: Where the system says how processes stand.
    """
    place = proc / str(pid)
    try:
        own = int((place / "schedstat").read_text().split()[1]) / 1e9
        children = [child for task in (place / "task").iterdir() for child in (task / "children").read_text().split()]
    except (OSError, IndexError, ValueError):
        return 0.0
    return own + sum(starved(int(child), proc) for child in children)
