"""Numbers as a person reads them in a why."""


def number(value: float, beside: float | None = None) -> str:
    """Return a number with four significant digits, or with more when it would look equal to the one it is beside."""
    for digits in range(4, 17):
        text = _short(value, digits)
        if beside is None or value == beside or text != _short(beside, digits):
            return text
    return repr(value)


def signed(value: float) -> str:
    """Return a difference with its sign and three significant digits."""
    return f"{'-' if value < 0 else '+'}{_short(abs(value), 3)}"


def rows(count: int) -> str:
    """Return ``1 row`` or ``9,412 rows``."""
    return f"{count:,} row{'' if count == 1 else 's'}"


def bounds(value: float, at_least: float | None, at_most: float | None) -> tuple[bool, str]:
    """Say whether a value lies within its bounds, and what they are; a value that is not a number does not."""
    kept = value == value  # noqa: PLR0124 - NaN differs from itself
    text: list[str] = []
    if at_least is not None:
        kept, text = kept and value >= at_least, [*text, f"at least {at_least:g}"]
    if at_most is not None:
        kept, text = kept and value <= at_most, [*text, f"at most {at_most:g}"]
    return kept, " and ".join(text)


def nearest(value: float, at_least: float | None, at_most: float | None) -> float | None:
    """Return the bound that lies nearest to the value, or None without bounds."""
    given = [bound for bound in (at_least, at_most) if bound is not None]
    return min(given, key=lambda bound: abs(bound - value)) if given else None


def _short(value: float, digits: int) -> str:
    whole = abs(value) >= 10.0**digits
    return f"{value:,.0f}" if whole else f"{value:,.{digits}g}"
