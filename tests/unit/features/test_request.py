"""The same function in training and serving: checked results, errors with their line, proof that rows are alone."""

import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.base.errors import BadInput
from headgate.features.request import RequestFeatures, as_features, differing, load, prove_chunks

COLUMNS = {
    "x": np.array([1.0, np.nan, 3.0, 8.0] * 25),
    "s": np.array(["a", None, "b", "a"] * 25, object),
    "t": np.arange("2013-01-01", "2013-04-11", dtype="datetime64[D]").astype("datetime64[us]"),
}
IDS = [f"row{place}" for place in range(100)]


def made(body: str, before: str = "") -> RequestFeatures:
    return load(f"import numpy as np\n{before}\ndef features(columns):\n{body}\n", "v1", "features.py")


def refusal(body: str, before: str = "") -> str:
    with pytest.raises(BadInput) as caught:
        prove_chunks(made(body, before), {name: values.copy() for name, values in COLUMNS.items()}, IDS)
    return str(caught.value)


def test_numbers_become_float32_and_text_stays() -> None:
    body = """
    x = columns['x']
    return {'f': x, 'i': np.arange(len(x)), 'b': x > 1, 's': columns['s'], 'u': x.astype(str)}"""
    answer = made(body)(COLUMNS)
    assert [answer[name].dtype for name in ("f", "i", "b")] == [np.float32] * 3
    assert answer["s"].tolist()[:2] == ["a", None]
    assert answer["u"].dtype == object
    assert type(answer["u"][0]) is str


def test_infinity_is_a_number_that_a_model_may_see() -> None:
    assert made("    return {'f': -1 / (columns['x'] * 0)}")({"x": np.array([1.0])})["f"] == [-np.inf]


def test_a_row_by_row_function_is_proven() -> None:
    call = made("    x = columns['x']\n    return {'f': x * 2, 'l': np.log1p(x), 's': columns['s']}")
    prove_chunks(call, COLUMNS, IDS)  # raises where it is not
    assert set(call(COLUMNS)) == {"f", "l", "s"}


@settings(deadline=None, max_examples=20)
@given(st.lists(st.floats(width=32), min_size=1, max_size=200))
def test_elementwise_arithmetic_is_proven_on_any_numbers(values: list[float]) -> None:
    call = made("    x = columns['x']\n    return {'e': np.exp(-np.abs(x)), 's': np.sin(x), 'q': x / 3}")
    prove_chunks(call, {"x": np.array(values)}, range(len(values)))  # raises where it is not
    assert len(call({"x": np.array(values)})["e"]) == len(values)


@pytest.mark.parametrize(
    ("body", "column"),
    [
        ("    return {'f': columns['x'] - np.nanmean(columns['x'])}", "f"),
        ("    return {'r': np.argsort(np.argsort(columns['x']))}", "r"),
        ("    return {'c': np.nancumsum(columns['x'])}", "c"),
        ("    return {'p': np.roll(columns['x'], 1)}", "p"),
        ("    return {'s': np.roll(columns['s'], 1)}", "s"),
        ("    return {'n': np.full(len(columns['x']), len(columns['x']))}", "n"),
    ],
)
@pytest.mark.filterwarnings("ignore:Mean of empty slice:RuntimeWarning")
def test_a_function_that_looks_at_other_rows_is_refused_naming_rows_and_column(body: str, column: str) -> None:
    words = refusal(body)
    assert f"feature {column} depends on other rows" in words
    assert "id row" in words
    assert "in chunks of 1" in words
    assert "no mean, rank, cumsum" in words


def test_a_function_that_is_right_in_singles_and_wrong_in_sevens_is_refused() -> None:
    words = refusal("    x = columns['x']\n    return {'f': x + (len(x) == 7)}")
    assert "in chunks of 7" in words
    assert "differs on 73 of 100 rows" in words  # 98 rows lie in chunks of 7; a quarter of all are NaN
    assert "id row0: 1.0 with all rows, 2.0 in chunks of 7" in words


