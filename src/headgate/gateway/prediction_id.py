"""Prediction ids, made by the batch: UUIDv7 from one time and one draw of random bytes.

Within a millisecond the random part counts up (RFC 9562, section 6.2, method 2): all ids of it but for their last
digits are mostly the same, and those come from a list.
"""

from collections.abc import Callable

POOL = 4096
ENTROPY = 10  # random bytes that a millisecond takes
_COUNTER_BITS = 47  # one less than the last group has: a batch cannot count over its end
_LAST = tuple(b"%03x" % number for number in range(1 << 12))  # the last digits, as they are counted


class PredictionIds:
    """Gives ids, those of one batch rising, and mostly those of one millisecond. For one thread.

    Args:
        milliseconds: Reads the clock: milliseconds since 1970, UTC.
        entropy: Returns that many fresh random bytes.

    Attributes:
        at: The time of the ids that were given last, in milliseconds.
    """

    def __init__(self, milliseconds: Callable[[], int], entropy: Callable[[int], bytes]) -> None:
        self._milliseconds = milliseconds
        self._entropy = entropy
        self.at = -1
        self._start = b""  # of the ids of that millisecond: all but their last digits
        self._next = len(_LAST)

    def __call__(self, count: int) -> list[bytes]:
        """Return so many ids."""
        now, first = self._milliseconds(), self._next
        if now != self.at or first + count > len(_LAST):
            return self._anew(now, count)
        self._next, start = first + count, self._start
        return [start + digits for digits in _LAST[first : first + count]]

    def _anew(self, now: int, count: int) -> list[bytes]:
        self.at, time = now, now & 0xFFFFFFFFFFFF
        random = int.from_bytes(self._entropy(ENTROPY), "big")
        first, random = random & ((1 << _COUNTER_BITS) - 1), random >> _COUNTER_BITS
        start = b"%08x-%04x-7%03x-%04x-" % (time >> 16, time & 0xFFFF, random & 0xFFF, 0x8000 | (random >> 12) & 0x3FFF)
        self._start, self._next = start + b"%09x" % (first >> 12), (first & 0xFFF) + count
        return [b"%b%012x" % (start, number) for number in range(first, first + count)]


class Entropy:
    """Random bytes, drawn many at a time: each draw is a system call. For one thread.

    Args:
        draw: Returns that many random bytes.
    """

    def __init__(self, draw: Callable[[int], bytes]) -> None:
        self._draw = draw
        self._pool = b""
        self._at = 0

    def __call__(self, count: int) -> bytes:
        """Return so many bytes, none of them twice."""
        end = self._at + count
        if end > len(self._pool):
            self._pool, self._at, end = self._draw(max(POOL, count)), 0, count
        start, self._at = self._at, end
        return self._pool[start:end]
