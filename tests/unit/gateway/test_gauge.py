"""What calls cost is measured now and then, and told in between by the time that they took."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from headgate.gateway.gauge import EVERY_SECONDS, Gauge


class Machine:
    """A clock and a processor that move when a call works or waits."""

    def __init__(self) -> None:
        self.now = self.worked = 1.0
        self.asked = 0
        self.gauge = Gauge(lambda: self.now, self._cpu)

    def _cpu(self) -> float:
        self.asked += 1
        return self.worked

    def call(self, works: float, waits: float = 0.0) -> float:
        def body() -> None:
            self.now += works + waits
            self.worked += works

        return self.gauge.about(body)[1]


def test_the_first_call_and_one_each_interval_are_measured() -> None:
    machine = Machine()
    assert abs(machine.call(works=0.002, waits=0.002) - 0.002) < 1e-12
    assert machine.asked == 2
    assert abs(machine.call(works=0.001) - 0.0005) < 1e-12  # told by the share of the last one measured
    assert machine.asked == 2
    machine.now += EVERY_SECONDS
    assert abs(machine.call(works=0.001) - 0.001) < 1e-12
    assert machine.asked == 4


@given(st.lists(st.floats(1e-6, 0.1), min_size=1, max_size=50))
def test_calls_that_only_work_cost_what_they_took(works: list[float]) -> None:
    machine = Machine()
    told = sum(machine.call(one) for one in works)
    assert abs(told - sum(works)) < 1e-9


def test_a_call_returns_what_it_made() -> None:
    numbers = itertools.count()
    machine = Machine()
    assert [machine.gauge.about(lambda: next(numbers))[0] for _ in range(3)] == [0, 1, 2]
    assert machine.gauge.exactly(lambda: next(numbers))[0] == 3
