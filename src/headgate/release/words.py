"""The numbers of guards as people read them: values, differences, intervals, and a table of plain text. Pure."""

from collections.abc import Sequence

from headgate.gate.numbers import number
from headgate.release.evidence import CHALLENGER, Reading

HEAD = ("guard", "champion", "challenger", "estimate", "interval", "verdict")
GAP = "  "


def value(found: float | None, reading: Reading) -> str:
    """Return what a guard saw of one side: a share in per cent, or a number in its unit."""
    if found is None:
        return "-"
    return f"{number(found)} {reading.unit}" if reading.unit else f"{found * 100:.3g} %"


def estimate(reading: Reading) -> str:
    """Return the difference or ratio that the guard is about."""
    return "-" if reading.estimate is None else f"{reading.estimate:.3g}"


def interval(reading: Reading) -> str:
    """Return the interval of the estimate; one that is open says so."""
    low, high = reading.lower, reading.upper
    if low is None and high is None:
        return "-"
    if low is None:
        return f"up to {high:.3g}"
    return f"{low:.3g} or more" if high is None else f"{low:.3g} to {high:.3g}"


def name(reading: Reading) -> str:
    """Return which guard it is: of which arm where it is not the one challenger, and whether it only advises."""
    arm = "" if reading.arm == CHALLENGER else f"{reading.arm}: "
    return f"{arm}{reading.guard}{'' if reading.required else ' (advisory)'}"


def cells(reading: Reading) -> tuple[str, ...]:
    """Return a line of the comparison, as HEAD has it."""
    sides = (value(reading.champion, reading), value(reading.challenger, reading))
    return (name(reading), *sides, estimate(reading), interval(reading), reading.verdict.value)


def table(readings: Sequence[Reading], most: int) -> str:
    """Return the comparison as lines of plain text, at most so many characters: what is left out is counted."""
    rows = [HEAD, *(cells(one) for one in readings)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = [GAP.join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    shown, size = list[str](), 0
    for line in lines:
        if size + len(line) + 1 > most - 20:
            return "\n".join([*shown, f"... {len(lines) - len(shown)} more"])
        shown.append(line)
        size += len(line) + 1
    return "\n".join(shown)
