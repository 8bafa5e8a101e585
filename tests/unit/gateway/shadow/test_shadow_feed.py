"""A feed sends what waits, a few flights at a time, and writes down what comes back; each copy ends in one place."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.gateway.metrics import catalogue as of
from headgate.gateway.metrics.meter import Meter
from headgate.gateway.shadow.feed import MOST_FLIGHTS, Feed
from headgate.gateway.shadow.messages import Done, run
from headgate.gateway.shadow.pair import Book
from headgate.gateway.shadow.queue import Bounds, Copy
from headgate.predictions.row import Answered, Layout, Source
from headgate.registry.field import Field
from headgate.registry.wire import pack, unpack

X, P = Field("x", "float32"), Field("p", "float32")
SOURCE = Source(Layout("m", (X,), (P,)), "2", "s", "shadow")


class Log:
    def __init__(self) -> None:
        self.rows: list[Answered] = []

    def add(self, batch: Answered) -> None:
        self.rows.append(batch)


class Bench:
    """A feed with a log, a clock that stands, and a process that is played by the test."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self.log, self.meter, self.sent = Log(), Meter(1000.0), list[bytes]()
        self.now = 5.0
        self.meter.slow = {}
        book = Book(SOURCE, self.log, self.meter.tally("m", "2", "s", "shadow"))
        self.feed = Feed(book, bounds or Bounds(), self.meter.counts, lambda: self.now, lambda: 77)
        self.number = 0

    def put(self, values: list[float], rows: list[int] | None = None, since: float = 4.0) -> list[bytes]:
        count = len(values) if rows is None else len(rows)
        ids = [b"id-%d" % (self.number + at) for at in range(count)]
        self.number += count
        column = np.array(values, np.float32)
        self.feed.put(Copy(ids, rows, None, {"x": column}, since, len(values), column.nbytes))
        return ids

    def answer(self, statuses: list[int] | None = None) -> None:
        """Answer the oldest flight: every value plus 10; only rows of good requests."""
        asked = run(self.sent.pop(0))
        x = unpack(asked.columns)["x"]
        if statuses:
            rows = asked.rows or [1] * len(x)
            x = x[np.repeat([status == 200 for status in statuses], rows)]
        self.feed.done(Done(statuses or [], pack({"p": x + np.float32(10)}), 0.25))

    def counts(self) -> dict[str, int]:
        short = {of.SHADOW_ANSWERED: "answered", of.SHADOW_FAILED: "failed", of.SHADOW_DROPPED: "dropped"}
        return {name: self.meter.counts[metric.name] for metric, name in short.items()}

    def logged(self) -> list[tuple[bytes, int]]:
        return [(identity, one.status) for one in self.log.rows for identity in one.ids]


def test_copies_of_several_ticks_go_together_and_come_back_under_the_live_ids() -> None:
    bench = Bench()
    ids = [*bench.put([1]), *bench.put([2, 3, 4], [1, 2], since=3.5)]
    assert bench.sent == []  # nobody is there yet
    bench.feed.open(bench.sent.append)
    assert len(bench.sent) == 1
    bench.now = 6.0
    bench.answer()
    (one,) = bench.log.rows
    assert list(one.ids) == ids
    assert one.inputs is not None
    assert one.outputs is not None
    assert one.inputs["x"].tolist() == [1, 2, 3, 4]
    assert one.outputs["p"].tolist() == [11, 12, 13, 14]
    assert (one.rows, one.status, one.source.role, one.time_us) == ([1, 1, 2], 200, "shadow", 77_000)
    assert one.latency_us == 2_500_000  # of the request that waited longest
    assert bench.counts() == {"answered": 3, "failed": 0, "dropped": 0}


def test_requests_count_in_the_second_in_which_the_live_ones_came_in() -> None:
    bench = Bench()
    bench.put([1], since=2.2)
    bench.put([2, 3], since=4.1)
    bench.feed.open(bench.sent.append)
    bench.answer([200, 500, 200])
    (arm,) = bench.meter.take(9.0, dict).arms
    assert (arm.role, arm.version, arm.rows, arm.cpu) == ("shadow", "2", 3, 0.25)
    seconds = {one.second: (one.count, one.errors) for one in arm.seconds}
    assert seconds == {1002: (1, 0), 1004: (2, 1)}


