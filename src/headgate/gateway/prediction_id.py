"""Prediction ids, made by the batch: UUIDv7 (RFC 9562) from one time and one draw of random bytes."""

ENTROPY = 10  # random bytes that one id takes
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def prediction_ids(milliseconds: int, entropy: bytes) -> list[bytes]:
    """Return one id per ten bytes of entropy, all of the same millisecond.

    Args:
        milliseconds: Since 1970, UTC.
        entropy: Fresh random bytes, ENTROPY of them per id.
    """
    time = f"{milliseconds & 0xFFFFFFFFFFFF:012x}"
    start, digits = f"{time[:8]}-{time[8:]}-7", entropy.hex()
    return [
        f"{start}{digits[i : i + 3]}-{_VARIANT[digits[i + 3]]}{digits[i + 4 : i + 7]}-{digits[i + 7 : i + 19]}".encode()
        for i in range(0, len(digits), 2 * ENTROPY)
    ]
