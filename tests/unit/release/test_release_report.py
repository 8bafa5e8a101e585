"""A release told: in order, whole, escaped, from the journal alone."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from xml.etree import ElementTree as ET

import pytest

from headgate.journal.event import Event
from headgate.release import events
from headgate.release.chronicle import Chronicle, chronicle
from headgate.release.evidence import Differing, Evidence, Reading, Verdict, weigh
from headgate.release.meeting import Explored, Meeting, Met
from headgate.release.offpolicy import Estimate
from headgate.release.page import html, markdown
from headgate.release.report import MOST_ROWS, report
from headgate.release.segments import Cell
from headgate.release.standing import Standing
from headgate.testing.clock import START
from headgate.testing.release_world import ReleaseWorld
from headgate.testing.releases import MODEL, plan_of

SOON = timedelta(seconds=45)
NAUGHTY = "<script>alert(1)</script>|`*"


def reading(verdict: Verdict, estimate: float | None = 1.1, upper: float | None = 1.9) -> Reading:
    return Reading(
        "errors", True, verdict, "as measured", champion=0.01, challenger=0.011,  # noqa: FBT003
        estimate=estimate, lower=0.6, upper=upper, requests=4_000,
    )  # fmt: skip


def told_of(harm_on: str = "25 %", why: str = "as measured", every: timedelta = SOON) -> tuple[ReleaseWorld, Chronicle]:
    """Play a release that harms on a rung, and tell it."""

    def see(at: Standing, now: datetime) -> Evidence | None:
        if at.rung < 0:
            return None
        verdict = Verdict.HARM if at.at.name == harm_on else Verdict.SOUND
        found = weigh([replace(reading(verdict), why=why)], at.since, 5_000)
        rows = (Differing("0190-a", 0, "ada", "late 0.1", "late 0.9", 0.8),) if at.at.name == "shadow" else ()
        return replace(found, differing=rows)

    plan = plan_of(shadow={"duration": "10m", "requests": 10})
    world = ReleaseWorld(plan, see)
    world.start(plan)
    world.run(timedelta(days=3), every)
    return world, chronicled(world.journal)


def chronicled(journal: Sequence[Event]) -> Chronicle:
    found = chronicle(MODEL, "r1", journal)
    assert found is not None
    return found


def test_a_chronicle_tells_what_happened_in_order() -> None:
    world, told = told_of()
    assert [one.what for one in told.entries] == [
        "release of version 2 against champion 1 starts",
        "enters shadow",
        "enters 5 %",
        "enters 25 %",
        "rolled back; the champion of before has everything",
    ]
    assert told.entries[0].who == told.actor == "person:ada"
    assert [(one.rung, one.seen.verdict.value) for one in told.snapshots][-1] == (2, "harm")
    assert [one.rung for one in told.snapshots] == sorted(one.rung for one in told.snapshots)
    challenger = [one.shares.get("challenger", 0.0) for one in told.splits]
    assert challenger == [0.0, 0.0, 0.05, 0.25, 0.0]
    assert told.ended == next(one.at for one in world.journal if one.kind == events.ROLLED_BACK)


def test_shares_that_nobody_renewed_were_the_champions_meanwhile() -> None:
    _, told = told_of(every=timedelta(minutes=5))
    lease = told.plan.lease
    assert lease < timedelta(minutes=5)
    entered = next(one for one in told.splits if one.shares.get("challenger") == 0.05)
    after = [(one.at - entered.at, one.shares.get("challenger", 0.0)) for one in told.splits if one.at > entered.at]
    assert after[:3] == [(lease, 0.0), (timedelta(minutes=5), 0.05), (timedelta(minutes=5) + lease, 0.0)]


def test_what_comes_after_the_end_changes_nothing() -> None:
    world, told = told_of()
    world.move_pointer("7")
    world.start(plan_of(), "r2")
    assert chronicled(world.journal) == told
    assert chronicle(MODEL, "r9", world.journal) is None


def test_a_release_that_runs_is_told_until_now() -> None:
    world, _ = told_of()
    half = chronicled(world.journal[:4])
    assert half.ended is None
    assert report(half, Meeting()).well is None


def test_a_report_names_plan_moves_evidence_and_what_ended_it() -> None:
    _, told = told_of()
    arms = [Met("challenger", "2", "live", 41_000, 12, 1_900), Met("challenger", "2", "shadow", 900, 0, None)]
    text = markdown(report(told, Meeting(arms, missing=["outcomes: away"])))
    assert text.startswith("# Release r1\n")
    assert "**rolled back: 25 %: harm: errors: as measured**" in text
    for said in (
        "Asked for by person:ada: a better version",
        "| shadow | champion 100 % | 100 % | 10m | 1d | errors, predictions |",
        "| 25 % | champion 75 %, challenger 25 % |",
        "| challenger | 2 | answered | 41,000 | 12 | 1,900 |",
        "| challenger | 2 | copies, seen by nobody | 900 | 0 | not known |",
        "Not known: outcomes: away",
        "## Evidence on 5 %",
        "| errors | 1 % | 1.1 % | 1.1 | 0.6 to 1.9 | harm | as measured |",
        "| 0190-a | 0 | late 0.1 | late 0.9 | 0.8 |",
    ):
        assert said in text
    assert "ada lovelace" not in text


def test_the_page_is_whole_safe_and_needs_nothing_from_elsewhere() -> None:
    _, told = told_of(why=NAUGHTY)
    told = replace(told, because=NAUGHTY)
    page = html(report(told, Meeting([Met(NAUGHTY, "2", "live", 1, 0, 1)])))
    assert "<script" not in page
    assert not re.search(r"(src|href)=|@import|url\(", page)
    assert page.count("<figure>") == 1 + 3  # shares, and errors on three rungs
    for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        drawn = ET.fromstring(svg)  # noqa: S314 - our own
        assert len(list(drawn)) > 5
        for one in drawn.iter("circle"):
            assert 0 <= float(one.attrib["cy"]) <= 200
    assert "<script" not in markdown(report(told, Meeting()))


@pytest.mark.parametrize(("estimate", "upper"), [(None, None), (1.1, None), (0.0, 900.0), (1e9, 1e12)])
def test_open_and_wild_intervals_stay_within_the_picture(estimate: float | None, upper: float | None) -> None:
    _, told = told_of()
    wild = [replace(one, seen=weigh([reading(Verdict.UNSURE, estimate, upper)], one.at, 1)) for one in told.snapshots]
    page = html(report(replace(told, snapshots=tuple(wild)), Meeting()))
    for y in re.findall(r'(?:cy|y1|y2)="([-\d.]+)"', page):
        assert 0 <= float(y) <= 200


def test_what_is_only_to_look_at_says_so_and_long_tables_are_cut() -> None:
    _, told = told_of()
    cell = Cell("origin", "SFO", "bold", 120, 0.5, 130, 0.4, -0.02, 0.22)
    alone = Estimate(400, 0.41, 0.02, 0.412, 0.018, 0.47, 310.0)
    text = markdown(report(told, Meeting(explored=Explored("sales", [cell], {"bold": alone}))))
    assert "## Segments (exploratory)" in text
    assert "Only to look at: nothing was decided on these" in text
    assert "| origin = SFO | bold | 0.5 of 120 | 0.4 of 130 | +0.1 | -0.02 to 0.22 |" in text
    assert "| bold | 400 | 0.47 | 0.41 (error 0.02) | 0.412 | 0.3767 to 0.4473 | 310 |" in text
    many = replace(told, entries=told.entries * 100)
    cut = markdown(report(many, Meeting()))
    assert f"The last {MOST_ROWS} of 500 rows" in cut


def test_a_report_says_well_only_of_a_champion_that_stayed() -> None:
    _, harmed = told_of()
    _, fine = told_of(harm_on="nowhere")
    assert (report(harmed, Meeting()).well, report(fine, Meeting()).well) == (False, True)
    assert report(fine, Meeting()).headline.startswith("finished: full: watched for 1d without harm")
    assert (fine.ended or START) > START