def test_each_request_has_the_status_that_it_got_and_only_good_ones_have_values() -> None:
    bench = Bench()
    bench.feed.open(bench.sent.append)
    ids = bench.put([1, 2, 3, 4], [1, 2, 1])
    bench.answer([200, 400, 200])
    assert dict(bench.logged()) == dict(zip(ids, [200, 400, 200], strict=True))
    good = next(one for one in bench.log.rows if one.status == 200)
    bad = next(one for one in bench.log.rows if one.status == 400)
    assert good.inputs is not None
    assert good.outputs is not None
    assert good.inputs["x"].tolist() == [1, 4]
    assert good.outputs["p"].tolist() == [11, 14]
    assert (bad.rows, bad.inputs, bad.outputs) == ([2], None, None)
    assert bench.counts() == {"answered": 2, "failed": 1, "dropped": 0}


def test_what_was_under_way_when_the_process_ended_failed_and_what_waits_goes_to_the_next() -> None:
    bench = Bench()
    bench.feed.open(bench.sent.append)
    lost = [identity for at in range(MOST_FLIGHTS) for identity in bench.put([float(at)])]
    kept = bench.put([9])
    bench.feed.shut()
    assert bench.logged() == [(identity, 503) for identity in lost]
    bench.sent.clear()
    bench.feed.open(bench.sent.append)
    bench.answer()
    assert bench.logged()[-1] == (kept[0], 200)
    assert bench.counts() == {"answered": 1, "failed": MOST_FLIGHTS, "dropped": 0}


def test_what_waits_at_the_end_is_dropped() -> None:
    bench = Bench()
    bench.put([1, 2])
    bench.feed.end()
    assert bench.counts() == {"answered": 0, "failed": 0, "dropped": 2}
    assert bench.log.rows == []


def test_an_answer_that_cannot_be_one_is_refused_and_its_flight_stays_under_way() -> None:
    bench = Bench()
    with pytest.raises(IndexError):
        bench.feed.done(Done([], {}, 0.0))
    bench.feed.open(bench.sent.append)
    bench.put([1, 2])
    with pytest.raises(ValueError, match="3 statuses for 2 requests"):
        bench.feed.done(Done([200, 200, 200], {}, 0.0))
    assert len(bench.feed.flights) == 1


steps = st.lists(st.sampled_from(["put", "put", "put many", "answer", "fail", "die", "open"]), max_size=60)


@given(steps, st.integers(1, 12))
def test_every_copy_is_answered_failed_or_dropped_once(does: list[str], rows: int) -> None:
    bench = Bench(Bounds(rows, 10_000))
    put: list[bytes] = []
    for step in does:
        match step:
            case "put" | "put many":
                put += bench.put([1.0] if step == "put" else [1.0, 2.0, 3.0])
            case "answer" if bench.sent:
                bench.answer()
            case "fail" if bench.sent:
                bench.answer([500] * len(bench.feed.flights[0].whole.ids))
            case "die":
                bench.feed.shut()
                bench.sent.clear()
            case "open" if not bench.sent:
                bench.feed.open(bench.sent.append)
        assert len(bench.feed.flights) <= MOST_FLIGHTS
        assert bench.feed.queue.rows <= rows
        assert bench.feed.queue.rows == 0 or len(bench.feed.flights) in {0, MOST_FLIGHTS}  # nothing waits for nothing
    bench.feed.end()
    counts = bench.counts()
    assert sum(counts.values()) == len(put)
    seen = Counter(identity for identity, _ in bench.logged())
    assert set(seen.values()) <= {1}
    assert len(seen) == counts["answered"] + counts["failed"]
    assert sum(status == 200 for _, status in bench.logged()) == counts["answered"]
