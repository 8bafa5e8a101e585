"""Tokens of all buckets in one memory-mapped file, which the workers of a machine share.

A slot is a bucket's name, its tokens and the time they were counted at, on the machine's monotonic clock (the same in
all processes). A file lock guards the few microseconds of a change; the kernel frees it when a worker dies. Where slots
run out, the one that was used longest ago goes: its bucket is likely full again, which is what absence means.
"""

import fcntl
import mmap
import os
import struct
import time
from pathlib import Path

from headgate.gateway.guard.bucket import Rate, grab, refill

SLOT = struct.Struct("16sdd")
SLOTS = 1 << 14
PROBES = 16
EMPTY = bytes(16)


class SharedTokens:
    """Keeps tokens in a file.

    Args:
        path: The file; made when it is not there.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.ftruncate(self._file, SLOTS * SLOT.size)
        self._slots = mmap.mmap(self._file, SLOTS * SLOT.size)

    def take(self, name: bytes, rate: Rate, wanted: float) -> tuple[float, float]:
        """Take tokens of a bucket; see Tokens."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            now = time.monotonic()
            at, tokens, counted = self._slot(name, now, rate)
            tokens = refill(tokens, now - counted, rate) if counted <= now else rate.burst  # else: before a restart
            got, wait = grab(tokens, rate, wanted)
            SLOT.pack_into(self._slots, at, name, tokens - got, now)
            return got, wait
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def _slot(self, name: bytes, now: float, rate: Rate) -> tuple[int, float, float]:
        """Return where the bucket lies, and what it holds; a new one is full."""
        first = int.from_bytes(name[:4], "big")
        oldest, age = 0, float("inf")
        for probe in range(PROBES):
            at = (first + probe) % SLOTS * SLOT.size
            found, tokens, counted = SLOT.unpack_from(self._slots, at)
            if found == name:
                return at, tokens, counted
            if found == EMPTY:
                return at, rate.burst, now
            if counted < age:
                oldest, age = at, counted
        return oldest, rate.burst, now

    def close(self) -> None:
        """Let go of the file."""
        self._slots.close()
        os.close(self._file)
