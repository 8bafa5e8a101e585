"""Deliveries: what is sent, how it is signed, and when it is tried again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.journal.chain import link
from headgate.journal.event import NewEvent
from headgate.journal.outbox import (
    FIRST_WAIT,
    LONGEST_WAIT,
    TOLERANCE,
    TRIES,
    back_off,
    delivery_id,
    headers,
    holds,
    payload,
    settle,
    sign,
    wanted,
)
from headgate.journal.ports import Delivery, Sent

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
(EVENT,) = link(None, "model/a", 0, [NewEvent("pointer.moved", "person:ada", "gut 😀", {"to": "3"})], NOON)


def delivery(attempt: int = 1) -> Delivery:
    return Delivery("hook", delivery_id("hook", EVENT), EVENT, attempt, "lease")


@pytest.mark.parametrize(
    ("kind", "patterns", "is_wanted"),
    [
        ("pointer.moved", ["*"], True),
        ("pointer.moved", ["pointer.*"], True),
        ("pointer.moved", ["*.moved"], True),
        ("pointer.moved", ["pointer.moved"], True),
        ("pointer.moved", ["run.*", "verdict.given"], False),
        ("pointer.moved", ["POINTER.*"], False),
        ("pointer.moved", [], False),
    ],
)
def test_a_pattern_matches_kinds(kind: str, patterns: list[str], is_wanted: bool) -> None:  # noqa: FBT001
    assert wanted(kind, patterns) is is_wanted


def test_the_signature_is_the_documented_one() -> None:
    """Computed with: printf '1772366400.{"a":1}' | openssl dgst -sha256 -hmac topsecret."""
    assert sign("topsecret", b'{"a":1}', NOON) == (
        "t=1772366400,v1=47efaca37ebd9ee187e74b38d928eb8d16ed643b2a7bf67a996fe3ef96fd33a3"
    )


@given(st.binary(max_size=99), st.text(min_size=1), st.text(min_size=1))
def test_only_the_right_secret_body_and_time_hold(body: bytes, secret: str, other: str) -> None:
    secret, other = (text.encode(errors="ignore").decode() or "s" for text in (secret, other))
    signed = sign(secret, body, NOON)
    assert holds(signed, secret, body, NOON + TOLERANCE)
    assert not holds(signed, secret, body, NOON + TOLERANCE + timedelta(seconds=1))
    assert not holds(signed, secret, body + b"x", NOON)
    assert holds(signed, other, body, NOON) == (secret == other)
    assert not holds(signed.replace("t=1", "t=2"), secret, body, NOON)


@pytest.mark.parametrize("text", ["", "t=1", "v1=ab", "t=x,v1=y", "t=²,v1=y", "nonsense"])
def test_a_broken_signature_does_not_hold(text: str) -> None:
    assert not holds(text, "secret", b"", NOON)


def test_every_attempt_carries_the_same_id_and_body() -> None:
    first, second = delivery(1), delivery(2)
    assert payload(first) == payload(second)
    assert delivery_id("hook", EVENT) != delivery_id("other", EVENT)
    sent = headers(second, "secret", payload(second), NOON)
    assert (sent["Headgate-Delivery"], sent["Headgate-Event"], sent["Headgate-Attempt"]) == (
        first.id,
        "pointer.moved",
        "2",
    )
    assert holds(sent["Headgate-Signature"], "secret", payload(first), NOON)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_a_2xx_is_done(status: int) -> None:
    assert settle(delivery(), Sent(status), NOON).state == "done"


@pytest.mark.parametrize("sent", [Sent(500), Sent(404), Sent(302, "redirect"), Sent(199), Sent(None, "no answer")])
def test_anything_else_is_tried_again_later_and_says_why(sent: Sent) -> None:
    outcome = settle(delivery(), sent, NOON)
    assert outcome.state == "pending"
    assert outcome.due >= NOON + FIRST_WAIT
    assert outcome.why in (sent.why, f"it answered {sent.status}")


def test_the_last_attempt_is_the_end() -> None:
    assert settle(delivery(TRIES - 1), Sent(500), NOON).state == "pending"
    outcome = settle(delivery(TRIES), Sent(500), NOON)
    assert (outcome.state, outcome.why) == ("dead", f"given up after {TRIES} attempts: it answered 500")


def test_a_receiver_may_ask_for_more_time_but_not_for_ever() -> None:
    assert settle(delivery(), Sent(429, wait=timedelta(minutes=5)), NOON).due == NOON + timedelta(minutes=5)
    assert settle(delivery(), Sent(429, wait=timedelta(days=5)), NOON).due == NOON + LONGEST_WAIT


@given(st.integers(1, 10_000), st.text())
def test_waits_grow_and_are_bounded(attempt: int, key: str) -> None:
    key = key.encode(errors="ignore").decode()
    wait = back_off(attempt, key)
    assert FIRST_WAIT <= wait <= LONGEST_WAIT * 1.1
    assert wait <= back_off(attempt + 1, key) or wait >= LONGEST_WAIT
