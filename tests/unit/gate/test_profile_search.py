"""The search finds the highest rate that holds a limit, within 10 %, in a bounded number of tries."""

from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import given
from hypothesis import strategies as st

from headgate.gate.load import Load
from headgate.gate.profile import (
    TRIES,
    Attempt,
    Settings,
    Setup,
    Tried,
    best,
    best_setup,
    grid,
    same_machine,
    search,
    search_settings,
)


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


def test_nothing_below_the_floor_is_tried_and_one_try_above_it_settles_what_is_no_better() -> None:
    tries = search(lambda rate: tried(rate, 5 if rate <= 1000 else 50), 1100, 20, 100_000, floor=1000)
    assert [one.load.rate for one in tries] == [1100]


@given(st.floats(10, 40_000), st.floats(10, 40_000), st.sampled_from([0.0, 1.0, 5.0]), st.sampled_from([64, 1024]))
def test_settings_that_reach_more_are_found_and_those_that_do_not_cost_one_try(
    now: float, other: float, wait: float, size: int
) -> None:
    present, opened_with, tries = Settings(8192, 0.0), list[Settings](), list[float]()

    @contextmanager
    def opened(settings: Settings) -> Iterator[Attempt]:
        opened_with.append(settings)
        limit = other if settings == Settings(size, wait) else now

        def attempt(rate: float) -> Tried:
            tries.append(rate)
            return tried(rate, 5 if rate <= limit else 50)

        yield attempt

    found = search_settings(Setup(present, now), opened, 200, 20, 100_000)
    assert [setup.settings for setup in found] == [present, *grid(present, 20)]
    assert opened_with == grid(present, 20)
    assert min(tries) > now
    chosen = best_setup(found)
    if other >= now * 1.1:
        assert chosen.settings == Settings(size, wait)
        assert other / 1.1 <= (chosen.highest or 0) <= other
    else:
        assert chosen == Setup(present, now)
        assert len(tries) == len(opened_with)


def test_no_setting_waits_for_more_than_a_quarter_of_the_limit() -> None:
    assert {one.max_wait_ms for one in grid(Settings(8192, 0.0), 4)} == {0.0, 1.0}
    assert {one.max_wait_ms for one in grid(Settings(8192, 0.0, 3), 100)} == {0.0, 1.0, 5.0}
    assert {one.concurrency for one in grid(Settings(8192, 0.0, 3), 100)} == {3}


def test_where_no_rate_held_the_other_settings_are_searched_from_the_start() -> None:
    @contextmanager
    def opened(settings: Settings) -> Iterator[Attempt]:
        yield lambda rate: tried(rate, 5 if rate <= 300 and settings.max_batch == 64 else 50)

    found = search_settings(Setup(Settings(8192, 0.0), None), opened, 200, 20, 100_000)
    assert best_setup(found).settings == Settings(64, 0.0)
    assert 300 / 1.1 <= (best_setup(found).highest or 0) <= 300


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
