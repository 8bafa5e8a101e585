"""What chat is told: each kind of message whole, bounded, escaped, and without anything of single users."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.digest import Json
from headgate.journal.event import Event, NewEvent
from headgate.journal.outbox import LARGEST, payload
from headgate.journal.ports import Delivery
from headgate.release import events
from headgate.release.evidence import Differing, Evidence, Reading, Verdict, weigh
from headgate.release.move import Act, Intent, Move, State
from headgate.release.telling import SILENT, slack
from headgate.testing.clock import START
from headgate.testing.releases import MODEL, plan_of

ROW = Differing("0190-a", 0, "ada lovelace", "probability 0.1", "probability 0.9", 0.8)
READINGS = (
    Reading(
        "errors", True, Verdict.HARM, "3 % against 1 %", champion=0.01, challenger=0.03,  # noqa: FBT003
        estimate=3.1, lower=1.4, upper=7.2, requests=4_000,
    ),
    Reading(
        "latency", False, Verdict.UNSURE, "like the champion's", champion=12.25, challenger=13.0,  # noqa: FBT003
        estimate=1.06, lower=0.9, requests=4_000, unit="ms",
    ),
)  # fmt: skip
SEEN = replace(weigh(READINGS, START, 4_000), differing=(ROW,))
PLAN = plan_of()
ENTER = Intent("late-1", 2, Move(Act.ADVANCE, "shadow: sound: no worse", 1))
BACK = Intent("late-1", 3, Move(Act.ROLL_BACK, "5 %: harm: errors: 3 % against 1 %", 1, end=State.ROLLED_BACK))


def event(new: NewEvent, position: int) -> Event:
    return Event(position, f"model/{MODEL}", position, new.kind, START, new.actor, new.reason, new.body, "", "")


STARTED = event(events.started("late-1", PLAN, "person:ada", "March data"), 10)
EVIDENCE = event(events.evidence("late-1", SEEN, "process:controller", 1), 11)


def told(new: NewEvent, *before: Event) -> dict[str, Any] | None:
    found = slack(Delivery("chat", "d1", event(new, 12), 1, "lease"), before)
    return None if found is None else json.loads(found)


def texts(message: dict[str, Any] | None) -> list[str]:
    assert message is not None
    return [block["text"]["text"] for block in message["blocks"] if "text" in block]


def test_a_start_names_versions_who_why_and_the_rungs() -> None:
    assert told(events.started("late-1", PLAN, "person:ada", "March data")) == {
        "text": "late-1: release of version 2 against champion 1 starts",
        "blocks": [
            {
                "type": "header",
                "text": {"type": "plain_text", "text": "late-1: release of version 2 against champion 1 starts"},
            },
            {"type": "section", "text": {"type": "mrkdwn", "text": "by person:ada: March data"}},
            {"type": "section", "text": {"type": "mrkdwn", "text": "shadow &gt; 5 % &gt; 25 % &gt; full"}},
            {
                "type": "context",
                "elements": [
                    {
                        "type": "mrkdwn",
                        "text": f"model/late, event 12, {START:%Y-%m-%d %H:%M:%S} UTC, delivery d1",
                    }
                ],
            },
        ],
    }


def test_a_rollback_comes_with_the_comparison_that_it_stands_on() -> None:
    assert texts(told(events.rolled_back(BACK, "process:controller"), STARTED, EVIDENCE)) == [
        "late-1: rolled back; the champion of before has everything",
        "5 %: harm: errors: 3 % against 1 %",
        (
            "```guard               champion  challenger  estimate  interval     verdict\n"
            "errors              1 %       3 %         3.1       1.4 to 7.2   harm\n"
            "latency (advisory)  12.25 ms  13 ms       1.06      0.9 or more  unsure```"
        ),
    ]


def test_each_kind_says_what_happened() -> None:
    ask = events.asked("late-1", SEEN, START + timedelta(hours=5), "process:controller", "unsure for a day")[1]
    drop = Intent("late-1", 4, Move(Act.DROP, "bold harms", 1, drop=frozenset({"bold"})))
    promote = Intent("late-1", 4, Move(Act.PROMOTE, "sound", 3, arm="challenger"))
    done = Intent("late-1", 5, Move(Act.FINISH, "watched", 3, end=State.FINISHED))
    ended = Intent("late-1", 5, Move(Act.ROLL_BACK, "wrong data", 1, end=State.ABORTED))
    titles = [
        (events.moved(ENTER, "c"), "late-1: enters 5 %"),
        (events.moved(promote, "c"), "late-1: challenger is champion, and is watched"),
        (events.moved(drop, "c"), "late-1: harm: bold taken out"),
        (events.failed(ENTER, "c", "not approved"), "late-1: a move was refused; a person is asked"),
        (ask, "late-1: asks a person"),
        (events.paused("late-1", "person:ada", "caller deploys"), "late-1: paused"),
        (events.finished(done, "c"), "late-1: done"),
        (events.rolled_back(ended, "c"), "late-1: aborted; the champion of before has everything"),
    ]
    assert [texts(told(new, STARTED, EVIDENCE))[0] for new, _ in titles] == [said for _, said in titles]
    assert any("release resume" in text for text in texts(told(ask)))


@pytest.mark.parametrize("passed", [True, False])
def test_a_verdict_that_passed_asks_for_approval(passed: bool) -> None:  # noqa: FBT001
    lines: Json = [{"line": "roc_auc at least 0.6", "passed": passed, "why": "", "measured": {}}]
    body: dict[str, Json] = {"model": "late", "version": "7", "passed": passed, "lines": lines}
    said = texts(told(NewEvent("verdict.given", "process:gate", "the gate: 1 line", body)))
    if passed:
        assert said[0] == "late: version 7 passed the gate; approval needed"
        assert "headgate approve 7 --model late" in said[-1]
    else:
        assert said == ["late: version 7 did not pass the gate", "not met: roc_auc at least 0.6"]


def test_what_is_between_two_moves_is_no_message() -> None:
    follow = Intent("late-1", 2, Move(Act.RESHARE, "shares follow", 0, shares={"champion": 0.4, "challenger": 0.6}))
    assert {EVIDENCE.kind, "route.renewed"} <= SILENT
    assert told(events.evidence("late-1", SEEN, "c", 1)) is None
    assert told(events.moved(follow, "c")) is None


def test_nothing_of_a_single_user_is_told_in_any_form() -> None:
    for new in (events.evidence("late-1", SEEN, "c", 1), events.rolled_back(BACK, "c")):
        one = Delivery("chat", "d1", event(new, 12), 1, "lease")
        for found in (slack(one, (STARTED, EVIDENCE)) or b"", payload(one)):
            assert b"lovelace" not in found
            assert b"0190-a" not in found
    body = json.loads(payload(Delivery("chat", "d1", EVIDENCE, 1, "lease")))["event"]["body"]
    assert body["evidence"]["readings"][0]["estimate"] == 3.1


def test_a_message_without_a_plan_or_evidence_is_whole_all_the_same() -> None:
    assert texts(told(events.moved(ENTER, "c"))) == ["late-1: enters rung 2", "shadow: sound: no worse"]


def test_what_other_releases_saw_is_not_mixed_in() -> None:
    other = event(events.evidence("late-2", SEEN, "c", 1), 11)
    assert len(texts(told(events.rolled_back(BACK, "c"), other))) == 2


@given(st.text(max_size=9_000), st.integers(0, 60))
def test_messages_are_bounded_and_escaped_whatever_is_said(why: str, guards: int) -> None:
    found = tuple(replace(READINGS[0], guard=f"<g{number}>", why=why) for number in range(guards))
    seen = event(events.evidence("late-1", Evidence(Verdict.HARM, "h", START, found), "c", 1), 11)
    intent = replace(BACK, move=replace(BACK.move, why=why))
    message = told(events.rolled_back(intent, "c"), seen)
    for text in texts(message)[1:]:
        assert len(text) <= 3_000
        assert "<" not in text
    assert message is not None
    assert len(message["blocks"]) <= 50


@pytest.mark.parametrize("why", ["```<!channel> look", "``` " + "x" * 9_000])
def test_no_reason_gets_past_the_escaping_and_the_bound_by_how_it_begins(why: str) -> None:
    for text in texts(told(NewEvent("approval.given", "person:eve", why, {})))[1:]:
        assert "<" not in text
        assert len(text) <= 3_000


def test_a_body_that_is_too_large_is_told_by_its_size() -> None:
    large = event(NewEvent("verdict.given", "c", "x", {"lines": ["a" * LARGEST]}), 12)
    found = payload(Delivery("hook", "d1", large, 1, "lease"))
    assert len(found) < 1_000
    body = json.loads(found)["event"]
    assert (body["kind"], body["body"]["left_out_bytes"] > LARGEST) == ("verdict.given", True)
