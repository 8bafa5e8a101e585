"""A dead worker comes back at once; one that keeps dying comes back ever later, and never gives up."""

import asyncio
from types import SimpleNamespace
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from headgate.gateway.supervise.link import Link
from headgate.gateway.supervise.restarts import GOOD_LIFE, LONGEST, Restarts


def test_the_first_death_costs_no_pause_and_the_next_ones_double_it() -> None:
    deaths = Restarts()
    assert [deaths.wait(1.0) for _ in range(5)] == [0.0, 0.5, 1.0, 2.0, 4.0]
    assert deaths.wait(GOOD_LIFE) == 0.0


@given(st.lists(st.floats(0, 100), max_size=100))
def test_a_post_is_never_given_up(lives: list[float]) -> None:
    deaths = Restarts()
    assert all(0 <= deaths.wait(lived) <= LONGEST for lived in lives)


@given(st.lists(st.binary(max_size=40), max_size=8), st.integers(1, 7))
def test_messages_come_out_whole_however_they_are_cut(messages: list[bytes], cut: int) -> None:
    got: list[bytes] = []
    link = Link(got.append, lambda: None)
    stream = b"".join(len(message).to_bytes(4, "big") + message for message in messages)
    for start in range(0, len(stream), cut):
        link.data_received(stream[start : start + cut])
    assert got == messages


def test_nothing_is_written_to_a_side_that_is_closing() -> None:
    written: list[bytes] = []
    gone = SimpleNamespace(is_closing=lambda: True, write=written.append)
    link = Link(lambda _message: None, lambda: None)
    link.connection_made(cast("asyncio.Transport", gone))
    link.send(b"late")
    assert written == []
