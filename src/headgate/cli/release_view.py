"""A release on a terminal: its rungs, what each guard says, and what happens next."""

from collections.abc import Sequence
from math import isinf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from rich.console import RenderableType
    from rich.table import Table

    from headgate.release.evidence import Evidence, Reading
    from headgate.release.forecast import Need
    from headgate.release.sheet import Sheet

COLOURS = {"sound": "green", "unsure": "yellow", "harm": "red"}
MARKS = {"done": "[green]done[/green]", "now": "[bold]now[/bold]", "ahead": "[dim]ahead[/dim]"}
WIDTH = 20


def table(found: "Sequence[Sheet]") -> "RenderableType":
    """Return a line for each release."""
    from rich.markup import escape
    from rich.table import Table

    if not found:
        return "no release runs; `headgate release start MODEL VERSION` starts one"
    rows = Table("release", "version", "stands", "verdict", "waits for", "next", padding=(0, 1))
    for one in found:
        versions = ", ".join(one.versions)
        verdict = "" if one.at.state.ended else _coloured(one.seen.verdict)
        rows.add_row(one.at.release, versions, escape(one.headline), verdict, one.waits_for, escape(one.what_next))
    return rows


def page(one: "Sheet") -> "RenderableType":
    """Return all that is known of a release."""
    from rich.console import Group
    from rich.markup import escape

    at = one.at
    versions = ", ".join(f"{side.version} ({name})" for name, side in at.plan.challengers.items())
    started = f", started {at.started:%Y-%m-%d %H:%M} UTC"
    lines: list[RenderableType] = [
        f"[bold]{at.release}[/bold]  version {escape(versions)} against champion {escape(at.before)}{started}",
        f"  stands   [bold]{escape(one.headline)}[/bold]{_for_how_long(at.since, one.now, ended=at.state.ended)}",
        f"  traffic  {_shares(one)}",
        _rungs(one),
    ]
    if one.seen.readings:
        lines.append(_guards(one.seen))
    if not at.state.ended:
        lines.append(f"  verdict  {_coloured(one.seen.verdict)}: {escape(one.seen.why)}")
    lines.append(f"  next     {escape(one.what_next)}{_when(one)}")
    return Group(*lines)


def needs(found: "Sequence[Need]", per_second: float) -> "RenderableType":
    """Return what each rung needs."""
    from rich.table import Table

    from headgate.policy.span import show_span

    rows = Table("rung", "requests", "lasts", "patience", "decided by", title=f"at {per_second:.3g} requests/s")
    for need in found:
        full = not need.guard
        requests = "" if full else "never" if isinf(need.requests) else f"{need.requests:,.0f}"
        lasts = (
            show_span(need.rung.hold) if full else "for ever" if need.lasts is None else "about " + about(need.lasts)
        )
        lasts = show_span(need.rung.hold) if full else lasts
        patience = "" if full else show_span(need.rung.patience)
        mark = "" if need.enough else "[red]"
        rows.add_row(need.rung.name, f"{mark}{requests}", f"{mark}{lasts}", patience, need.guard or "the watch")
    return rows


def _rungs(one: "Sheet") -> "Table":
    from rich.table import Table

    rows = Table("", "rung", "challenger", "copies", "hold", "patience", padding=(0, 1))
    for rung in one.to_json()["rungs"]:
        copies = f"{rung['copies']:.0%}" if rung["copies"] else ""
        part = f"{rung['challenger']:.4g}" if rung["challenger"] in {0, 1} else f"{rung['challenger']:.1%}"
        share = {"0": "", "1": "all"}.get(part, part)
        rows.add_row(MARKS[rung["where"]], rung["name"], share, copies, rung["hold"], rung["patience"] or "")
    return rows


def _guards(seen: "Evidence") -> "Table":
    from rich.markup import escape
    from rich.table import Table

    rows = Table(
        "guard", "champion", "challenger", "estimate", "interval", "requests", "verdict", "why", padding=(0, 1)
    )
    for one in seen.readings:
        name = one.guard if one.required else f"[dim]{one.guard} (advisory)[/dim]"
        arm = "" if one.arm == "challenger" else f"{one.arm}: "
        interval = "" if one.lower is None and one.upper is None else f"{_number(one.lower)} - {_number(one.upper)}"
        values = (_value(one.champion, one), _value(one.challenger, one), _number(one.estimate), interval)
        rows.add_row(arm + name, *values, f"{one.requests:,}", _coloured(one.verdict), escape(one.why))
    return rows


def _value(value: float | None, one: "Reading") -> str:
    if value is None:
        return ""
    return f"{value:.4g} {one.unit}" if one.unit else f"{value:.3%}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _coloured(verdict: str) -> str:
    return f"[{COLOURS[verdict]}]{verdict}[/{COLOURS[verdict]}]"


def _shares(one: "Sheet") -> str:
    from rich.markup import escape

    bars = []
    for version, share in one.shares.items():
        filled = round(share * WIDTH)
        bars.append(f"version {escape(version)} {'█' * filled}{'░' * (WIDTH - filled)} {share:.1%}")
    return "   ".join(bars) or "none"


def _for_how_long(since: "datetime", now: "datetime", *, ended: bool) -> str:
    return "" if ended else f" for {about(now - since)}"


def _when(one: "Sheet") -> str:
    until = one.next.until
    if until is None or one.at.state.ended:
        return ""
    left = f", in {about(until - one.now)}" if until > one.now else ""
    return f"  [dim](at {until:%Y-%m-%d %H:%M:%S} UTC{left})[/dim]"


def about(span: "timedelta") -> str:
    """Return a span as people say it: ``95s``, ``12m``, ``30h``, ``5d``."""
    seconds = max(span.total_seconds(), 0)
    for letter, size, most in (("s", 1, 120), ("m", 60, 120), ("h", 3600, 72)):
        if round(seconds / size) < most:
            return f"{round(seconds / size)}{letter}"
    return f"{round(seconds / 86_400)}d"
