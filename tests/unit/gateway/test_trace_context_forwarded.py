"""The trace context of a request is there where another server is asked, and nowhere else."""

from types import SimpleNamespace
from typing import Any

import pytest

from headgate.base.trace import CURRENT, Trace
from headgate.gateway.call import Batch, compute
from headgate.gateway.trace import trace_of

ONE, TWO = (b"00-" + digit * 32 + b"-00f067aa0ba902b7-01" for digit in (b"1", b"2"))


class Loaded:
    """A version whose model says which trace it saw, and fails when a row called bad is among others."""

    def __init__(self) -> None:
        self.seen: list[Trace | None] = []
        self.predictor = self
        self.singles = self

    def gather(self, rows: list[Any]) -> list[Any]:
        return rows

    def predict(self, rows: list[Any]) -> list[Any]:
        self.seen.append(CURRENT.get())
        if len(rows) > 1 and "bad" in rows:
            raise ValueError("bad")
        return rows


def batch(*asked: tuple[bytes | None, str]) -> Batch:
    heads = [{} if parent is None else {b"traceparent": parent, b"tracestate": b"a=1"} for parent, _ in asked]
    waiting = [SimpleNamespace(head=SimpleNamespace(headers=head)) for head in heads]
    return Batch([(one, row) for one, (_, row) in zip(waiting, asked, strict=True)], [])


def run(some: Batch, trace: Any = trace_of) -> list[Trace | None]:
    loaded: Any = Loaded()
    token = CURRENT.set(None)
    compute(loaded, some, 100, trace)
    CURRENT.reset(token)
    return list(loaded.seen)


@pytest.mark.parametrize("first", [None, b"no trace"])
def test_requests_that_are_computed_together_go_with_the_first_context_that_is_valid(first: bytes | None) -> None:
    assert run(batch((first, "a"), (ONE, "b"), (TWO, "c"))) == [Trace(ONE.decode(), "a=1")]


def test_requests_that_are_computed_alone_go_with_their_own() -> None:
    one, two = Trace(ONE.decode(), "a=1"), Trace(TWO.decode(), "a=1")
    assert run(batch((ONE, "a"), (TWO, "bad"), (None, "c"))) == [one, one, two, None]


def test_nothing_is_read_where_nobody_asks_another_server() -> None:
    assert run(batch((ONE, "a")), None) == [None]
