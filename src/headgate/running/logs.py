"""The parts' logs: bounded files, and what of them is worth a line on the terminal."""

import re
from collections import deque
from pathlib import Path
from typing import BinaryIO

MOST_BYTES = 5_000_000
KEEP = 3
LOUD = re.compile(r"\b(ERROR|CRITICAL|FATAL)\b|^Traceback |^headgate: |^[\w.]*(Error|Exception): ")
SPAN, MOST_LINES = 10.0, 20


def loud(line: str) -> bool:
    """Say whether a line of a log should reach a person at once."""
    return LOUD.search(line) is not None


class Echo:
    """Lets so many lines in a span through, and says once that there are more."""

    def __init__(self, most: int = MOST_LINES, span: float = SPAN) -> None:
        self._most = most
        self._span = span
        self._times: deque[float] = deque()
        self._muted = False

    def lets(self, now: float) -> bool | None:
        """Return whether a line may be shown; None: no more for now, and this is the first that is not."""
        while self._times and now - self._times[0] >= self._span:
            self._times.popleft()
        if len(self._times) < self._most:
            self._times.append(now)
            self._muted = False
            return True
        first, self._muted = not self._muted, True
        return None if first else False


class RotatingLog:
    """A file that is moved aside when it is full: `name.log`, `name.log.1`, ... the oldest goes.

    Args:
        path: The file.
        most: Bytes of one.
        keep: How many are kept aside.
    """

    def __init__(self, path: Path, most: int = MOST_BYTES, keep: int = KEEP) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._most = most
        self._keep = keep
        self._file: BinaryIO = path.open("ab")
        self._bytes = path.stat().st_size

    def write(self, data: bytes) -> None:
        """Append a line. Raises OSError; the next line is tried anew."""
        if self._file.closed or (self._bytes and self._bytes + len(data) > self._most):
            self._turn()
        self._file.write(data)
        self._file.flush()
        self._bytes += len(data)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _turn(self) -> None:
        """Move the full file aside; one that somebody else moved, or its folder, is made again."""
        self._file.close()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        for number in reversed(range(self._keep)):
            if self._aside(number).exists():
                self._aside(number).replace(self._aside(number + 1))
        self._file, self._bytes = self._path.open("ab"), 0

    def _aside(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path
