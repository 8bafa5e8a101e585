"""A release as a page for a person: what was planned, what happened, on what evidence, and who met it. Pure.

What is said is made once, as sections; `page` lays them out as Markdown and as HTML. Nothing here judges.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from headgate.policy.span import show_span
from headgate.release.chronicle import Chronicle, Snapshot
from headgate.release.evidence import Differing
from headgate.release.meeting import Explored, Meeting
from headgate.release.move import State
from headgate.release.pictures import guard_pictures, share_picture
from headgate.release.plan import Kind, judged
from headgate.release.segments import ALPHA, LEAST
from headgate.release.words import HEAD, cells

MOST_ROWS = 200  # of a table
GOOD = frozenset({State.FINISHED, State.PROMOTED})


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page.

    Attributes:
        lines: Sentences.
        head, rows: A table; no rows: none.
        pictures: Inline SVG.
    """

    title: str
    lines: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    pictures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """The whole page.

    Attributes:
        well: Whether it ended with a new champion that stayed; None: it has not ended.
    """

    title: str
    subtitle: str
    headline: str
    well: bool | None
    sections: tuple[Section, ...]


def report(told: Chronicle, meeting: Meeting) -> Report:
    """Return the report of a release."""
    at, plan = told.at, told.plan
    versions = " and ".join(f"{side.version} ({name})" for name, side in plan.challengers.items())
    until = f"ended {_when(told.ended)} UTC" if told.ended else "not over"
    won = at.promoted and at.state in GOOD
    sections = (
        _plan(told),
        _happened(told),
        _shares(told),
        _met(meeting),
        *_evidence(told),
        _differing(told),
        *_explored(meeting.explored),
    )
    return Report(
        f"Release {at.release}",
        f"{plan.model}: version {versions} against champion {at.before}; started {_when(at.started)} UTC, {until}",
        f"{at.state.value.replace('_', ' ')}: {at.why}",
        won if told.ended else None,
        tuple(one for one in sections if one.lines or one.rows or one.pictures),
    )


def _plan(told: Chronicle) -> Section:
    plan, guards = told.plan, told.plan.rules.guards.named
    rows = tuple(
        (
            rung.name,
            ", ".join(f"{name} {share * 100:g} %" for name, share in rung.shares.items()),
            f"{rung.fraction * 100:g} %" if rung.fraction else "",
            show_span(rung.hold),
            "" if rung.kind is Kind.FULL else show_span(rung.patience),
            ", ".join(judged(plan, position)),
        )
        for position, rung in enumerate(plan.rungs)
    )
    roles = ", ".join(f"{name} ({guard.role})" for name, guard in guards.items())
    guarded = (
        f"Guards: {roles or 'none'}; a version that is no worse is called harm in at most "
        f"{plan.rules.alpha * 100:g} % of releases, over all guards, rungs and looks."
    )
    lines = (f"Asked for by {told.actor}: {told.because}", guarded)
    return Section("Plan", lines, ("rung", "shares", "copies", "hold", "patience", "judged by"), rows)


def _happened(told: Chronicle) -> Section:
    rows = tuple((_when(one.at), one.what, one.who, one.why) for one in told.entries)
    return _bounded(Section("What happened", (), ("when (UTC)", "what", "who", "why"), rows))


def _shares(told: Chronicle) -> Section:
    end = told.ended or max((one.at for one in told.splits), default=told.at.started)
    rows = tuple(
        (
            _when(one.at),
            str(one.revision),
            ", ".join(f"{name} (version {one.versions[name]}) {part * 100:.4g} %" for name, part in one.shares.items()),
        )
        for one in told.splits
    )
    head = ("from (UTC)", "route revision", "shares")
    return _bounded(Section("Shares over time", (), head, rows, share_picture(told.splits, told.at.started, end)))


