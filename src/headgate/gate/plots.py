"""Small plots as inline SVG: a metric by segment, latency by quantile. Text is escaped; colours come from the page."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from headgate.gate.numbers import number, rows, signed

WIDTH, LEFT, RIGHT, ROW, TOP = 900, 170, 240, 26, 40
MOST = 40  # segments drawn; the ones with the most rows, the failing ones first
QUANTILES = ("p50", "p90", "p95", "p99", "p99.9", "max")
SOFT = ' class="soft"'
NAME = 22  # letters of a segment's name


def segment_plot(segments: Mapping[str, Mapping[str, Any]], champion: str | None) -> str:
    """Return a dot per segment for the candidate, and one for the champion where it was compared."""
    valued = {name: segment for name, segment in segments.items() if segment.get("value") is not None}
    drawn = sorted(valued, key=lambda name: (not _failed(valued[name]), -int(valued[name]["rows"])))[:MOST]
    values = [float(valued[name][key]) for name in drawn for key in ("value", "champion_value") if key in valued[name]]
    if not values:
        return f"<figcaption>{len(segments)} segments, none with a value</figcaption>"
    low, high = _padded(min(values), max(values))
    marks = [_segment(name, valued[name], place, low, high) for place, name in enumerate(drawn)]
    left = len(segments) - len(drawn)
    note = f"; {left} more without a value or not drawn" if left else ""
    ring = "" if champion is None else f"; ring: champion {champion}"
    caption = f"dot: this version{ring}; faint: too few rows to judge{note}"
    return _picture(caption, len(drawn), [*_axis(low, high, len(drawn)), *marks], "metric by segment")


def _segment(name: str, segment: Mapping[str, Any], place: int, low: float, high: float) -> str:
    y = TOP + place * ROW + ROW / 2
    failed = _failed(segment)
    colour = "var(--bad)" if failed else "var(--ours)"
    faint = "" if segment["judged"] else ' opacity="0.45"'
    x = _x(float(segment["value"]), low, high)
    theirs, said = "", number(float(segment["value"]))
    if "champion_value" in segment:
        at = _x(float(segment["champion_value"]), low, high)
        theirs = (
            f'<line x1="{at:.1f}" x2="{x:.1f}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="2"/>'
            f'<circle cx="{at:.1f}" cy="{y}" r="5" fill="var(--card)" stroke="var(--theirs)" stroke-width="2"/>'
        )
        said += f" ({signed(float(segment['gain']))})"
    weight = ' font-weight="700"' if failed else ""
    return (
        f"<g{faint}>{_text(LEFT - 12, y + 4, _short(name), 'end', weight)}{theirs}"
        f'<circle cx="{x:.1f}" cy="{y}" r="5" fill="{colour}"/>'
        f"{_text(WIDTH - RIGHT + 16, y + 4, said, 'start', weight)}"
        f"{_text(WIDTH - 4, y + 4, rows(int(segment['rows'])), 'end', SOFT)}</g>"
    )


def latency_plot(loads: Mapping[str, Mapping[str, Any]], champion: str | None) -> str:
    """Return a bar per quantile for the candidate, with the champion's below it; a log scale, since tails are long."""
    ours, theirs = loads["candidate"], loads.get("champion", {})
    shown = [name for name in QUANTILES if name in ours]
    shown += sorted(name for name in ours if name.startswith("p") and name not in QUANTILES)
    values = [float(load[name]) for load in (ours, theirs) for name in shown if name in load]
    low, high = _decades(min(values), max(values))
    marks = [_quantile(name, ours, theirs, place, low, high) for place, name in enumerate(shown)]
    caption = f"ms, log scale; wide bar: this version{'' if champion is None else f'; thin bar: champion {champion}'}"
    return _picture(caption, len(shown), [*_axis(low, high, len(shown), log=True), *marks], "latency by quantile")


def _quantile(
    name: str, ours: Mapping[str, Any], theirs: Mapping[str, Any], place: int, low: float, high: float
) -> str:
    y = TOP + place * ROW
    x = _x(float(ours[name]), low, high, log=True)
    drawn = f'<rect x="{LEFT}" y="{y + 5}" width="{max(1.0, x - LEFT):.1f}" height="10" rx="2" fill="var(--ours)"/>'
    said = f"{number(float(ours[name]))} ms"
    if name in theirs:
        at = _x(float(theirs[name]), low, high, log=True)
        drawn += f'<rect x="{LEFT}" y="{y + 17}" width="{max(1.0, at - LEFT):.1f}" height="4" fill="var(--theirs)"/>'
        said += f" ({number(float(theirs[name]))})"
    label = name if name == "max" else name.upper()
    return f"{_text(LEFT - 12, y + 16, label, 'end')}{drawn}{_text(WIDTH - RIGHT + 16, y + 16, said, 'start')}"


def _axis(low: float, high: float, lines: int, *, log: bool = False) -> Iterable[str]:
    bottom = TOP + lines * ROW
    for tick in _decade_ticks(low, high) if log else _ticks(low, high):
        x = _x(tick, low, high, log=log)
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{bottom}" stroke="var(--line)"/>'
        yield _text(x, TOP - 14, f"{tick:g}", "middle", SOFT)


def _picture(caption: str, lines: int, marks: Sequence[str], label: str) -> str:
    height = TOP + lines * ROW + 10
    return (
        f"<figcaption>{escape(caption)}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {height}" width="100%" role="img" aria-label="{escape(label)}">'
        f"{''.join(marks)}</svg>"
    )


def _text(x: float, y: float, said: str, anchor: str, extra: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>{escape(said)}</text>'


def _x(value: float, low: float, high: float, *, log: bool = False) -> float:
    from math import log10

    share = (log10(value) - log10(low)) / (log10(high) - log10(low)) if log else (value - low) / (high - low)
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _padded(low: float, high: float) -> tuple[float, float]:
    margin = (high - low) * 0.08 or abs(high) * 0.05 or 1.0
    return low - margin, high + margin


def _ticks(low: float, high: float) -> list[float]:
    """Return round numbers between two values: steps of 1, 2 or 5 times a power of ten."""
    from math import ceil, floor, log10

    rough = (high - low) / 6
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first = ceil(low / step)
    return [round(index * step, 12) for index in range(first, floor(high / step) + 1)]


def _decades(low: float, high: float) -> tuple[float, float]:
    from math import ceil, floor, log10

    bottom, top = floor(log10(max(low, 1e-3))), ceil(log10(max(high, 1e-3)))
    return 10.0**bottom, 10.0 ** max(top, bottom + 1)


def _decade_ticks(low: float, high: float) -> list[float]:
    from math import log10

    return [10.0**power for power in range(round(log10(low)), round(log10(high)) + 1)]


def _failed(segment: Mapping[str, Any]) -> bool:
    return bool(segment["judged"]) and not segment["passed"]


def _short(name: str) -> str:
    return name if len(name) <= NAME else f"{name[: NAME - 1]}…"
