"""The search finds the highest rate that holds a limit, within 10 %, in a bounded number of tries."""

from hypothesis import given
from hypothesis import strategies as st

from headgate.gate.load import Load
from headgate.gate.profile import TRIES, Tried, best, same_machine, search


def tried(rate: float, milliseconds: float, failed: int = 0) -> Tried:
    return Tried(Load(rate, 200, 200 / rate, (milliseconds,) * (200 - failed)), failed)


@given(st.floats(2, 90_000), st.floats(1, 90_000))
def test_it_ends_near_the_true_limit(limit: float, start: float) -> None:
    tries = search(lambda rate: tried(rate, 5 if rate <= limit else 50), start, 20, 100_000)
    found = best(tries, 20)
    assert len(tries) <= TRIES
    assert found is not None
    assert limit / 1.1 <= found <= limit


def test_what_never_holds_has_no_rate() -> None:
    tries = search(lambda rate: tried(rate, 50), 200, 20, 100_000)
    assert best(tries, 20) is None
    assert tries[-1].load.rate >= 1


def test_what_always_holds_ends_at_the_most() -> None:
    assert best(search(lambda rate: tried(rate, 1), 200, 20, 100_000), 20) == 100_000


def test_an_answer_that_failed_does_not_hold() -> None:
    assert tried(100, 1).holds(20)
    assert not tried(100, 1, failed=1).holds(20)


def test_quantiles_are_recorded_as_far_as_there_are_answers_for_them() -> None:
    body = tried(100, 1).to_json()
    assert body["milliseconds"] == {"p50": 1, "p90": 1, "p95": 1, "p99": 1}
    assert (body["answered"], body["failed"], body["offered"]) == (200, 0, 200)


def test_machines_are_alike_by_processor_and_cores() -> None:
    one = {"processor": "a", "cores": 2, "load_average": [1]}
    assert same_machine(one, {**one, "load_average": [2]})
    assert not same_machine(one, {**one, "cores": 4})
