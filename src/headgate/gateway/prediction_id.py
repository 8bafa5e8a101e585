"""Prediction ids, made by the batch: UUIDv7 from one time and one draw of random bytes.

Within a batch the random part counts up (RFC 9562, section 6.2, method 2): all ids of it but for their last digits are
mostly the same, and those come from a list.
"""

from collections.abc import Callable

POOL = 4096
ENTROPY = 10  # random bytes that one batch takes
_COUNTER_BITS = 47  # one less than the last group has: a batch cannot count over its end
_LAST = tuple(b"%03x" % number for number in range(1 << 12))  # the last digits, as they are counted


def prediction_ids(milliseconds: int, entropy: bytes, count: int) -> list[bytes]:
    """Return ids of the same millisecond, rising.

    Args:
        milliseconds: Since 1970, UTC.
        entropy: Fresh random bytes, ENTROPY of them.
        count: How many ids.
    """
    time = milliseconds & 0xFFFFFFFFFFFF
    random = int.from_bytes(entropy, "big")
    first, random = random & ((1 << _COUNTER_BITS) - 1), random >> _COUNTER_BITS
    start = b"%08x-%04x-7%03x-%04x-" % (time >> 16, time & 0xFFFF, random & 0xFFF, 0x8000 | (random >> 12) & 0x3FFF)
    last = first & 0xFFF
    if last + count <= len(_LAST):
        start += b"%09x" % (first >> 12)
        return [start + digits for digits in _LAST[last : last + count]]
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