def _met(meeting: Meeting) -> Section:
    rows = tuple(
        (
            one.arm,
            one.version,
            "answered" if one.role == "live" else "copies, seen by nobody",
            f"{one.requests:,}",
            f"{one.errors:,}",
            "not known" if one.units is None else f"{one.units:,}",
        )
        for one in meeting.arms
    )
    lines = tuple(f"Not known: {one}" for one in meeting.missing)
    if rows:
        lines = (
            "Units are those that the prediction log holds; it may be a sample, and unnamed ones are not counted.",
            *lines,
        )
    return Section("Who met it", lines, ("arm", "version", "how", "requests", "errors", "units"), rows)


def _evidence(told: Chronicle) -> Iterable[Section]:
    for position, rung in enumerate(told.plan.rungs):
        own = [one for one in told.snapshots if one.rung == position]
        if not own:
            continue
        rows = tuple((_when(one.at), *cells(reading), reading.why) for one in own for reading in one.seen.readings)
        last = own[-1].seen
        lines = [f"Last: {last.verdict}: {last.why}", f"{last.requests:,} requests of the challenger were judged."]
        lines += [f"The comparison cannot be trusted: {last.stop}"] if last.stop else []
        pictures = guard_pictures(told.plan, own)
        yield _bounded(Section(f"Evidence on {rung.name}", tuple(lines), ("when (UTC)", *HEAD, "why"), rows, pictures))


def _differing(told: Chronicle) -> Section:
    found = _last_differing(told.snapshots)
    rows = tuple((one.id, str(one.row), one.live, one.shadow, f"{one.difference:.3g}") for one in found)
    lines = ("Requests that both answered. `headgate predictions --pairs` shows their inputs.",) if rows else ()
    return Section("Where the shadow differed most", lines, ("request", "row", "live", "shadow", "difference"), rows)


def _last_differing(snapshots: Sequence[Snapshot]) -> Sequence[Differing]:
    return next((one.seen.differing for one in reversed(snapshots) if one.seen.differing), ())


def _explored(found: Explored | None) -> Iterable[Section]:
    if found is None:
        return
    rows = tuple(
        (
            f"{one.column} = {one.value}",
            one.arm,
            f"{one.found:.4g} of {one.rows:,}",
            f"{one.champion:.4g} of {one.champion_rows:,}",
            f"{one.difference:+.3g}",
            f"{one.low:.3g} to {one.high:.3g}",
        )
        for one in found.cells
    )
    text = (
        f"Only to look at: nothing was decided on these, and nothing should be. {found.guard}, one look at the end, "
        f"{len(rows)} comparisons; the intervals hold all together with {100 - ALPHA * 100:g} % confidence at that one "
        f"look. Segments with fewer than {LEAST} units on a side are left out. What shows here is a question for a "
        "test of its own."
    )
    head = ("segment", "arm", "arm's", "champion's", "difference", "interval")
    if rows:
        yield Section("Segments (exploratory)", (text,), head, rows)
    if found.alone:
        yield _alone(found)


def _alone(found: Explored) -> Section:
    rows = tuple(
        (
            name,
            f"{one.rows:,}",
            f"{one.naive:.4g}",
            f"{one.ips:.4g} (error {one.ips_error:.2g})",
            f"{one.snips:.4g}",
            f"{one.interval[0]:.4g} to {one.interval[1]:.4g}",
            f"{one.effective:,.0f}",
        )
        for name, one in (found.alone or {}).items()
    )
    text = (
        f"{found.guard}, had an arm had all of the traffic: each observation weighed by one over the share that its "
        "arm had then. The plain mean is biased, because shares followed results. One look; nothing was decided on it."
    )
    head = ("arm", "units", "plain mean", "IPS", "self-normalised", "its interval", "worth units")
    return Section("Each arm alone (from logged shares)", (text,), head, rows)


def _bounded(one: Section) -> Section:
    if len(one.rows) <= MOST_ROWS:
        return one
    cut = (*one.lines, f"The last {MOST_ROWS} of {len(one.rows):,} rows; `headgate journal` has all.")
    return Section(one.title, cut, one.head, one.rows[-MOST_ROWS:], one.pictures)


def _when(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"
