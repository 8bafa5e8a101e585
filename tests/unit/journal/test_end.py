"""Whoever reads a journal that was cut or edited is told."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from headgate.base.errors import Tampered
from headgate.journal.end import broken_end, read_checked, refuse_broken
from headgate.journal.event import Event, NewEvent
from headgate.journal.head import EMPTY, Head
from headgate.testing.clock import FakeClock
from headgate.testing.fakes import MemoryEventStore


class Headed(MemoryEventStore):
    """A store whose signed head stays where it was put."""

    signed: Head | None = EMPTY

    def head(self) -> Head:
        if self.signed is None:
            raise Tampered("there is no signed head, and no key of one", where="head.json", way_out="restore")
        return self.signed


@pytest.fixture
def store() -> Headed:
    store = Headed(FakeClock())
    last = store.append("project", 0, [NewEvent("a.b", "person:ada", "why", {"n": n}) for n in range(5)])[-1]
    store.signed = Head(last.position, last.hash)
    return store


def test_a_whole_journal_and_one_whose_head_lags_hold(store: Headed) -> None:
    store.append("project", 5, [NewEvent("a.b", "person:ada", "the head lags", {})])
    assert broken_end(store) == ""
    refuse_broken(store)
    assert read_checked(store) == (tuple(store.read()), "")


def test_an_empty_one_holds() -> None:
    assert broken_end(Headed(FakeClock())) == ""


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda events: events[:3], "event 4 truncated: the signed head says that 5 events were recorded; 4 to 5 gone"),
        (lambda _: (), "event 1 truncated"),
        (lambda events: (*events[:4], replace(events[4], hash="sha256:x")), "event 5 edited"),
    ],
)
def test_a_cut_end_is_told_at_every_reading(
    store: Headed, change: Callable[[tuple[Event, ...]], tuple[Event, ...]], says: str
) -> None:
    store._events = change(store._events)
    assert says in broken_end(store)
    assert says in read_checked(store)[1]
    with pytest.raises(Tampered, match="the journal does not hold") as caught:
        refuse_broken(store)
    assert "headgate audit" in caught.value.way_out


def test_a_head_that_is_gone_is_told(store: Headed) -> None:
    store.signed = None
    assert "there is no signed head" in broken_end(store)
    assert "there is no signed head" in read_checked(store)[1]


def test_an_edited_middle_is_told_by_whoever_reads_all(store: Headed) -> None:
    store._events = (store._events[0], replace(store._events[1], reason="other"), *store._events[2:])
    assert "event 2 edited" in read_checked(store)[1]
