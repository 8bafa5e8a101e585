"""A trace context is passed on as it came, or not at all: bounded, valid, and of a version that everybody reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.trace import MOST_STATE, Trace, read

PARENT = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_valid_context_comes_through_unchanged() -> None:
    state = b"rojo=00f067aa0ba902b7, congo=t61rcWkgMzE,fw529a3039@dt=FfVl;a b"
    trace = read(PARENT, state)
    assert trace is not None
    assert trace.headers() == {
        "traceparent": PARENT.decode(),
        "tracestate": "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE,fw529a3039@dt=FfVl;a b",
    }
    assert read(PARENT) == Trace(PARENT.decode())


@pytest.mark.parametrize(
    "parent",
    [
        None,
        b"",
        b"00",
        PARENT.upper(),
        PARENT + b"-01",
        PARENT + b"\r\nx: y",
        PARENT + b", " + PARENT,
        b"ff" + PARENT[2:],
        b"00-" + b"0" * 32 + PARENT[35:],
        PARENT[:36] + b"0" * 16 + PARENT[52:],
        b"01" + PARENT[2:] + b"-" + b"x" * 500,
    ],
)
def test_what_is_no_context_is_none(parent: bytes | None) -> None:
    assert read(parent, b"a=b") is None


def test_a_later_version_is_passed_on_as_the_one_that_is_known() -> None:
    assert read(b"cc" + PARENT[2:-2] + b"ff-what-comes-later") == Trace(PARENT.decode())


MANY = b",".join(b"k%d=1" % at for at in range(33))


@pytest.mark.parametrize(
    "state",
    [
        b"",
        b"A=b",
        b"a",
        b"a=\x01",
        b"a=b,a=c",
        b"a=b" + b"x" * MOST_STATE,
        b",".join(b"k%d=1" % at for at in range(33)),
    ],
)
def test_a_bad_state_is_left_out_and_the_parent_goes_on(state: bytes) -> None:
    assert read(PARENT, state) == Trace(PARENT.decode())


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_no_bytes_break_it_and_what_comes_out_fits_a_header(parent: bytes, state: bytes) -> None:
    for trace in (read(parent, state), read(PARENT, state)):
        assert trace is None or all(text.isascii() and text.isprintable() for text in trace.headers().values())
