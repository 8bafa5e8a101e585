"""Requests of one tick become one call; each gets its own rows back, and a bad row fails only its own request."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.base.errors import BadInput, Unavailable
from headgate.base.trace import Trace
from headgate.features.predictor import Predictor
from headgate.gateway.batch import Lane
from headgate.gateway.call import Batch, Outputs
from headgate.gateway.fuse import Fuse
from headgate.gateway.gauge import Gauge
from headgate.gateway.guard.pace import Pace
from headgate.gateway.metrics.meter import Meter, Tally
from headgate.gateway.protocols.v2_json.parse import Asked, parse
from headgate.gateway.refusal import Refusal
from headgate.gateway.turn import Done, Pulse, Terms, Watch
from headgate.gateway.version import Loaded
from headgate.predictions.rollup import FINAL_SECONDS
from headgate.registry.bundle import Manifest
from headgate.registry.field import Field
from headgate.registry.signature import Columns, Signature

INPUTS = (Field("x", "float32"), Field("word", "string"))
SIGNATURE = Signature(INPUTS, INPUTS, (Field("prediction", "float32"),))


class Echo:
    """Gives x back; refuses, breaks or is away for rows that say so; `took` is told how many rows it worked for."""

    def __init__(self, took: Callable[[int], None]) -> None:
        self.took = took
        self.calls: list[int] = []
        self.closed = 0

    def run(self, features: Columns) -> dict[str, npt.NDArray[Any]]:
        words = features["word"].tolist()
        self.calls.append(len(words))
        self.took(len(words))
        if "bad" in words:
            raise BadInput("a bad word", where="row")
        if "fault" in words:
            raise ZeroDivisionError
        if "end" in words:
            raise SystemExit
        if "away" in words:
            raise Unavailable("gone")
        return {"prediction": features["x"]}

    def close(self) -> None:
        self.closed += 1


class Kept:
    """An answerer that keeps what it was told."""

    def __init__(self) -> None:
        self.answers: dict[int, list[float] | Exception] = {}
        self.left: set[int] = set()

    def singles(self, waiting: Sequence[tuple[Any, Any]], outputs: Outputs) -> None:
        for (who, _), value in zip(waiting, outputs["prediction"].tolist(), strict=True):
            self._keep(who, [value])

    def asked(self, waiting: Sequence[tuple[Any, Asked]], outputs: Outputs, start: int) -> None:
        for who, asked in waiting:
            self._keep(who, outputs["prediction"][start : start + asked.rows].tolist())
            start += asked.rows

    def failed(self, waiting: Any, error: Exception) -> None:
        self._keep(waiting, error)

    def units(self, batch: Batch, inputs: Columns | None) -> None:
        """Nobody names a unit here."""

    def trace(self, batch: Batch) -> Trace | None:
        """No request here has one."""

    def finished(self, batch: Batch, inputs: Columns | None, outputs: Outputs | None, latency_us: int) -> None:
        """Log nothing."""

    def gone(self, waiting: Any) -> bool:
        return waiting in self.left

    def _keep(self, who: int, answer: list[float] | Exception) -> None:
        assert who not in self.answers, "answered twice"
        self.answers[who] = answer


class Setting:
    def __init__(
        self, runtime: str = "onnx", inline_rows: int = 1000, terms: Terms | None = None, tally: Tally | None = None
    ) -> None:
        self.echo, self.kept = Echo(self._work), Kept()
        self.now, self.changes, self.row_seconds = 0.0, 0, 0.0
        manifest = Manifest("m", "regression", "onnx" if runtime == "onnx" else "pyfunc", "", SIGNATURE, (), 1, {})
        self.soon: list[Callable[[], None]] = []
        self.later: list[Callable[[], None]] = []
        self.aside: list[tuple[Callable[[], Any], Done]] = []
        self.loaded = Loaded("1", "sha256:1", Predictor(manifest, self.echo), self.echo.close)
        pulse = Pulse(
            self.soon.append,
            lambda work, done: self.aside.append((work, done)),
            inline_rows,
            self._later,
            Gauge(lambda: self.now, lambda: self.now),
        )
        self.fuse, self.pace = Fuse(failures=3, pause=10.0), Pace(budget=1.0)
        watch = Watch(lambda: self.now, self.pace, self.fuse, self.changed, terms or Terms(), tally)
        self.lane = Lane(self.loaded, self.kept, pulse, watch)

    def _later(self, _seconds: float, call: Callable[[], None]) -> None:
        self.later.append(call)

    def _work(self, rows: int) -> None:
        self.now += rows * self.row_seconds

    def changed(self) -> None:
        self.changes += 1

    def ask(
        self, who: int, rows: Sequence[tuple[float, str]], *, single: bool = False, deadline: float | None = None
    ) -> None:
        body = request(rows)
        if single:
            self.lane.add_single(who, self.loaded.singles.read(body))
        else:
            self.lane.add(who, parse(body, SIGNATURE, 1000), deadline)

    def tick(self) -> None:
        soon, self.soon[:] = list(self.soon), []
        for call in soon:
            call()

    def land(self) -> None:
        work, done = self.aside.pop(0)
        done(work())


def request(rows: Sequence[tuple[float, str]]) -> bytes:
    columns: Mapping[str, tuple[str, list[Any]]] = {
        "x": ("FP32", [value for value, _ in rows]),
        "word": ("BYTES", [word for _, word in rows]),
    }
    inputs = [
        {"name": name, "shape": [len(rows)], "datatype": kind, "data": data} for name, (kind, data) in columns.items()
    ]
    return json.dumps({"inputs": inputs}).encode()


rows = st.tuples(
    st.floats(width=32, allow_nan=False, allow_infinity=False), st.sampled_from(["good", "fine", "bad", "fault"])
)
asks = st.lists(st.tuples(st.lists(rows, min_size=1, max_size=4), st.booleans()), min_size=1, max_size=20)


@settings(max_examples=40)
@given(asks, st.sampled_from(["onnx", "pyfunc"]), st.integers(1, 50))
def test_every_request_gets_its_own_rows_and_fails_alone(
    asked: list[tuple[list[tuple[float, str]], bool]], runtime: str, inline_rows: int
) -> None:
    setting = Setting(runtime, inline_rows)
    for who, (many, single) in enumerate(asked):
        setting.ask(who, many, single=single and len(many) == 1)
    assert len(setting.soon) <= 1  # none where all are large
    setting.tick()
    while setting.aside:
        setting.land()
    for who, (many, _) in enumerate(asked):
        answer, words = setting.kept.answers[who], {word for _, word in many}
        if "bad" in words:
            assert isinstance(answer, BadInput)
        elif "fault" in words:
            assert isinstance(answer, ZeroDivisionError)
        else:
            assert answer == [float(np.float32(value)) for value, _ in many]


def test_a_tick_is_one_call_and_the_next_tick_another() -> None:
    setting = Setting()
    for who in range(5):
        setting.ask(who, [(1.0, "a")], single=True)
    setting.ask(5, [(2.0, "a"), (3.0, "b")])
    setting.tick()
    assert setting.echo.calls == [7]
    setting.ask(6, [(1.0, "a")])
    setting.tick()
    assert setting.echo.calls == [7, 1]
    assert len(setting.kept.answers) == 7


def test_a_model_that_is_away_is_asked_once_and_not_row_by_row() -> None:
    setting = Setting()
    setting.ask(0, [(1.0, "away")])
    setting.ask(1, [(1.0, "good")])
    setting.tick()
    assert setting.echo.calls == [2]
    assert all(isinstance(answer, Unavailable) for answer in setting.kept.answers.values())


def test_while_a_model_is_busy_in_a_thread_requests_gather_for_its_next_call() -> None:
    setting = Setting("pyfunc")
    setting.ask(0, [(0.0, "a")])
    setting.tick()
    for who in range(1, 4):
        setting.ask(who, [(float(who), "a")], single=True)
        setting.tick()
    assert len(setting.aside) == 1
    setting.land()
    setting.tick()
    setting.land()
    assert setting.echo.calls == [1, 3]
    assert setting.kept.answers == {0: [0.0], 1: [1.0], 2: [2.0], 3: [3.0]}


def test_a_retired_version_closes_when_its_last_work_is_done_and_not_before() -> None:
    setting = Setting("pyfunc")
    setting.ask(0, [(0.0, "a")])
    setting.tick()
    setting.ask(1, [(1.0, "a")])
    setting.loaded.retire()
    setting.land()
    assert setting.echo.closed == 0
    setting.tick()
    setting.land()
    assert setting.echo.closed == 1
    assert len(setting.kept.answers) == 2


def test_an_idle_version_closes_at_once() -> None:
    setting = Setting()
    setting.loaded.retire()
    assert setting.echo.closed == 1


def test_large_requests_run_apart_and_the_small_ones_do_not_wait_for_them() -> None:
    setting = Setting(inline_rows=4)
    setting.ask(0, [(float(at), "a") for at in range(6)])
    setting.ask(1, [(7.0, "a")], single=True)
    setting.ask(2, [(8.0, "a")])
    setting.tick()
    assert setting.kept.answers == {1: [7.0], 2: [8.0]}
    setting.ask(3, [(float(at), "a") for at in range(5)])
    setting.tick()
    assert len(setting.aside) == 1  # one at once
    setting.land()
    setting.land()
    assert setting.kept.answers[0] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert setting.kept.answers[3] == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_large_requests_beyond_a_few_are_refused_and_the_small_ones_are_not() -> None:
    setting = Setting(inline_rows=4)
    for who in range(12):
        setting.ask(who, [(float(who), "a")] * 5)
        setting.tick()
    refused = {who for who, answer in setting.kept.answers.items() if isinstance(answer, Refusal)}
    assert refused == {9, 10, 11}  # one runs, eight wait
    setting.ask(12, [(12.0, "a")], single=True)
    setting.tick()
    assert setting.kept.answers[12] == [12.0]
    assert not setting.lane.full
    while setting.aside:
        setting.land()
    assert setting.echo.calls == [1, *[5] * 9]
    assert len(setting.kept.answers) == 13


def test_a_large_request_beside_a_slow_call_takes_no_room_from_the_small_ones() -> None:
    setting = Setting(inline_rows=4)
    setting.row_seconds = 0.05
    setting.ask(0, [(0.0, "a")], single=True)
    setting.tick()
    setting.ask(1, [(1.0, "a")], single=True)
    setting.tick()
    setting.ask(2, [(2.0, "a")] * 900)
    assert len(setting.aside) == 2  # the slow call, and the large one
    assert not setting.lane.full
    setting.ask(3, [(3.0, "a")], single=True)
    while setting.aside:
        setting.land()
        setting.tick()
    assert setting.kept.answers == {0: [0.0], 1: [1.0], 2: [2.0] * 900, 3: [3.0]}


def test_a_model_that_wants_to_end_the_process_fails_its_own_request() -> None:
    setting = Setting("pyfunc")
    setting.ask(0, [(0.0, "end")])
    setting.ask(1, [(1.0, "a")])
    setting.tick()
    setting.land()
    assert isinstance(setting.kept.answers[0], RuntimeError)
    assert setting.kept.answers[1] == [1.0]


def test_a_slow_model_runs_in_a_thread_as_soon_as_that_is_known_and_requests_gather_meanwhile() -> None:
    setting = Setting()
    setting.row_seconds = 0.05
    setting.ask(0, [(0.0, "a")], single=True)
    setting.tick()
    assert setting.echo.calls == [1]  # nothing was known
    setting.ask(1, [(1.0, "a")], single=True)
    setting.tick()
    assert (setting.echo.calls, len(setting.aside)) == ([1], 1)
    for who in range(2, 5):
        setting.ask(who, [(float(who), "a")], single=True)
        setting.tick()
    assert len(setting.aside) == 1
    setting.lane.expire(3, setting.now + 0.01)
    setting.kept.left.add(4)
    setting.land()
    setting.tick()
    setting.land()
    assert setting.echo.calls == [1, 1, 1]
    late = setting.kept.answers.pop(3)
    assert isinstance(late, Refusal)
    assert setting.kept.answers == {0: [0.0], 1: [1.0], 2: [2.0]}


def test_a_model_runs_on_the_loop_while_its_calls_are_quick() -> None:
    setting = Setting()
    setting.row_seconds = 0.0001
    for turn in range(30):
        for row in range(1 + turn % 7):
            setting.ask(100 * turn + row, [(0.0, "a")], single=True)
        setting.tick()
    assert setting.aside == []
    for row in range(100):
        setting.ask(10_000 + row, [(0.0, "a")], single=True)
    setting.tick()
    assert len(setting.aside) == 1  # so many take 10 ms
    setting.land()
    setting.ask(20_000, [(0.0, "a")], single=True)
    setting.tick()
    assert (setting.aside, setting.kept.answers[20_000]) == ([], [0.0])


def test_a_large_request_is_not_run_once_its_deadline_passed_or_its_client_is_gone() -> None:
    setting = Setting(inline_rows=4)
    for who, deadline in enumerate((None, 5.0, None, 50.0)):
        setting.ask(who, [(float(who), "a")] * 5, deadline=deadline)
    setting.tick()
    assert len(setting.aside) == 1
    setting.now = 6.0
    setting.kept.left.add(2)
    setting.land()
    late = setting.kept.answers[1]
    assert isinstance(late, Refusal)
    assert late.code == "deadline_exceeded"
    setting.land()
    assert setting.kept.answers[3] == [3.0] * 5
    assert (setting.echo.calls, setting.aside, 2 in setting.kept.answers) == ([5, 5], [], False)


def test_a_large_request_whose_deadline_passed_before_its_tick_is_answered_once() -> None:
    setting = Setting(inline_rows=4)
    setting.ask(0, [(0.0, "a")] * 5, deadline=setting.now - 1.0)
    setting.ask(1, [(1.0, "a")])
    setting.tick()
    assert isinstance(setting.kept.answers[0], Refusal)
    assert (setting.kept.answers[1], setting.aside) == ([1.0], [])


def test_a_batch_larger_than_one_call_may_be_takes_several_calls() -> None:
    setting = Setting(terms=Terms(most_rows=2))
    setting.ask(0, [(float(at), "a") for at in range(5)])
    setting.tick()
    assert setting.echo.calls == [2, 2, 1]
    assert setting.kept.answers == {0: [0.0, 1.0, 2.0, 3.0, 4.0]}


def test_with_a_wait_requests_of_several_ticks_are_one_call_and_a_full_one_goes_at_once() -> None:
    setting = Setting(terms=Terms(most_rows=3, wait=1.0))
    setting.ask(0, [(0.0, "a")], single=True)
    setting.tick()
    setting.ask(1, [(1.0, "a")], single=True)
    setting.tick()
    assert setting.echo.calls == []
    setting.later.pop(0)()
    assert setting.echo.calls == [2]
    for who in range(2, 5):
        setting.ask(who, [(0.0, "a")])
    setting.tick()
    assert setting.echo.calls == [2, 3]
    setting.later.pop(0)()  # its time is over when nothing waits any more
    assert setting.echo.calls == [2, 3]


def test_a_request_waits_for_others_no_longer_than_half_until_its_deadline() -> None:
    setting = Setting(terms=Terms(wait=1.0))
    setting.ask(0, [(0.0, "a")], single=True)
    setting.tick()
    setting.lane.expire(0, setting.now + 5.0)
    assert len(setting.later) == 1  # that of the wait: there is time enough
    setting.ask(1, [(1.0, "a")], single=True)
    setting.lane.expire(1, setting.now + 0.5)
    setting.now = 0.25
    setting.later.pop(1)()
    assert setting.kept.answers == {0: [0.0], 1: [1.0]}


def test_as_many_calls_run_at_once_as_the_terms_allow() -> None:
    setting = Setting("pyfunc", terms=Terms(at_once=2))
    for who in range(3):
        setting.ask(who, [(float(who), "a")])
        setting.tick()
    assert len(setting.aside) == 2
    setting.land()
    setting.tick()
    assert len(setting.aside) == 2
    while setting.aside:
        setting.land()
    assert setting.kept.answers == {0: [0.0], 1: [1.0], 2: [2.0]}


def test_the_tally_counts_requests_rows_and_failures() -> None:
    meter = Meter(1_000.0)
    setting = Setting(tally=meter.tally("m", "1", "champion"))
    setting.ask(0, [(0.0, "a"), (1.0, "a")])
    setting.ask(1, [(0.0, "bad")])
    setting.tick()
    told = meter.take(0.0, dict)
    assert [(arm.rows, sum(second.count for second in arm.seconds)) for arm in told.arms] == [(3, 2)]
    assert sum(second.errors for second in told.arms[0].seconds) == 1
    assert {second.second for second in told.arms[0].seconds} == {1_000}
    assert meter.take(0.0, dict).arms == []


def test_a_call_that_hangs_counts_as_an_error_once_its_time_is_over_and_not_twice() -> None:
    meter = Meter(0.0)
    setting = Setting("pyfunc", tally=meter.tally("m", "1", "champion"))
    setting.ask(0, [(0.0, "a")])
    setting.tick()
    assert meter.take(FINAL_SECONDS - 1, dict).arms == []
    late = meter.take(FINAL_SECONDS + 1, dict).arms[0].seconds[0]
    assert (late.count, late.errors) == (1, 1)
    setting.land()
    assert [second.count for arm in meter.take(FINAL_SECONDS + 2, dict).arms for second in arm.seconds] == [0]
