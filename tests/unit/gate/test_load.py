"""An open-loop load on a fake clock: late answers make the ones behind them late, and nothing waits for anybody."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.gate.load import Call, Load, due_times, interleaved


class Time:
    """A clock that moves when somebody waits or works."""

    def __init__(self) -> None:
        self.at = 100.0
        self.order: list[str] = []

    def now(self) -> float:
        return self.at

    def wait_until(self, at: float) -> None:
        self.at = max(self.at, at)

    def works(self, name: str, seconds: float, *, every: int = 1, slow: float = 0.0) -> Call:
        def call(index: int) -> None:
            self.order.append(name)
            self.at += slow if slow and index % every == 0 else seconds

        return call


def run(time: Time, rate: float = 100, seconds: float = 2, **calls: Call) -> dict[str, Load]:
    return interleaved(calls, rate, seconds, seed=1, now=time.now, wait_until=time.wait_until)


@given(st.floats(1, 500), st.floats(0.1, 5), st.integers(0, 99))
def test_the_offered_load_is_the_rate_whatever_the_slices(rate: float, seconds: float, seed: int) -> None:
    slices = due_times(rate, seconds, seed)
    assert sum(map(len, slices)) == max(1, round(rate * seconds))
    for due in slices:
        assert (np.diff(due) >= 0).all()
        assert ((due >= -1e-9) & (due <= seconds / len(slices) + 1e-9)).all()


def test_a_fast_model_is_measured_at_its_own_speed() -> None:
    time = Time()
    load = run(time, candidate=time.works("candidate", 0.001))["candidate"]
    assert load.kept_up
    assert len(load.milliseconds) == 200
    assert load.quantile(0.5) == pytest.approx(1.0, abs=0.2)


def test_a_pause_counts_for_every_request_that_was_due_in_it() -> None:
    """Coordinated omission: a closed loop would see one slow request; here all that were due in the pause are late."""
    time = Time()
    load = run(time, rate=100, seconds=1, candidate=time.works("candidate", 0.001, every=60, slow=0.2))["candidate"]
    late = sum(latency > 20 for latency in load.milliseconds)
    assert late > 15


def test_a_model_slower_than_the_load_does_not_keep_up_and_the_measurement_ends() -> None:
    time = Time()
    load = run(time, rate=200, seconds=2, candidate=time.works("candidate", 0.05))["candidate"]
    assert not load.kept_up
    assert load.achieved == pytest.approx(20, rel=0.1)
    assert time.at - 100 < 2 * 2 + 0.3


def test_versions_alternate_in_short_slices_and_the_first_one_changes() -> None:
    time = Time()
    run(time, candidate=time.works("candidate", 0.001), champion=time.works("champion", 0.001))
    turns = [name for index, name in enumerate(time.order) if index == 0 or time.order[index - 1] != name]
    assert turns == ["candidate", "champion", "candidate", "champion", "candidate"]


def test_both_versions_meet_the_same_load() -> None:
    time = Time()
    loads = run(time, candidate=time.works("candidate", 0.002), champion=time.works("champion", 0.002))
    assert loads["candidate"].offered == loads["champion"].offered == 200
    assert loads["candidate"].milliseconds == pytest.approx(loads["champion"].milliseconds)


@given(st.lists(st.floats(0.01, 1e4), min_size=1, max_size=200), st.floats(0.01, 0.999))
def test_a_quantile_is_an_observed_latency_that_so_many_do_not_exceed(values: list[float], share: float) -> None:
    load = Load(1, len(values), 1, tuple(sorted(values)))
    found = load.quantile(share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)