def test_a_function_with_a_memory_is_refused() -> None:
    before = "memory = []"
    words = refusal("    memory.append(1)\n    return {'f': columns['x'] + len(memory)}", before)
    assert "feature f is not the same twice" in words
    assert "id row0: 2.0 the first time, 3.0 the second" in words


def test_a_function_that_writes_to_its_input_is_refused() -> None:
    words = refusal("    columns['x'] *= 1.0000000001\n    return {'f': columns['x']}")
    assert "features() changed its input x" in words
    assert "column.copy()" in words


def test_columns_that_come_and_go_are_refused() -> None:
    words = refusal("    x = columns['x']\n    return {'f': x, 'g': x} if len(x) > 1 else {'f': x}")
    assert "returned f for 1 rows, and f, g for 100" in words


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("    return None", "features() returned NoneType, not a dict of columns"),
        ("    return {}", "features() returned dict, not a dict of columns"),
        ("    return {1: columns['x']}", "features() named a column 1"),
        ("    return {'f': [1.0]}", "feature f is list, not a numpy array"),
        ("    return {'f': columns['x'][:3]}", "feature f has shape [3] for 100 rows"),
        ("    return {'f': columns['x'].reshape(-1, 1)}", "feature f has shape [100, 1] for 100 rows"),
        ("    return {'f': columns['t']}", "feature f is datetime64[us], neither number nor text"),
        ("    return {'f': columns['x'] * 1e60}", "feature f is 1e+60 at row 1, beyond float32"),
        ("    return {'f': columns['x'] * 1j}", "feature f is complex128, neither number nor text"),
        ("    return {'f': np.array([1, 'a'] * 50, object)}", "feature f holds int 1 at row 1, not text"),
    ],
)
def test_other_results_than_named_columns_are_refused(body: str, why: str) -> None:
    assert why in refusal(body)


def test_an_error_names_function_line_and_what_it_was_given() -> None:
    words = refusal("    return {'f': half(columns['y'])}", "def half(x):\n    return x / 2")
    assert "features() failed on line 5 (in features): KeyError: 'y'" in words
    assert "x: float64[100]" in words
    deeper = refusal("    return {'f': half('a')}", "def half(x):\n    return x / 2")
    assert "failed on line 3 (in half): TypeError" in deeper


def test_an_error_while_loading_names_the_line() -> None:
    with pytest.raises(BadInput, match=r"features.py: cannot be loaded on line 1 .*ZeroDivisionError"):
        load("x = 1 / 0\ndef features(columns):\n    return columns\n", "v1", "features.py")


def test_two_versions_live_side_by_side() -> None:
    source = "TIMES = {times}\ndef features(columns):\n    return dict(f=columns['x'] * TIMES)\n"
    one = load(source.format(times=1), "7", "features.py")
    two = load(source.format(times=2), "8", "features.py")
    assert one({"x": np.ones(1)})["f"] == [1.0]
    assert two({"x": np.ones(1)})["f"] == [2.0]
    assert len({name for name in sys.modules if name.startswith(("headgate_features_7_", "headgate_features_8_"))}) == 2


def test_the_inputs_themselves_can_be_the_features() -> None:
    answer = as_features({"x": COLUMNS["x"], "s": COLUMNS["s"]}, 100, "data")
    assert answer["x"].dtype == np.float32
    with pytest.raises(BadInput, match="feature t is datetime64"):
        as_features({"t": COLUMNS["t"]}, 100, "data")


@pytest.mark.parametrize(
    ("one", "two", "rows"),
    [
        (np.array([1.0, np.nan, np.inf]), np.array([1.0, np.nan, np.inf]), []),
        (np.array([1.0, np.nan, np.inf]), np.array([1.001, 0.0, -np.inf]), [0, 1, 2]),
        (np.array(["a", None], object), np.array(["a", "b"], object), [1]),
        (np.array(["NaT"], "datetime64[us]"), np.array(["NaT"], "datetime64[us]"), []),
        (np.array([1.0]), np.array(["1"], object), [0]),
    ],
)
def test_missing_equals_missing_and_nothing_else(one: npt.NDArray[Any], two: npt.NDArray[Any], rows: list[int]) -> None:
    assert differing(one, two).tolist() == rows
