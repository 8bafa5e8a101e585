"""The contract of an outbox as tests: subclass it in a test file and give the fixtures `store` and `clock`."""

from collections.abc import Sequence
from datetime import timedelta

from headgate.journal.event import NewEvent
from headgate.journal.ports import Delivery, EventStore, Settled, Standing
from headgate.testing.clock import FakeClock

MINUTE = timedelta(minutes=1)


def append(store: EventStore, *kinds: str) -> None:
    """Record one event of each kind."""
    at = max((event.sequence for event in store.read("project")), default=0)
    store.append("project", at, [NewEvent(kind, "person:ada", "", {}) for kind in kinds])


def fill(store: EventStore, clock: FakeClock, patterns: Sequence[str] = ("*",), start: int = 0) -> None:
    """Take up everything."""
    while store.outbox.fill("hook", patterns, start, clock.now()):
        pass


def claim(store: EventStore, clock: FakeClock, lease: str = "mine") -> Delivery | None:
    """Claim for a minute."""
    return store.outbox.claim("hook", clock.now(), lease, clock.now() + MINUTE)


def positions(store: EventStore, clock: FakeClock) -> list[int]:
    """Claim and settle as done whatever is due; return where it stood."""
    found = []
    while (delivery := claim(store, clock)) is not None:
        found.append(delivery.event.position)
        assert store.outbox.settle(delivery, Settled("done", clock.now(), ""))
    return found


class OutboxContract:
    """What every outbox must do."""

    def test_events_that_match_are_delivered_once_in_order(self, store: EventStore, clock: FakeClock) -> None:
        """Only matching kinds, lowest position first, and not again."""
        append(store, "pointer.moved", "run.finished", "pointer.lost")
        fill(store, clock, ["pointer.*"])
        assert positions(store, clock) == [1, 3]
        append(store, "pointer.moved")
        fill(store, clock, ["pointer.*"])
        assert positions(store, clock) == [4]
        assert store.outbox.standings() == (Standing("hook", 4, 3, 0, 0, ""),)

    def test_a_new_webhook_starts_where_it_is_told(self, store: EventStore, clock: FakeClock) -> None:
        """The start counts only while there is no cursor."""
        append(store, "a", "b", "c")
        fill(store, clock, start=2)
        fill(store, clock, start=0)
        assert positions(store, clock) == [3]

    def test_thousands_of_events_are_taken_up(self, store: EventStore, clock: FakeClock) -> None:
        """More than a page."""
        append(store, *(["a", "b"] * 600))
        fill(store, clock, ["b"])
        assert store.outbox.standings() == (Standing("hook", 1200, 0, 600, 0, ""),)

    def test_a_claimed_delivery_belongs_to_one_until_its_lease_ends(self, store: EventStore, clock: FakeClock) -> None:
        """A second claim gets nothing; after the lease it gets the same id, and the first may no longer settle."""
        append(store, "a", "b")
        fill(store, clock)
        first = claim(store, clock, "first")
        assert first is not None
        assert claim(store, clock, "second") is None
        clock.advance(2 * MINUTE)
        second = claim(store, clock, "second")
        assert second is not None
        assert (second.id, second.event, second.attempt) == (first.id, first.event, 2)
        assert not store.outbox.settle(first, Settled("done", clock.now(), ""))
        assert store.outbox.settle(second, Settled("done", clock.now(), ""))
        assert positions(store, clock) == [2]

    def test_a_failed_delivery_comes_back_when_it_is_due_and_not_before(
        self, store: EventStore, clock: FakeClock
    ) -> None:
        """A later one may pass it meanwhile."""
        append(store, "a", "b")
        fill(store, clock)
        first = claim(store, clock)
        assert first is not None
        assert store.outbox.settle(first, Settled("pending", clock.now() + MINUTE, "it answered 500"))
        assert store.outbox.standings() == (Standing("hook", 2, 0, 2, 0, "it answered 500"),)
        assert positions(store, clock) == [2]
        clock.advance(MINUTE)
        again = claim(store, clock)
        assert again is not None
        assert (again.id, again.attempt) == (first.id, 2)

    def test_a_dead_delivery_stays_dead_until_it_is_replayed(self, store: EventStore, clock: FakeClock) -> None:
        """A replay sends it, and all that came after, under the same id."""
        append(store, "a", "b", "c")
        fill(store, clock)
        first = claim(store, clock)
        assert first is not None
        assert store.outbox.settle(first, Settled("dead", clock.now(), "given up"))
        assert positions(store, clock) == [2, 3]
        clock.advance(365 * 24 * 60 * MINUTE)
        assert claim(store, clock) is None
        assert store.outbox.standings() == (Standing("hook", 3, 2, 0, 1, "given up"),)
        store.outbox.replay("hook", 1)
        fill(store, clock)
        again = claim(store, clock)
        assert again is not None
        assert (again.id, again.attempt) == (first.id, 1)
        assert store.outbox.settle(again, Settled("done", clock.now(), ""))
        assert positions(store, clock) == [2, 3]

    def test_a_replay_never_skips_what_was_not_taken_up(self, store: EventStore, clock: FakeClock) -> None:
        """From a position after the cursor, nothing between is lost; who was sending meanwhile settles nothing."""
        append(store, "a")
        fill(store, clock)
        held = claim(store, clock)
        assert held is not None
        append(store, "b", "c")
        store.outbox.replay("hook", 3)
        store.outbox.replay("hook", 1)
        assert not store.outbox.settle(held, Settled("done", clock.now(), ""))
        fill(store, clock)
        assert positions(store, clock) == [1, 2, 3]

    def test_a_replay_from_beyond_the_end_skips_nothing_that_is_still_to_come(
        self, store: EventStore, clock: FakeClock
    ) -> None:
        """A webhook that was never filled has no cursor yet, and must not get one in the future."""
        append(store, "a")
        store.outbox.replay("hook", 99)
        append(store, "b")
        fill(store, clock)
        assert positions(store, clock) == [2]
