"""What a supervisor makes of what its workers tell: lessons for the others; last words leave nothing behind."""

import re
from types import SimpleNamespace
from typing import Any, cast

from headgate.gateway.admin import Desk
from headgate.gateway.metrics import catalogue as of
from headgate.gateway.metrics.report import Report
from headgate.gateway.supervise.child import Child
from headgate.gateway.supervise.messages import Lesson, decode, encode
from headgate.gateway.supervise.supervisor import Crew, Supervisor
from headgate.testing.arms import MemoryRollups


def supervisor() -> Supervisor:
    crew = Crew((), (), lambda _plugs, _link: ("true",), 1.0)
    return Supervisor(crew, Desk("127.0.0.1", 0, MemoryRollups(), lambda: 0.0))


class Wire:
    """A link that keeps what is sent."""

    def __init__(self) -> None:
        self.free = True
        self.said: list[bytes] = []
        self.send = self.said.append


def child(pid: int) -> tuple[Child, Wire]:
    wire = Wire()
    return Child(cast("Any", SimpleNamespace(pid=pid)), 0.0, cast("Any", wire)), wire


def tell(one: Supervisor, worker: Child, kills: dict[str, int], waiting: float = 0.0) -> None:
    one._hear(cast("Any", None), worker, encode(Report(kills=kills, levels={of.IN_FLIGHT.name: waiting})))


def level(one: Supervisor, name: str) -> float:
    found = re.search(rf"^{name} ([\d.]+)$", one._board.page(), re.MULTILINE)
    assert found
    return float(found[1])


def test_a_lesson_is_told_once_and_again_when_it_changes() -> None:
    one, (first, _), (second, wire) = supervisor(), child(1), child(2)
    tell(one, first, {"a": 1})
    for _ in range(3):
        tell(one, second, {"a": 0})
    assert [decode(said) for said in wire.said] == [Lesson({}, {"a": 1})]
    tell(one, first, {"a": 0})
    tell(one, second, {"a": 0})
    assert decode(wire.said[-1]) == Lesson({}, {})
    wire.free = False
    tell(one, first, {"a": 1})
    tell(one, second, {"a": 0})
    assert len(wire.said) == 2
    wire.free = True
    tell(one, second, {"a": 0})
    assert decode(wire.said[-1]) == Lesson({}, {"a": 1})


def test_the_last_words_of_a_worker_whose_end_is_noted_count_once() -> None:
    one, (first, _), (second, wire) = supervisor(), child(1), child(2)
    tell(one, first, {"a": 1}, waiting=3.0)
    one._leave(first, restarted=True)
    tell(one, first, {"a": 1}, waiting=3.0)
    tell(one, second, {"a": 0}, waiting=1.0)
    assert decode(wire.said[-1]) == Lesson({}, {"a": 1})
    assert level(one, of.IN_FLIGHT.name) == 1.0
    assert level(one, of.WORKERS.name) == 1.0
