"""Copies wait for a shadow within bounds; each is sent or dropped, never both, and a queue with room always takes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.gateway.shadow.choose import choose, cut, gathered, lacking, salt_of
from headgate.gateway.shadow.life import KILLS, Life
from headgate.gateway.shadow.queue import Bounds, Copy, Queue
from headgate.predictions.row import Answered, Layout, Source
from headgate.registry.field import Field
from headgate.routing.route import Shadow

X, NAME = Field("x", "float32"), Field("name", "string")
SOURCE = Source(Layout("m", (X, NAME), ()), "1", "champion")
SALT = salt_of(Shadow("s", "2", "sha256:2", 0.5, "b"))


def copy(size: int, weight: int, number: int = 0) -> Copy:
    ids = [b"%d-%d" % (number, at) for at in range(size)]
    return Copy(ids, None, None, {"x": np.zeros(size, np.float32)}, 0.0, size, weight)


def answered(units: list[str | None] | None, count: int, rows: list[int] | None = None) -> Answered:
    size = count if rows is None else sum(rows)
    inputs = {"x": np.arange(size, dtype=np.float32), "name": np.array(["word"] * size, object)}
    return Answered(SOURCE, [b"%d" % at for at in range(count)], rows, 0, units, inputs, inputs, 200, 1)


sizes = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 500)), max_size=30)


@given(sizes, st.integers(1, 60), st.integers(1, 1000), st.lists(st.integers(0, 40), max_size=30))
def test_every_copy_is_sent_or_dropped_and_what_waits_is_bounded(
    puts: list[tuple[int, int]], rows: int, weight: int, takes: list[int]
) -> None:
    queue = Queue(Bounds(rows, weight))
    dropped: list[Copy] = []
    sent: list[Copy] = []
    put: list[Copy] = []
    for at, (size, heavy) in enumerate(puts):
        one = copy(size, heavy, at)
        room = queue.rows + size <= rows and queue.bytes + heavy <= weight
        put.append(one)
        assert queue.put(one) is room  # with room it takes, without it does not
        if not room:
            dropped.append(one)
        assert queue.rows <= rows
        assert queue.bytes <= weight
        if at < len(takes):
            taken = queue.take(takes[at])
            assert len(taken) <= 1 or sum(one.size for one in taken) <= takes[at]
            sent += taken
    while queue:
        sent += queue.take(1)  # always one at least: whatever waits is sent in the end
    assert [id(one) for one in put if one not in dropped] == [id(one) for one in sent]
    assert (queue.rows, queue.bytes, queue.requests) == (0, 0, 0)


def test_an_emptied_queue_says_how_many_requests_it_held_and_has_room_again() -> None:
    queue = Queue(Bounds(10, 1000))
    assert queue.put(copy(4, 10))
    assert queue.put(copy(6, 10))
    assert not queue.put(copy(1, 0))
    assert queue.requests == 10
    assert queue.clear() == 10
    assert queue.put(copy(10, 1000))


@given(st.floats(0, 1), st.floats(0, 1), st.lists(st.sampled_from(["a", "b", "c", "é", "ada", "bob"]), min_size=1))
def test_a_unit_is_copied_always_or_never_and_raising_the_fraction_leaves_none_out(
    low: float, high: float, units: list[str | None]
) -> None:
    low, high = sorted((low, high))
    source = answered(units, len(units))
    before = choose(source, low, SALT, np.ones)
    after = choose(source, high, SALT, np.zeros)
    assert all(after[before])
    for unit in set(units):
        assert len({bool(one) for one, of in zip(after, units, strict=True) if of == unit}) == 1


def test_requests_without_a_unit_are_copied_by_a_draw() -> None:
    draws = np.array([0.1, 0.6, 0.2, 0.9])
    chosen = choose(answered([None, None, "", None], 4), 0.5, SALT, lambda _: draws.copy())
    assert chosen.tolist() == [True, False, True, False]
    assert choose(answered(None, 4), 1.0, SALT, np.ones).tolist() == [True] * 4
    assert choose(answered(None, 4), 0.0, SALT, np.zeros).tolist() == [False] * 4


def test_a_copy_has_the_rows_of_its_requests_and_no_column_that_the_shadow_does_not_take() -> None:
    chosen = np.array([True, False, True])
    made = cut(answered(["a", None, "c"], 3, [2, 1, 3]), 7.0, [X], chosen)
    assert made is not None
    assert made.ids == [b"0", b"2"]
    assert (made.rows, made.units, made.since, made.size) == ([2, 3], ["a", "c"], 7.0, 5)
    assert {name: values.tolist() for name, values in made.inputs.items()} == {"x": [0, 1, 3, 4, 5]}
    assert made.bytes == 20
    whole = cut(answered(None, 3), 7.0, [X, NAME], np.ones(3, bool))
    assert whole is not None
    assert whole.bytes == 12 + 3 * (56 + len("word"))
    assert cut(answered(None, 3), 7.0, [X], np.zeros(3, bool)) is None


def test_a_request_whose_inputs_are_not_known_is_not_copied() -> None:
    failed = Answered(SOURCE, [b"0"], None, 0, None, None, None, 400, 1)
    assert cut(failed, 0.0, [X], np.ones(1, bool)) is None


def test_what_an_arm_does_not_ask_for_a_shadow_lacks() -> None:
    given = (X, NAME, Field("wide", "float32", width=3))
    assert lacking([X], given) == []
    wanted = [Field("x", "float64"), Field("new", "bool"), Field("wide", "float32", width=4), NAME]
    assert lacking(wanted, given) == ["x", "new", "wide"]


def test_the_first_end_of_a_process_is_forgiven_the_second_is_not() -> None:
    life = Life()
    assert not life.quarantined
    assert life.ended("crashed") == pytest.approx(1.0)
    assert not life.quarantined
    assert life.ended("hung") is None
    assert life.quarantined
    assert (life.kills, life.why) == (KILLS, "hung")


def test_ticks_of_one_arm_and_second_become_one() -> None:
    other = Source(SOURCE.layout, "2", "challenger")
    first, second = answered(["a"], 1, [2]), answered(None, 2)
    apart = Answered(other, [b"9"], None, 0, None, second.inputs, None, 200, 1)
    failed = Answered(SOURCE, [b"8"], None, 0, None, None, None, 500, 1)
    parts = [(first, 1.5), (apart, 1.6), (second, 1.2), (second, 2.1), (failed, 1.0)]
    one, two, three = gathered(parts, int)
    assert (one[0].ids, one[0].rows, one[0].units, one[1]) == ([b"0", b"0", b"1"], [2, 1, 1], ["a", None, None], 1.2)
    assert one[0].inputs is not None
    assert one[0].inputs["x"].tolist() == [0, 1, 0, 1]
    assert two == (apart, 1.6)
    assert three == (second, 2.1)


def test_a_shadow_that_finds_no_processor_to_load_says_so_and_a_quarantine_says_more() -> None:
    life = Life()
    life.loading = 30.0
    assert life.note == ""
    life.loading = 42.4
    assert life.note == "it has been loading for 42 s, with what no other program wants of the processors"
    life.ended("hung")
    life.ended("hung")
    assert life.note.startswith("quarantined")
