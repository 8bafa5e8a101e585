"""Prediction ids, made by the batch: UUIDv7 from one time and one draw of random bytes.

Within a batch the random part counts up (RFC 9562, section 6.2, method 2), which costs one formatted number an id.
"""

ENTROPY = 10  # random bytes that one batch takes
_COUNTER_BITS = 47  # one less than the last group has: a batch cannot count over its end


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
    return [b"%b%012x" % (start, number) for number in range(first, first + count)]
