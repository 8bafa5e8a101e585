"""Who leads, by the place that keeps the lease: rising terms, and nothing by a clock of one's own."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.errors import Deposed
from headgate.journal.event import NewEvent
from headgate.loop.lease import Term, keep, leave, refuse_old, take
from headgate.testing.clock import START, FakeClock
from headgate.testing.fakes import MemoryEventStore
from headgate.testing.leases import MemoryLeases

SPAN = timedelta(seconds=10)
HELD = Term("controller", 3, "a", START + SPAN)


def test_a_lease_that_lasts_is_its_holders_alone() -> None:
    assert take(HELD, "controller", "b", START, SPAN) is None
    assert take(HELD, "controller", "b", START + SPAN, SPAN) == Term("controller", 4, "b", START + 2 * SPAN)
    assert take(HELD, "controller", "a", START, SPAN) == Term("controller", 4, "a", START + SPAN)
    assert take(None, "controller", "b", START, SPAN) == Term("controller", 1, "b", START + SPAN)


def test_a_lease_that_ran_out_and_that_nobody_took_is_kept() -> None:
    late = START + 5 * SPAN
    assert keep(HELD, HELD, late, SPAN) == Term("controller", 3, "a", late + SPAN)
    taken = Term("controller", 4, "b", late)
    with pytest.raises(Deposed, match=r"the controller of term 3 \(a\) may record nothing: b leads since, in term 4"):
        keep(taken, HELD, late, SPAN)
    with pytest.raises(Deposed, match="nobody knows of that term"):
        refuse_old(None, HELD)


def test_who_resigns_leaves_at_once_and_only_once() -> None:
    assert leave(HELD, HELD, START) == Term("controller", 3, "a", START)
    assert leave(Term("controller", 4, "b", START), HELD, START) is None
    assert leave(None, HELD, START) is None


WHO = st.sampled_from("abc")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["acquire", "renew", "resign", "write"]), WHO),
        st.tuples(st.just("wait"), st.integers(0, 15)),
    ),
    max_size=60,
)


@given(STEPS)
def test_whatever_is_paused_and_whenever_it_wakes_only_the_newest_leader_writes(
    steps: list[tuple[str, str | int]],
) -> None:
    clock = FakeClock()
    store = MemoryEventStore(clock)
    leases, terms, written = MemoryLeases(store, clock), dict[str, Term](), list[int]()
    for what, who in steps:
        if isinstance(who, int):
            clock.advance(timedelta(seconds=who))
            continue
        term, newest = terms.get(who), leases.read("controller")
        if what == "acquire":
            got = leases.acquire("controller", who, SPAN)
            lasts = newest is not None and newest.holder != who and clock.now() < newest.until
            assert (got is None) == lasts
            terms |= {who: got} if got else {}
        elif term is not None and newest is not None:
            try:
                if what == "renew":
                    terms[who] = leases.renew(term, SPAN)
                elif what == "write":
                    leases.under(term).append("model/a", len(written), [NewEvent("a.b", "process:x", "", {})])
                    written.append(term.number)
                else:
                    leases.resign(term)
                    continue
                assert term.number == newest.number
            except Deposed:
                assert term.number < newest.number
    assert written == sorted(written)
    assert len(list(store.read())) == len(written)
