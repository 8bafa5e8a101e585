"""The response cache gives what the model would give, for as long as it may, and never more than it may hold."""

import tracemalloc
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.features.predictor import Predictor
from headgate.gateway.cache import ENTRY_BYTES, Cached, row_keys
from headgate.policy.model import CachePolicy
from headgate.registry.bundle import Manifest
from headgate.registry.field import Field
from headgate.registry.signature import Columns, Signature

NUMBER, WORD = Field("x", "float32"), Field("word", "string", missing=True)
OUTPUTS = (Field("p", "float32"), Field("both", "float32", width=2), Field("label", "string"))
SIGNATURE = Signature((NUMBER, WORD), (NUMBER, WORD), OUTPUTS)


class Model:
    """Answers with what it was asked, and counts the rows."""

    def __init__(self) -> None:
        self.rows = 0

    def run(self, features: Columns) -> dict[str, npt.NDArray[Any]]:
        x, words = features["x"], features["word"]
        self.rows += len(x)
        labels = np.array([f"{word}!" for word in words], object)
        return {"p": x * 2, "both": np.stack([x, -x], axis=1), "label": labels}

    def close(self) -> None:
        """Nothing is open."""


class Place:
    def __init__(self, max_mb: float = 1.0, ttl: float = 10.0) -> None:
        self.now, self.model = 0.0, Model()
        inner = Predictor(Manifest("m", "regression", "onnx", "", SIGNATURE, (), 1, {}), self.model)
        policy = CachePolicy(ttl=timedelta(seconds=ttl), max_mb=max_mb)
        self.cached = Cached(inner, policy, lambda: self.now)

    def ask(self, rows: list[tuple[float, str | None]]) -> dict[str, npt.NDArray[Any]]:
        words = np.empty(len(rows), object)
        words[:] = [word for _, word in rows]
        return self.cached.predict({"x": np.array([x for x, _ in rows], np.float32), "word": words})


row = st.tuples(st.sampled_from([0.0, -0.0, 1.5, 2.5]), st.sampled_from([None, "", "a", "b", "-"]))
rows = st.lists(row, min_size=1, max_size=6)


@settings(max_examples=60)
@given(st.lists(rows, min_size=1, max_size=6), st.sampled_from([1.0, 0.001]))
def test_cached_answers_are_the_models_own_in_values_types_and_shapes(
    batches: list[list[tuple[float, str | None]]], max_mb: float
) -> None:
    place, bare = Place(max_mb), Place()
    for batch in batches:
        got, expected = place.ask(batch), bare.cached._inner.predict(_columns(batch))
        assert got.keys() == expected.keys()
        for name, values in expected.items():
            assert got[name].dtype == values.dtype
            assert got[name].shape == values.shape
            assert got[name].tolist() == values.tolist()
        assert place.cached.counts.bytes <= max_mb * 1_000_000


def _columns(batch: list[tuple[float, str | None]]) -> Columns:
    words = np.empty(len(batch), object)
    words[:] = [word for _, word in batch]
    return {"x": np.array([x for x, _ in batch], np.float32), "word": words}


def test_a_known_row_is_not_computed_again_until_its_time_is_over() -> None:
    place = Place(ttl=10.0)
    place.ask([(1.0, "a"), (2.0, "b")])
    place.ask([(2.0, "b"), (3.0, "c")])
    assert place.model.rows == 3
    place.now = 9.9
    place.ask([(1.0, "a")])
    assert place.model.rows == 3
    place.now = 10.0
    place.ask([(1.0, "a")])
    assert place.model.rows == 4
    assert (place.cached.counts.hits, place.cached.counts.misses) == (2, 4)


def test_the_row_that_was_used_longest_ago_goes_first() -> None:
    place = Place(max_mb=3 * (ENTRY_BYTES + 40) / 1e6)
    for x in (1.0, 2.0, 3.0):
        place.ask([(x, "a")])
    place.ask([(1.0, "a")])
    place.ask([(4.0, "a")])
    before = place.model.rows
    place.ask([(1.0, "a")])
    assert place.model.rows == before
    place.ask([(2.0, "a")])
    assert place.model.rows == before + 1


def test_who_changes_an_answer_does_not_change_what_is_remembered() -> None:
    place = Place()
    place.ask([(1.0, "a")])["both"][:] = 99
    assert place.ask([(1.0, "a")])["both"].tolist() == [[1.0, -1.0]]


def test_different_rows_have_different_keys() -> None:
    pairs = [("a", None), ("", "a"), (None, "a"), ("a", ""), ("1:a", "a"), ("a1:a", "")]
    one, two = np.empty(len(pairs), object), np.empty(len(pairs), object)
    one[:], two[:] = [first for first, _ in pairs], [second for _, second in pairs]
    assert len(set(row_keys({"one": one, "two": two}))) == len(pairs)


class Wide:
    """Answers the difference of two numbers, a thousand times."""

    def run(self, features: Columns) -> dict[str, npt.NDArray[Any]]:
        return {"p": np.repeat((features["a"] - features["b"]).reshape(-1, 1), 1000, axis=1)}

    def close(self) -> None:
        """Nothing is open."""


def wide(max_mb: float) -> Cached:
    fields = (Field("a", "float32"), Field("b", "float32"))
    signature = Signature(fields, fields, (Field("p", "float32", width=1000),))
    inner = Predictor(Manifest("m", "regression", "onnx", "", signature, (), 1, {}), Wide())
    return Cached(inner, CachePolicy(ttl=timedelta(seconds=10), max_mb=max_mb), lambda: 0.0)


def test_the_same_values_under_other_names_are_another_row_in_whatever_order_the_inputs_come() -> None:
    cached = wide(max_mb=1.0)
    three, one = np.array([3], np.float32), np.array([1], np.float32)
    assert cached.predict({"a": three, "b": one})["p"][0, 0] == 2.0
    assert cached.predict({"b": three, "a": one})["p"][0, 0] == -2.0
    assert cached.predict({"b": one, "a": three})["p"][0, 0] == 2.0
    assert cached.counts.hits == 1


def test_a_row_that_is_remembered_does_not_keep_the_memory_of_its_batch() -> None:
    cached = wide(max_mb=0.02)
    tracemalloc.start()
    try:
        cached.predict({"a": np.arange(200, dtype=np.float32), "b": np.zeros(200, np.float32)})
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert 0 < cached.counts.bytes <= 20_000
    assert held < 200_000  # the batch has 800,000 bytes of answers


def test_the_characters_of_strings_count() -> None:
    place = Place(max_mb=0.01)
    place.ask([(1.0, "a" * 9_000)])
    assert place.cached.counts.bytes == 0  # the row's key and its answer are each nearly as large as all may be
