"""Leases in memory; and the contract of every place that keeps them, over the fixtures `leases`, `store`, `clock`."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from threading import Lock

import pytest

from headgate.base.clock import Clock
from headgate.base.errors import Deposed
from headgate.journal.event import Event, NewEvent
from headgate.journal.head import Head
from headgate.journal.ports import Document, EventStore, Outbox
from headgate.loop.lease import Term, keep, leave, refuse_old, take
from headgate.loop.ports import Leases
from headgate.testing.clock import FakeClock

HOUR, OVER = timedelta(hours=1), timedelta(0)


class MemoryLeases:
    """Leases that are forgotten with the process.

    Args:
        store: The journal that leaders write.
        clock: Of this place; controllers may have others.
    """

    def __init__(self, store: EventStore, clock: Clock) -> None:
        self.store, self._clock = store, clock
        self.terms: dict[str, Term] = {}
        self.lock = Lock()

    def acquire(self, name: str, holder: str, span: timedelta) -> Term | None:
        """Begin a reign; None while another holder's lasts."""
        with self.lock:
            term = take(self.terms.get(name), name, holder, self._clock.now(), span)
            if term is not None:
                self.terms[name] = term
        return term

    def renew(self, term: Term, span: timedelta) -> Term:
        """Push on the lease of a reign, or raise Deposed."""
        with self.lock:
            self.terms[term.name] = kept = keep(self.terms.get(term.name), term, self._clock.now(), span)
        return kept

    def resign(self, term: Term) -> None:
        """End a reign at once; nothing happens where it has ended."""
        with self.lock:
            left = leave(self.terms.get(term.name), term, self._clock.now())
            if left is not None:
                self.terms[term.name] = left

    def read(self, name: str) -> Term | None:
        """Return the newest reign, which may have run out; None: there never was one."""
        return self.terms.get(name)

    def under(self, term: Term) -> EventStore:
        """Return the journal as the leader of a term may write it."""
        return _Led(self, term)


class _Led:
    """A journal that is written under a term."""

    def __init__(self, leases: MemoryLeases, term: Term) -> None:
        self._leases, self._term, self._store = leases, term, leases.store

    def append(
        self, stream: str, expected: int, events: Sequence[NewEvent], documents: Sequence[Document] = ()
    ) -> tuple[Event, ...]:
        """Record events, unless another reign began."""
        with self._leases.lock:
            refuse_old(self._leases.terms.get(self._term.name), self._term)
            return self._store.append(stream, expected, events, documents)

    def read(
        self, stream: str | None = None, *, after: int = 0, kinds: Sequence[str] = (), limit: int | None = None
    ) -> Iterator[Event]:
        """Yield events in order."""
        return self._store.read(stream, after=after, kinds=kinds, limit=limit)

    def last(self) -> Event | None:
        """Return the event at the highest position."""
        return self._store.last()

    def documents(self, collection: str) -> tuple[Document, ...]:
        """Return the current documents of a collection, by key."""
        return self._store.documents(collection)

    def head(self) -> Head:
        """Return where it ends."""
        return self._store.head()

    @property
    def outbox(self) -> Outbox:
        """Return what sends the events on."""
        return self._store.outbox


class LeasesContract:
    """What every place that keeps leases must do."""

    def test_one_leads_and_the_others_wait(self, leases: Leases) -> None:
        """Until its lease ran out."""
        assert leases.read("controller") is None
        first = leases.acquire("controller", "a", HOUR)
        assert first is not None
        assert (first.number, first.holder) == (1, "a")
        assert leases.acquire("controller", "b", HOUR) is None
        assert leases.read("controller") == first
        assert leases.acquire("other", "b", HOUR) is not None

    def test_each_reign_has_a_higher_number(self, leases: Leases) -> None:
        """Also that of one who led before, and that after a resignation."""
        numbers = []
        for holder in ("a", "b", "a", "a"):
            term = leases.acquire("controller", holder, OVER)
            assert term is not None
            numbers.append(term.number)
        assert numbers == [1, 2, 3, 4]
        held = leases.acquire("controller", "b", HOUR)
        assert held is not None
        leases.resign(held)
        after = leases.acquire("controller", "c", HOUR)
        assert after is not None
        assert after.number == held.number + 1

    def test_a_reign_is_kept_until_somebody_else_begins_one(self, leases: Leases) -> None:
        """A lease that ran out and that nobody took goes on."""
        first = leases.acquire("controller", "a", OVER)
        assert first is not None
        kept = leases.renew(first, OVER)
        assert (kept.number, kept.holder) == (1, "a")
        assert leases.acquire("controller", "b", HOUR) is not None
        with pytest.raises(Deposed, match=r"the controller of term 1 .a. may record nothing: b leads since, in term 2"):
            leases.renew(kept, HOUR)
        leases.resign(kept)
        found = leases.read("controller")
        assert found is not None
        assert found.holder == "b"
        assert leases.acquire("controller", "c", HOUR) is None

    def test_whoever_was_deposed_records_nothing(self, leases: Leases, store: EventStore) -> None:
        """Neither events nor documents, however long it slept; the new leader does."""
        first = leases.acquire("controller", "a", OVER)
        assert first is not None
        old = leases.under(first)
        event = NewEvent("a.b", "process:controller", "", {})
        old.append("model/a", 0, [event], [Document("route", "a", 1, {"by": "a"})])
        second = leases.acquire("controller", "b", HOUR)
        assert second is not None
        with pytest.raises(Deposed, match="b leads since"):
            old.append("model/a", 1, [event], [Document("route", "a", 2, {"by": "a"})])
        assert [one.sequence for one in store.read()] == [1]
        leases.under(second).append("model/a", 1, [event], [Document("route", "a", 2, {"by": "b"})])
        assert store.documents("route") == (Document("route", "a", 2, {"by": "b"}),)
        store.append("model/a", 2, [event])  # people write as ever

    def test_a_holders_clock_decides_nothing(self, leases: Leases, clock: FakeClock) -> None:
        """Whose clock (`clock`: that of the journal's writers) is days ahead takes nobody's lease."""
        assert leases.acquire("controller", "a", HOUR) is not None
        clock.advance(timedelta(days=3))
        assert leases.acquire("controller", "b", HOUR) is None
        clock.advance(timedelta(days=-9))
        found = leases.read("controller")
        assert found is not None
        assert leases.renew(found, OVER).number == 1
        assert leases.acquire("controller", "b", HOUR) is not None
