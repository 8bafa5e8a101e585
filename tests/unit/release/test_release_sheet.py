"""What people are told of a release: where it stands, what it waits for, and what happens next and when."""

from datetime import timedelta

import numpy as np
import pytest

from headgate.journal.event import Event, NewEvent
from headgate.predictions.rollup import Key, Row
from headgate.release import events
from headgate.release.evidence import Evidence, Reading, Verdict, weigh
from headgate.release.forecast import Traffic
from headgate.release.move import Act, Intent, Move
from headgate.release.progress import Releases, advance
from headgate.release.sheet import Sheet, sheet
from headgate.release.today import expected, measured
from headgate.routing.route import Arm, Route
from headgate.testing.clock import START
from headgate.testing.releases import MODEL, plan_of

HOUR, ACTOR = timedelta(hours=1), "process:controller"
ROUTE = Route(
    MODEL,
    2,
    (Arm("champion", "1", "sha256:1", 0.95, "b"), Arm("challenger", "2", "sha256:2", 0.05, "b")),
    renewed_until=START + HOUR,
    release="r1",
)


def saw(verdict: Verdict) -> Evidence:
    return weigh([Reading("errors", required=True, verdict=verdict, why="1 % fail")], START, 5000)


def releases(*news: NewEvent) -> Releases:
    found = Releases(MODEL)
    for number, new in enumerate((events.started("r1", plan_of(), "person:ada", "better"), *news), start=1):
        event = Event(number, f"model/{MODEL}", number, new.kind, START, new.actor, new.reason, new.body, "", "")
        found = advance(found, event)
    return found


def entered(*rungs: int) -> list[NewEvent]:
    found = list[NewEvent]()
    for step, rung in enumerate(rungs, start=1):
        intent = Intent("r1", step, Move(Act.ADVANCE, "sound", rung))
        found += [*events.intended(intent, saw(Verdict.SOUND), ACTOR), events.moved(intent, ACTOR)]
    return found


def sheet_of(*news: NewEvent, seen: Evidence | None = None, after: timedelta = HOUR / 2, ahead: str = "") -> Sheet:
    return sheet(releases(*news).all[0], seen, ROUTE, START + after, ahead)


def test_before_it_began_it_waits_for_its_turn_or_the_controller() -> None:
    waiting = sheet_of(ahead="r0")
    assert (waiting.headline, waiting.waits_for) == ("waiting, not begun", "its turn")
    assert waiting.what_next == "waits: release r0 of the same model must end first"
    due = sheet_of()
    assert (due.what_next, due.waits_for) == ("enters the next rung: begins with shadow", "the controller")


def test_on_a_rung_it_says_what_was_seen_what_is_next_and_when() -> None:
    found = sheet_of(*entered(0, 1), seen=saw(Verdict.UNSURE)).to_json()
    assert (found["state"], found["rung"], found["waits_for"]) == ("running", 1, "evidence")
    assert [rung["where"] for rung in found["rungs"]] == ["done", "now", "ahead", "ahead"]
    assert found["rungs"][1]["challenger"] == pytest.approx(0.05)
    assert found["shares"] == {"1": 0.95, "2": 0.05}
    assert found["next"]["act"] == "wait"
    assert found["next"]["until"] == (START + timedelta(days=1)).isoformat()
    assert found["evidence"]["readings"][0]["why"] == "1 % fail"


def test_what_is_shown_as_the_verdict_is_what_counts_on_this_rung() -> None:
    early = weigh([Reading("errors", required=True, verdict=Verdict.SOUND, why="x")], START - HOUR, 5000)
    found = sheet_of(*entered(0, 1), seen=early)
    assert found.seen.verdict is Verdict.UNSURE
    assert "it was sound before 5 % began" in found.what_next


def test_a_share_whose_lease_is_over_is_shown_as_it_is() -> None:
    assert sheet_of(*entered(0, 1), after=2 * HOUR).shares == {"1": 1.0, "2": 0.0}


def test_a_move_that_was_decided_and_not_made_is_said() -> None:
    intent = Intent("r1", 3, Move(Act.ROLL_BACK, "5 %: harm: 9 % fail", 1))
    found = sheet_of(*entered(0, 1), *events.intended(intent, saw(Verdict.HARM), ACTOR))
    assert found.waits_for == "the controller"
    assert found.what_next == "goes back to the champion of before (decided, not made yet): 5 %: harm: 9 % fail"


def test_who_is_waited_for_is_a_person_and_what_is_over_waits_for_nobody() -> None:
    paused = sheet_of(*entered(0), events.paused("r1", "person:ada", "a deploy"))
    assert (paused.waits_for, paused.headline) == ("a person", "paused, on shadow (1 of 4)")
    aborted = sheet_of(events.aborted("r1", "person:ada", "wrong data"))
    assert (aborted.waits_for, aborted.headline) == ("", "aborted")
    assert aborted.what_next == "nothing: aborted by person:ada: wrong data"


def test_todays_traffic_is_counted_from_where_it_began() -> None:
    now = 1_000_000
    keys = [Key(now - ago, MODEL, "1", "champion", "live") for ago in range(600, 0, -1)]
    copied = [Row(Key(now - 5, MODEL, "2", "challenger", "shadow"), 9_999)]
    challenger = [Row(Key(now - 5, MODEL, "2", "challenger", "live"), 600, 600)]
    found = measured([*(Row(key, 10, 1) for key in keys), *challenger, *copied], now)
    assert found == Traffic(11.0, 0.1)
    assert measured([Row(Key(now - 1, MODEL, "1", "champion", "live"), 60)], now).per_second == 1.0
    assert measured([], now) == Traffic(0.0, 0.0)
    assert expected(found, 50.0).per_second == 50.0
    assert expected(found, None) == found


def test_todays_traffic_says_how_errors_go_together() -> None:
    rng, now = np.random.default_rng(3), 1_000_000
    for size in (1, 5):
        rows = []
        for ago in range(300, 0, -1):
            units = rng.poisson(6 / size, 32) * size
            failed = rng.binomial(units // size, 0.02) * size
            key = Key(now - ago, MODEL, "1", "champion", "live")
            rows.append(Row(key, int(units.sum()), int(failed.sum()), {}, units.tolist(), failed.tolist()))
        found = measured(rows, now).of_errors
        assert found.phi == pytest.approx(size, rel=0.3)
        assert found.variance == 0.0
