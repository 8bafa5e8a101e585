"""Small plots of a release as inline SVG: shares over time, a guard's estimate and interval over time. Pure.

Text is escaped; colours come from the page.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from html import escape

from headgate.policy.guards import CostGuard, ErrorGuard, LatencyGuard
from headgate.release.chronicle import Snapshot, Split
from headgate.release.evidence import Reading, Verdict
from headgate.release.plan import Plan
from headgate.release.words import name

WIDTH, LEFT, RIGHT, TOP, TALL = 860, 64, 24, 12, 150
TICKS, DAY = 4, timedelta(days=1)
COLOURS = ("var(--ours)", "var(--third)", "var(--good)", "var(--bad)")
OF_VERDICT = {Verdict.SOUND: "var(--good)", Verdict.HARM: "var(--bad)", Verdict.UNSURE: "var(--third)"}
MOST = 120  # points of a plot


def share_picture(splits: Sequence[Split], start: datetime, end: datetime) -> tuple[str, ...]:
    """Return the shares of each version, one upon the other; nothing where no time passed."""
    if end <= start or not splits:
        return ()
    versions = list(dict.fromkeys(version for one in splits for version in one.versions.values()))
    colours = {version: "var(--theirs)" if not at else COLOURS[(at - 1) % 4] for at, version in enumerate(versions)}
    marks = list[str]()
    for one, until in zip(splits, [*(two.at for two in splits[1:]), end], strict=True):
        x, far = _x(max(one.at, start), start, end), _x(until, start, end)
        top = float(TOP)
        for arm, share in sorted(one.shares.items(), key=lambda part: versions.index(one.versions[part[0]])):
            size = share * TALL
            box = f'x="{x:.1f}" y="{top:.1f}" width="{max(far - x, 0.5):.1f}" height="{size:.1f}"'
            marks.append(f'<rect {box} fill="{colours[one.versions[arm]]}"/>')
            top += size
    legend = " ".join(_key(colours[version], f"version {version}") for version in versions)
    labels = [_text(LEFT - 8, TOP + TALL * part + 4, f"{100 - part * 100:g} %", "end") for part in (0, 0.5, 1)]
    return (_picture(legend, [*marks, *labels, *_times(start, end)], "shares of the traffic over time"),)


def guard_pictures(plan: Plan, snapshots: Sequence[Snapshot]) -> tuple[str, ...]:
    """Return for each guard and arm its estimate with the interval, whenever it was recorded."""
    names = dict.fromkeys(name(reading) for one in snapshots for reading in one.seen.readings)
    return tuple(found for one in names if (found := _guard(plan, one, snapshots)))


def _guard(plan: Plan, which: str, snapshots: Sequence[Snapshot]) -> str:
    every = [(one.at, reading) for one in snapshots for reading in one.seen.readings if name(reading) == which]
    points = [(at, reading) for at, reading in every if reading.estimate is not None][-MOST:]
    if not points:
        return ""
    equal = _equal(plan, points[0][1].guard)
    low, high = _range([reading for _, reading in points], equal)
    start, end = points[0][0], points[-1][0]
    y = _y(equal, low, high)
    line = f'{_line(LEFT, y, WIDTH - RIGHT, y)} stroke="var(--theirs)" stroke-dasharray="4 4"/>'
    marks = [_point(_x(at, start, end), reading, low, high) for at, reading in points]
    labels = [_text(LEFT - 8, _y(at, low, high) + 4, f"{at:.3g}", "end") for at in {low, high, equal}]
    keys = " ".join(_key(OF_VERDICT[one], one.value) for one in Verdict)
    legend = f"<b>{escape(which)}</b>: estimate and interval; dashed: like the champion ({equal:g})<br>{keys}"
    return _picture(legend, [line, *marks, *labels, *_times(start, end)], f"{which} over time")


def _point(x: float, one: Reading, low: float, high: float) -> str:
    colour = OF_VERDICT[one.verdict]
    bottom = TOP + TALL if one.lower is None else _y(one.lower, low, high)
    top = TOP if one.upper is None else _y(one.upper, low, high)
    bar = ""
    if one.lower is not None or one.upper is not None:
        open_end = ' stroke-dasharray="2 3"' if one.lower is None or one.upper is None else ""
        bar = f'{_line(x, top, x, bottom)} stroke="{colour}" stroke-width="2"{open_end}/>'
    at = _y(one.estimate or 0.0, low, high)
    return f'{bar}<circle cx="{x:.1f}" cy="{at:.1f}" r="4.5" fill="{colour}"/>'


def _equal(plan: Plan, guard: str) -> float:
    """Return the estimate of a challenger that is the champion's equal: ratios are 1, differences 0."""
    return 1.0 if isinstance(plan.rules.guards.named.get(guard), ErrorGuard | LatencyGuard | CostGuard) else 0.0


def _range(readings: Sequence[Reading], equal: float) -> tuple[float, float]:
    """Return what is drawn: every estimate, and of the intervals what is not far beyond them."""
    middle = [equal, *(one.estimate for one in readings if one.estimate is not None)]
    reach = max(max(middle) - min(middle), abs(equal) * 0.5, 1e-9) * 2
    least, most = min(middle) - reach, max(middle) + reach
    bounds = [bound for one in readings for bound in (one.lower, one.upper) if bound is not None]
    every = [*middle, *(min(max(bound, least), most) for bound in bounds)]
    low, high = min(every), max(every)
    margin = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return low - margin, high + margin


def _times(start: datetime, end: datetime) -> list[str]:
    days = end - start > DAY
    parts = [0.0] if end <= start else [part / TICKS for part in range(TICKS + 1)]
    marks = [f'{_line(LEFT, TOP + TALL, WIDTH - RIGHT, TOP + TALL)} stroke="var(--line)"/>']
    for part in parts:
        at = start + (end - start) * part
        anchor = "start" if part == 0 else "end" if part == 1 else "middle"
        said = f"{at:%m-%d %H:%M}" if days else f"{at:%H:%M:%S}"
        marks.append(_text(_x(at, start, end), TOP + TALL + 18, said, anchor))
    return marks


def _line(x: float, y: float, far: float, down: float) -> str:
    return f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{far:.1f}" y2="{down:.1f}"'


def _x(at: datetime, start: datetime, end: datetime) -> float:
    share = (at - start) / (end - start) if end > start else 0.5
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(value: float, low: float, high: float) -> float:
    share = (min(max(value, low), high) - low) / (high - low)
    return TOP + (1 - share) * TALL


def _key(colour: str, said: str) -> str:
    return f'<span class="key"><i style="background:{colour}"></i>{escape(said)}</span>'


def _text(x: float, y: float, said: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="soft">{escape(said)}</text>'


def _picture(legend: str, marks: Sequence[str], label: str) -> str:
    """Lay a plot out; the legend is markup already."""
    return (
        f'<figure><figcaption>{legend}</figcaption><svg viewBox="0 0 {WIDTH} {TOP + TALL + 26}" role="img" '
        f'aria-label="{escape(label)}">{"".join(marks)}</svg></figure>'
    )
