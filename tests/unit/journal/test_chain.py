"""A chain is whole or names its first break; whatever is done to it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.digest import Json
from headgate.base.errors import BadInput, Tampered
from headgate.journal.chain import Break, check_head, link, read_body, read_time, stamp, verify_chain
from headgate.journal.event import Event, NewEvent
from headgate.journal.head import EMPTY, Head

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
bodies = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def chain(count: int) -> list[Event]:
    events: list[Event] = []
    sequences = {"a": 0, "b": 0}
    for step in range(count):
        stream = "ab"[step % 3 == 0]
        new = NewEvent("x.y", "person:ada", "because", {"n": step})
        events += link(events[-1] if events else None, stream, sequences[stream], [new], NOON + timedelta(seconds=step))
        sequences[stream] += 1
    return events


EVENTS = chain(9)


def test_an_empty_journal_and_a_whole_one_have_no_break() -> None:
    assert verify_chain([]) is None
    assert verify_chain(EVENTS) is None
    assert verify_chain(EVENTS, Head(9, EVENTS[8].hash)) is None
    assert verify_chain(EVENTS[4:], after=EVENTS[3]) is None


@given(
    st.integers(0, 8),
    st.sampled_from(["position", "stream", "sequence", "kind", "at", "actor", "reason", "body", "previous", "hash"]),
)
def test_any_change_of_any_field_is_found_no_later_than_the_next_event(index: int, field: str) -> None:
    event = EVENTS[index]
    changed: dict[str, object] = {
        "position": event.position + 100,
        "stream": "c",
        "sequence": event.sequence + 1,
        "kind": "x.z",
        "actor": "person:bob",
        "at": event.at + timedelta(microseconds=1),
        "reason": "",
        "body": {"n": -1},
        "previous": "sha256:0",
        "hash": "sha256:1",
    }
    events = [*EVENTS[:index], replace(event, **{field: changed[field]}), *EVENTS[index + 1 :]]  # type: ignore[arg-type]
    broken = verify_chain(events)
    assert broken is not None
    assert broken.position == event.position


@given(st.sets(st.integers(0, 8), min_size=1, max_size=9))
def test_any_events_that_are_removed_are_found_at_the_first_of_them(gone: set[int]) -> None:
    left = [event for index, event in enumerate(EVENTS) if index not in gone]
    broken = verify_chain(left, Head(9, EVENTS[8].hash))
    assert broken is not None
    assert broken.position == min(gone) + 1
    assert broken.fault in ("removed", "truncated")


@given(st.permutations(EVENTS))
def test_any_other_order_is_found(events: list[Event]) -> None:
    assert (verify_chain(events) is None) == (events == EVENTS)


def test_a_chain_rewritten_with_right_hashes_but_wrong_sequences_is_found() -> None:
    first = link(None, "a", 0, [NewEvent("x", "p:a", "", {})], NOON)
    second = link(first[-1], "a", 5, [NewEvent("x", "p:a", "", {})], NOON)
    assert verify_chain([*first, *second]) == Break(2, "sequence", "stream a goes from sequence 1 to 6")


def test_a_row_that_cannot_be_read_is_a_break_after_the_last_good_one() -> None:
    def rows() -> object:
        yield from EVENTS[:3]
        raise Tampered("the row was changed: no JSON", where="event 4")

    assert verify_chain(rows()) == Break(4, "unreadable", "the row was changed: no JSON")  # type: ignore[arg-type]


@pytest.mark.parametrize("lag", range(10))
def test_a_head_that_lags_is_no_break(lag: int) -> None:
    head = Head(lag, EVENTS[lag - 1].hash) if lag else EMPTY
    assert verify_chain(EVENTS, head) is None


def test_a_head_of_another_history_is_found_even_when_it_lags() -> None:
    broken = verify_chain(EVENTS, Head(4, "sha256:other"))
    assert broken is not None
    assert (broken.position, broken.fault) == (4, "edited")
    assert check_head(EVENTS[8], Head(4, "sha256:other"), EVENTS[3]) is not None
    assert check_head(EVENTS[8], Head(4, EVENTS[3].hash), EVENTS[3]) is None


def test_a_cut_end_says_what_is_gone() -> None:
    assert check_head(EVENTS[6], Head(9, "x")) == Break(
        8, "truncated", "the signed head says that 9 events were recorded; 8 to 9 gone from the end"
    )
    assert check_head(None, Head(1, "x")) == Break(
        1, "truncated", "the signed head says that 1 event was recorded; 1 gone from the end"
    )


@given(st.dictionaries(st.text(), bodies, max_size=4))
def test_any_json_body_is_linked_as_it_is_read_back(body: dict[str, Json]) -> None:
    try:
        (event,) = link(None, "a", 0, [NewEvent("x", "p:a", "", body)], NOON)
    except BadInput as error:
        assert "surrogates" in error.what or "Unicode" in error.what  # noqa: PT017
        return
    assert event.body == body
    assert verify_chain([event]) is None


@pytest.mark.parametrize("text", ["[]", "1", '{"a": 1}', '{"b":1,"a":2}', '{"a":1,"a":2}', '{"a":NaN}', "{", ""])
def test_only_the_canonical_text_of_an_object_is_a_body(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_body(text)


@pytest.mark.parametrize("text", ["2026-03-01T12:00:00+00:00", "2026-03-01 12:00:00.000000+00:00", "noon"])
def test_only_the_one_way_to_write_a_time_is_a_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_time(text)


@given(st.timedeltas(-timedelta(days=9), timedelta(days=9)))
def test_time_does_not_run_backwards_over_a_small_skew(ahead: timedelta) -> None:
    last = replace(EVENTS[0], at=NOON + ahead)
    stamped = stamp(NOON, last)
    assert stamped >= NOON
    assert stamped in (NOON, last.at)
    assert stamped >= last.at or ahead > timedelta(minutes=1)
