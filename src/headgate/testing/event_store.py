"""The contract of an event store as tests: subclass it in a test file and give the two fixtures.

class TestMine(EventStoreContract):
    @pytest.fixture
    def clock(self) -> FakeClock: ...
    @pytest.fixture
    def store(self, clock: FakeClock) -> EventStore: ...
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

import pytest

from headgate.base.digest import Json
from headgate.base.errors import BadInput, Conflict
from headgate.journal.chain import verify_chain
from headgate.journal.event import NewEvent
from headgate.journal.head import EMPTY, Head
from headgate.journal.ports import Document, EventStore
from headgate.testing.clock import FakeClock

NASTY: Mapping[str, Json] = {
    "text": "Grüße 😀 \x00 \n ' \" \\ %s %(x)s :name",
    "numbers": [0, -1, 2**63, 10**40, 1e300, 5e-324, 0.1, -0.0],
    "nested": {"z": None, "a": [True, False, {}, []], "": ""},
}


def new(kind: str = "thing.happened", **body: Json) -> NewEvent:
    """Return an event to append."""
    return NewEvent(kind, "person:ada", "because", body)


class EventStoreContract:
    """What every event store must do."""

    def test_an_empty_store_has_nothing(self, store: EventStore) -> None:
        """An empty store has nothing."""
        assert store.last() is None
        assert list(store.read()) == []
        assert store.documents("route") == ()

    def test_what_was_appended_is_read_back_the_same(self, store: EventStore, clock: FakeClock) -> None:
        """Append returns what read gives: every field, every kind of JSON."""
        recorded = store.append("project", 0, [NewEvent("a.b", "person:ada", "it's %s 😀", NASTY), new(n=2)])
        assert tuple(store.read()) == recorded
        assert recorded[0].body == NASTY
        assert recorded[1].previous == recorded[0].hash
        assert {event.at for event in recorded} == {clock.now()}
        assert store.last() == recorded[1]

    def test_positions_run_over_all_streams_and_sequences_within_one(self, store: EventStore) -> None:
        """Positions have no gaps, sequences belong to their stream, and the chain is whole."""
        store.append("model/a", 0, [new(), new()])
        store.append("model/b", 0, [new()])
        store.append("model/a", 2, [new()])
        found = [(event.position, event.stream, event.sequence) for event in store.read()]
        assert found == [(1, "model/a", 1), (2, "model/a", 2), (3, "model/b", 1), (4, "model/a", 3)]
        assert verify_chain(store.read()) is None

    @pytest.mark.parametrize("expected", [0, 2, -1])
    def test_a_stale_append_names_stream_expected_and_found_and_writes_nothing(
        self, store: EventStore, expected: int
    ) -> None:
        """A stale append is a Conflict that explains itself."""
        store.append("model/a", 0, [new()])
        with pytest.raises(Conflict, match=rf"stream model/a was expected at sequence {expected} and is at 1"):
            store.append("model/a", expected, [new()], [Document("route", "a", 1, {})])
        assert len(list(store.read())) == 1
        assert store.documents("route") == ()

    def test_a_document_is_written_with_its_event_and_only_forward(self, store: EventStore) -> None:
        """A document's revision rises; an event whose document is outdated is not recorded."""
        store.append("model/a", 0, [new()], [Document("route", "a", 1, {"v": 1}), Document("route", "b", 7, [1])])
        store.append("model/a", 1, [new()], [Document("route", "a", 2, {"v": 2})])
        for revision in (1, 2):
            with pytest.raises(Conflict, match=rf"revision {revision} was to be written, revision 2 is there already"):
                store.append("model/a", 2, [new()], [Document("route", "a", revision, {"v": 3})])
        assert store.documents("route") == (Document("route", "a", 2, {"v": 2}), Document("route", "b", 7, [1]))
        assert store.documents("other") == ()
        assert store.last() is not None
        assert len(list(store.read())) == 2  # noqa: PLR2004

    def test_the_head_is_where_the_journal_ends(self, store: EventStore) -> None:
        """At the start, and after each append."""
        assert store.head() == EMPTY
        store.append("project", 0, [new()])
        last = store.append("model/a", 0, [new(), new()])[-1]
        assert store.head() == Head(last.position, last.hash)
        assert verify_chain(store.read(), store.head()) is None

    def test_reading_filters_by_stream_kind_position_and_limit(self, store: EventStore) -> None:
        """Every filter alone, and all together."""
        for step in range(6):
            store.append(f"model/{'ab'[step % 2]}", step // 2, [new(f"kind.{step % 3}", n=step)])
        seen = {
            "stream": store.read("model/a"),
            "kinds": store.read(kinds=["kind.0", "kind.2"]),
            "after": store.read(after=4),
            "limit": store.read(limit=2),
            "none": store.read(limit=0),
            "absent": store.read("model/none"),
            "all": store.read("model/b", after=1, kinds=["kind.1"], limit=5),
        }
        assert {name: [event.position for event in events] for name, events in seen.items()} == {
            "stream": [1, 3, 5],
            "kinds": [1, 3, 4, 6],
            "after": [5, 6],
            "limit": [1, 2],
            "none": [],
            "absent": [],
            "all": [2],
        }

    def test_reading_while_appending_sees_every_event_once(self, store: EventStore) -> None:
        """A reader that is halfway does not stand in the way of a writer."""
        store.append("project", 0, [new(n=step) for step in range(1200)])
        seen = []
        for event in store.read():
            if event.position == 1:
                store.append("project", 1200, [new(n=1200)])
            seen.append(event.position)
        assert seen in (list(range(1, 1201)), list(range(1, 1202)))

    def test_an_event_that_cannot_be_kept_exactly_is_refused(self, store: EventStore) -> None:
        """NaN, what is not JSON, half a surrogate, a zero byte in a text, an empty append."""
        bad: list[NewEvent] = [
            new(n=float("nan")),
            new(n=float("inf")),
            NewEvent("a.b", "person:ada", "", {"when": datetime(2026, 3, 1, tzinfo=UTC)}),  # type: ignore[dict-item]
            NewEvent("a.b", "person:ada", "\udc00", {}),
            NewEvent("a.b", "person:ada", "zero \x00 byte", {}),
        ]
        for event in bad:
            with pytest.raises(BadInput, match="cannot be recorded exactly"):
                store.append("project", 0, [new(), event])
        for event in (new(""), NewEvent("a.b", " ", "", {})):
            with pytest.raises(BadInput, match="an event needs a"):
                store.append("project", 0, [event])
        with pytest.raises(BadInput, match="no event to record"):
            store.append("project", 0, [])
        with pytest.raises(BadInput, match="document cannot be kept"):
            store.append("project", 0, [new()], [Document("route", "a", 1, {"n": float("nan")})])
        assert store.last() is None

    def test_a_caller_who_changes_its_body_later_changes_nothing(self, store: EventStore) -> None:
        """What was recorded is no alias of what was handed in."""
        body: dict[str, Json] = {"n": 1}
        store.append("project", 0, [NewEvent("a.b", "person:ada", "", body)], [Document("route", "a", 1, body)])
        body["n"] = 2
        assert [event.body for event in store.read()] == [{"n": 1}]
        assert [document.body for document in store.documents("route")] == [{"n": 1}]

    def test_times_are_utc_and_do_not_run_backwards_over_a_small_skew(
        self, store: EventStore, clock: FakeClock
    ) -> None:
        """Two machines differ by seconds; a clock that was wrong by days is not followed for ever."""
        start = clock.now()
        clock.set(start.astimezone(timezone(timedelta(hours=2))))
        store.append("project", 0, [new()])
        clock.set(start - timedelta(seconds=30))
        store.append("project", 1, [new()])
        clock.set(start - timedelta(days=3))
        store.append("project", 2, [new()])
        times = [event.at for event in store.read()]
        assert times == [start, start, start - timedelta(days=3)]
        assert {time.tzinfo for time in times} == {UTC}
        assert verify_chain(store.read()) is None
