"""Rollups become evidence: planted harm is named by its guard, an equal is sound, silence and shared faults are not."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.predictions.rollup import FINAL_SECONDS, Row
from headgate.release.evidence import Evidence, Verdict
from headgate.release.judging.course import Course
from headgate.release.judging.past import USUAL as USUAL_REQUESTS
from headgate.release.judging.past import learn_past, own
from headgate.release.judging.sides import SHADOW, Whose, sides
from headgate.release.judging.steps import BEHIND, Observer
from headgate.release.move import State
from headgate.release.plan import Kind
from headgate.release.standing import Standing
from headgate.testing.arms import MemoryLog, MemoryRollups, Nature, rows_of
from headgate.testing.clock import START
from headgate.testing.releases import MODEL, plan_of

SECOND = int(START.timestamp())
CHAMPION, CHALLENGER = Whose("champion", "1", "live"), Whose("challenger", "2", "live")
USUAL = Nature()
GUARDS: Any = {"predictions": None}
QUARTER = 2  # position of the rung with a quarter of the traffic


def standing(rung: int = QUARTER, **said: Any) -> Standing:
    plan = plan_of(**{"guards": GUARDS, **said})
    return Standing("late-1", plan, State.RUNNING, "1", START, START, START, rung)


@cache  # many tests begin with the same traffic
def drawn(whose: Whose, nature: Nature, since: int, until: int, seed: int = 1) -> list[Row]:
    return list(rows_of(np.random.default_rng(seed), MODEL, whose, range(SECOND + since, SECOND + until), nature))


def past() -> list[Row]:
    return drawn(CHAMPION, USUAL, -300, 0, seed=9)


def arms(theirs: Nature, ours: Nature, seconds: int, share: float = 0.25) -> list[Row]:
    champion = drawn(CHAMPION, theirs.part(1 - share), 0, seconds, seed=2)
    return champion + drawn(CHALLENGER, ours.part(share), 0, seconds, seed=3)


def seen(at: Standing, rows: Sequence[Row], after: int = 200, log: MemoryLog | None = None) -> Evidence:
    observer = Observer(MemoryRollups([*past(), *rows]), log or MemoryLog(), {MODEL: "binary"})
    return observer.evidence(at, START + timedelta(seconds=after + BEHIND))


def test_a_model_whose_seconds_are_final_sooner_is_judged_sooner() -> None:
    rows = MemoryRollups([*past(), *arms(USUAL, USUAL, 200)])
    now = START + timedelta(seconds=200 + BEHIND - 20)
    early = Observer(rows, MemoryLog(), {MODEL: "binary"}, {MODEL: FINAL_SECONDS - 20}).evidence(standing(), now)
    usual = Observer(rows, MemoryLog(), {MODEL: "binary"}).evidence(standing(), now)
    assert early.requests == seen(standing(), arms(USUAL, USUAL, 200)).requests > usual.requests


def test_a_p95_below_the_floor_is_sound_though_the_champion_was_slow_before() -> None:
    slow, quick = replace(USUAL, median=0.02), replace(USUAL, median=0.0005)
    before = drawn(CHAMPION, slow, -300, 0, seed=9)
    rows = MemoryRollups([*before, *arms(quick, replace(quick, median=0.0008), 200)])
    found = Observer(rows, MemoryLog(), {MODEL: "binary"}).evidence(standing(), START + timedelta(seconds=240))
    (latency,) = [one for one in found.readings if one.guard == "latency"]
    assert latency.verdict is Verdict.SOUND, latency.why


def test_an_identical_challenger_becomes_sound() -> None:
    found = seen(standing(), arms(USUAL, USUAL, 200))
    assert found.verdict is Verdict.SOUND, found.why
    assert {one.guard for one in found.readings} == {"errors", "latency"}
    assert found.since == START
    assert found.requests == sum(row.count for row in arms(USUAL, USUAL, 200) if row.key.arm == "challenger")
    errors = found.readings[0]
    assert errors.lower is not None
    assert errors.upper is not None
    assert errors.lower < 1 < errors.upper
    assert " against " in errors.why
    assert "no worse than 2 x" in errors.why


@pytest.mark.parametrize(
    ("bad", "guard"),
    [(replace(USUAL, errors=0.05), "errors"), (replace(USUAL, median=0.03), "latency")],
)
def test_planted_harm_is_named_by_its_guard(bad: Nature, guard: str) -> None:
    found = seen(standing(), arms(USUAL, bad, 120), 120)
    assert found.verdict is Verdict.HARM
    assert [one.guard for one in found.readings if one.verdict is Verdict.HARM] == [guard]
    assert found.why.startswith(f"{guard}: ")
    assert found.harmed == {"challenger"}


def test_silence_and_one_sided_traffic_are_unsure() -> None:
    nothing = seen(standing(), [])
    assert (nothing.verdict, nothing.requests) == (Verdict.UNSURE, 0)
    assert "no request yet" in nothing.why
    only_champion = seen(standing(), drawn(CHAMPION, USUAL, 0, 200))
    assert only_champion.verdict is Verdict.UNSURE
    only_challenger = seen(standing(), drawn(CHALLENGER, replace(USUAL, errors=0.5), 0, 200))
    assert only_challenger.verdict is Verdict.UNSURE


def test_a_shared_outage_is_no_harm_and_not_sound() -> None:
    ill = replace(USUAL, errors=0.6, median=2.0)
    guards = {**GUARDS, "errors": {"at_most": 0.02}, "latency": {"p99_ms": 500}}
    found = seen(standing(guards=guards), arms(ill, ill, 200))
    assert found.verdict is Verdict.UNSURE, found.why


def test_a_late_outage_of_both_does_not_hide_the_arms() -> None:
    ill = replace(USUAL, errors=0.6)
    well = arms(USUAL, USUAL, 100)
    later = [replace(row, key=replace(row.key, second=row.key.second + 100)) for row in arms(ill, ill, 100, share=0.25)]
    assert seen(standing(), well + later).verdict is not Verdict.HARM


def test_one_error_is_no_harm_to_a_champion_without_errors() -> None:
    spotless = replace(USUAL, errors=0.0)
    before = drawn(CHAMPION, spotless, -300, 0)
    rows = arms(spotless, replace(spotless, errors=0.003), 200)
    observer = Observer(MemoryRollups(before + rows), MemoryLog(), {MODEL: "binary"})
    found = observer.evidence(standing(), START + timedelta(seconds=200 + BEHIND))
    assert found.readings[0].verdict is Verdict.SOUND, found.readings[0].why
    rows = arms(spotless, replace(spotless, errors=0.05), 200)
    observer = Observer(MemoryRollups(before + rows), MemoryLog(), {MODEL: "binary"})
    assert observer.evidence(standing(), START + timedelta(seconds=200 + BEHIND)).verdict is Verdict.HARM


def test_only_whole_seconds_of_the_rung_count() -> None:
    at = replace(standing(), since=START + timedelta(seconds=50.5))
    found = seen(at, arms(USUAL, USUAL, 52), 52)
    inside = [row.count for row in arms(USUAL, USUAL, 52) if row.key.second == SECOND + 51]
    assert found.requests == inside[-1]


def test_what_is_not_final_yet_does_not_count() -> None:
    rows = arms(USUAL, replace(USUAL, errors=0.5), 100)
    observer = Observer(MemoryRollups([*past(), *rows]), MemoryLog(), {MODEL: "binary"})
    early = observer.evidence(standing(), START + timedelta(seconds=BEHIND))
    assert (early.verdict, early.requests) == (Verdict.UNSURE, 0)
    assert observer.evidence(standing(), START + timedelta(seconds=100 + BEHIND)).verdict is Verdict.HARM


def test_without_a_past_evidence_begins_once_the_champion_has_said_what_is_usual() -> None:
    rollups = MemoryRollups(arms(Nature(2.0), Nature(2.0), 20))
    observer = Observer(rollups, MemoryLog(), {MODEL: "binary"})
    found = observer.evidence(standing(), START + timedelta(seconds=20 + BEHIND))
    assert found.verdict is Verdict.UNSURE
    assert f"of the {USUAL_REQUESTS:,} requests that say what is usual" in found.why
    rollups.rows = arms(USUAL, USUAL, 400)
    found = observer.evidence(standing(), START + timedelta(seconds=400 + BEHIND))
    assert found.verdict is Verdict.SOUND
    learned = learn_past(own(rollups.rows, CHAMPION), SECOND)
    assert learned is not None
    assert learned.until > SECOND
    judged = [row.count for row in rollups.rows if row.key.arm == "challenger" and row.key.second >= learned.until]
    assert found.requests == sum(judged)


def test_a_shadow_is_judged_by_its_copies_and_not_by_its_latency() -> None:
    copies = drawn(Whose("challenger", "2", SHADOW), replace(USUAL, median=1.0), 0, 200)
    found = seen(standing(0), drawn(CHAMPION, USUAL, 0, 200) + copies)
    assert found.verdict is Verdict.SOUND, found.why
    assert [one.guard for one in found.readings] == ["errors"]
    copies = drawn(Whose("challenger", "2", SHADOW), replace(USUAL, errors=0.1), 0, 200)
    assert seen(standing(0), drawn(CHAMPION, USUAL, 0, 200) + copies).verdict is Verdict.HARM


def test_after_the_promotion_the_copies_of_the_old_champion_are_the_comparison() -> None:
    at = replace(standing(3), arm="challenger", state=State.PROMOTED)
    assert at.at.kind is Kind.FULL
    who = sides(at)
    assert who.champion == Whose("previous", "1", SHADOW)
    assert who.arms == {"challenger": Whose("champion", "2", "live")}
    old = drawn(who.champion, USUAL.part(0.05), 0, 200)
    for errors, verdict in ((0.01, False), (0.1, True)):
        new = drawn(who.arms["challenger"], replace(USUAL, errors=errors), 0, 200)
        assert (seen(at, old + new).verdict is Verdict.HARM) is verdict


def test_rollups_that_cannot_be_read_are_unsure_and_say_why() -> None:
    rollups = MemoryRollups(broken="disk full of sand")
    found = Observer(rollups, MemoryLog(), {MODEL: "binary"}).evidence(standing(), START + timedelta(minutes=5))
    assert (found.verdict, found.readings) == (Verdict.UNSURE, ())
    assert "disk full of sand" in found.why


ROWS = arms(USUAL, Nature(errors=0.02, median=0.022), 60)
FROM = learn_past(own(past(), CHAMPION), SECOND)


def whole(batches: Sequence[Sequence[Row]]) -> Evidence:
    assert FROM is not None
    course = Course(standing(), FROM, "binary")
    for batch in batches:
        course.feed_rows(batch)
    return course.evidence({})


@settings(max_examples=20, deadline=None)
@given(st.sets(st.integers(1, 59), max_size=12), st.randoms(use_true_random=False))
def test_any_batches_of_seconds_in_any_order_within_them_give_the_same(cuts: set[int], dice: Any) -> None:
    edges = [0, *sorted(cuts), 60]
    batches = []
    for since, until in pairwise(edges):
        batch = [row for row in ROWS if since <= row.key.second - SECOND < until]
        dice.shuffle(batch)
        batches.append(batch)
    one, other = whole([ROWS]), whole(batches)
    assert (one.verdict, one.requests) == (other.verdict, other.requests)
    for mine, theirs in zip(one.readings, other.readings, strict=True):
        assert mine.log_e_harm == pytest.approx(theirs.log_e_harm)
        assert mine.log_e_sound == pytest.approx(theirs.log_e_sound)
        assert mine.why == theirs.why


def test_a_process_that_starts_anew_says_the_same_as_one_that_watched() -> None:
    rollups = MemoryRollups([*past(), *arms(USUAL, USUAL, 90)])
    watching, at = Observer(rollups, MemoryLog(), {MODEL: "binary"}), standing()
    for second in range(0, 90, 7):
        watching.evidence(at, START + timedelta(seconds=second + BEHIND))
    now = START + timedelta(seconds=90 + BEHIND)
    fresh = Observer(rollups, MemoryLog(), {MODEL: "binary"}).evidence(at, now)
    found = watching.evidence(at, now)
    assert fresh.why == found.why
    assert fresh.requests == found.requests > 0


def test_another_rung_begins_anew() -> None:
    rollups = MemoryRollups([*past(), *arms(USUAL, USUAL, 200)])
    observer = Observer(rollups, MemoryLog(), {MODEL: "binary"})
    now = START + timedelta(seconds=200 + BEHIND)
    assert observer.evidence(standing(1), now).verdict is Verdict.SOUND
    later = replace(standing(2), since=START + timedelta(seconds=199))
    found = observer.evidence(later, now)
    assert (found.verdict, found.since) == (Verdict.UNSURE, later.since)


@pytest.mark.parametrize("at_most", [0.005, 0.02, 0.5])
def test_a_limit_on_errors_takes_nothing_from_the_comparison_with_a_champion_that_errs(at_most: float) -> None:
    rows = arms(USUAL, replace(USUAL, errors=0.02), 60)
    plain = seen(standing(), rows, 60).readings[0]
    limited = seen(standing(guards={**GUARDS, "errors": {"at_most": at_most}}), rows, 60).readings[0]
    assert limited.log_e_harm == pytest.approx(plain.log_e_harm)


def test_a_limit_below_the_absolute_margin_is_the_one_that_holds_to_a_champion_without_errors() -> None:
    spotless = replace(USUAL, errors=0.0)
    rows = [*drawn(CHAMPION, spotless, -300, 0), *arms(spotless, replace(spotless, errors=0.008), 200)]
    after = START + timedelta(seconds=200 + BEHIND)
    for said, verdict in (({}, Verdict.SOUND), ({"at_most": 0.002}, Verdict.HARM)):
        at = standing(guards={**GUARDS, "errors": {"absolute": 0.02, **said}})
        found = Observer(MemoryRollups(rows), MemoryLog(), {MODEL: "binary"}).evidence(at, after)
        assert found.readings[0].verdict is verdict, found.readings[0].why
