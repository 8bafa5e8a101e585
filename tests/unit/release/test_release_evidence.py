"""Readings of guards become one verdict: harm wins, silence is unsure, an advisory guard only speaks."""

import json
from datetime import UTC, datetime
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from headgate.release.evidence import Evidence, Reading, Verdict, nothing_seen, weigh

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SOUND, UNSURE, HARM = Verdict.SOUND, Verdict.UNSURE, Verdict.HARM
readings = st.builds(
    Reading,
    guard=st.sampled_from(["errors", "latency", "quality"]),
    required=st.booleans(),
    verdict=st.sampled_from(Verdict),
    why=st.just("because"),
    arm=st.sampled_from(["challenger", "bold"]),
    log_e_harm=st.floats(-9, 9),
    upper=st.none() | st.floats(0, 9),
)


def reading(verdict: Verdict, guard: str = "errors", *, required: bool = True, arm: str = "challenger") -> Reading:
    return Reading(guard, required, verdict, "because", arm)


def test_nothing_seen_is_unsure() -> None:
    assert nothing_seen(NOON).verdict is weigh([], NOON).verdict is UNSURE


def test_all_required_guards_must_be_sound() -> None:
    assert weigh([reading(SOUND), reading(SOUND, "latency")], NOON).verdict is SOUND
    unsure = weigh([reading(SOUND), reading(UNSURE, "latency")], NOON)
    assert (unsure.verdict, unsure.why) == (UNSURE, "latency: because")


def test_advisory_guards_show_and_never_decide() -> None:
    advisory = reading(HARM, "cost", required=False)
    seen = weigh([reading(SOUND), advisory], NOON)
    assert seen.verdict is SOUND
    assert advisory in seen.readings
    assert weigh([reading(SOUND, required=False)], NOON).verdict is UNSURE


def test_a_mismatch_makes_all_but_harm_unsure() -> None:
    seen = weigh([reading(SOUND)], NOON, stop="the challenger got 9 % of the units, not 5 %")
    assert (seen.verdict, seen.why) == (UNSURE, "the challenger got 9 % of the units, not 5 %")
    assert weigh([reading(HARM)], NOON, stop="mismatch").verdict is HARM


def test_guards_may_be_harm_together_where_none_is_alone() -> None:
    seen = weigh([reading(UNSURE), reading(UNSURE, "latency")], NOON, together="errors and latency point the same way")
    assert (seen.verdict, seen.why) == (HARM, "errors and latency point the same way")


def test_an_arm_that_was_taken_out_decides_nothing() -> None:
    seen = weigh([reading(HARM, arm="bold"), reading(SOUND)], NOON, 9, winner="bold")
    assert seen.harmed == {"bold"}
    rest = seen.without({"bold"})
    assert (rest.verdict, rest.winner, rest.requests) == (SOUND, "", 9)


@given(st.lists(readings), st.booleans())
def test_required_harm_is_harm_and_sound_needs_every_required_guard(found: list[Reading], stopped: bool) -> None:  # noqa: FBT001
    seen = weigh(found, NOON, stop="mismatch" if stopped else "")
    required = {one.verdict for one in found if one.required}
    assert (seen.verdict is HARM) == (HARM in required)
    assert (seen.verdict is SOUND) == (required == {SOUND} and not stopped)
    assert seen.why


@given(st.lists(readings), st.text())
def test_evidence_comes_back_from_json(found: list[Reading], winner: str) -> None:
    seen = weigh(found, NOON, 7, winner=winner)
    assert Evidence.from_json(json.loads(json.dumps(seen.to_json()))) == seen


def test_an_open_interval_can_be_recorded() -> None:
    body = Reading("latency", True, UNSURE, "few", upper=inf, log_e_harm=-inf).to_json()  # noqa: FBT003
    json.dumps(body, allow_nan=False)
    back = Reading.from_json(body)
    assert (back.upper, back.log_e_harm) == (None, 0.0)
