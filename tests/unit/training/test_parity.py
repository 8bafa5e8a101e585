"""Parity: rows that try to part two forms of a model, and a share that no large group can hide a small one in."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.registry.field import Field
from headgate.training.parity import HELD_OUT, Cases, compare, make_cases

FIELDS = (Field("n", "float32", missing=True), Field("k", "string"))
HELDOUT = {"n": np.array([1, 2, np.nan, 4], np.float32), "k": np.array(["a", "b", "a", "c"], object)}
numbers = st.floats(allow_nan=True, allow_infinity=True)


def plain(rows: int, group: str = HELD_OUT) -> Cases:
    return Cases({}, (group,) * rows, tuple(f"row {row}" for row in range(rows)))


def test_cases_hold_every_heldout_row_and_change_one_value_at_a_time() -> None:
    cases = make_cases(HELDOUT, FIELDS, {"n": np.array([2.5])})
    assert cases.groups[:4] == (HELD_OUT,) * 4
    assert set(cases.groups) == {HELD_OUT, "extreme", "missing", "unseen", "threshold"}
    for at, group in enumerate(cases.groups[4:], start=4):
        same = [
            row
            for row in range(4)
            if repr(HELDOUT["n"][row]) == repr(cases.columns["n"][at]) or HELDOUT["k"][row] == cases.columns["k"][at]
        ]
        assert same, (group, cases.origin[at])


def test_values_at_a_threshold_and_one_float32_to_each_side_are_tried() -> None:
    tried = make_cases(HELDOUT, FIELDS, {"n": np.array([0.1])})
    at = np.array(tried.groups) == "threshold"
    near = np.float32(0.1)
    expected = sorted([near, np.nextafter(near, np.float32(1)), np.nextafter(near, np.float32(0))])
    assert tried.columns["n"][at].tolist() == [float(value) for value in expected]


def test_nothing_is_missing_where_the_signature_does_not_allow_it() -> None:
    fields = (Field("n", "float32"), Field("k", "string"))
    heldout = {"n": np.array([1, 2], np.float32), "k": np.array(["a", "b"], object)}
    cases = make_cases(heldout, fields, {})
    assert "missing" not in cases.groups
    assert None not in cases.columns["k"].tolist()
    assert not np.isnan(cases.columns["n"]).any()


def test_an_all_missing_column_still_makes_cases() -> None:
    cases = make_cases({"n": np.full(3, np.nan, np.float32)}, FIELDS[:1], {})
    assert cases.groups.count("extreme") > 0


def test_the_share_is_the_worst_groups_so_that_many_rows_hide_nothing() -> None:
    cases = Cases({}, (HELD_OUT,) * 998 + ("unseen",) * 2, ("x",) * 1000)
    packaged = np.zeros(1000)
    packaged[-1] = 0.5
    result = compare("onnx", np.zeros(1000), packaged, cases, 1e-4)
    assert result.share == 0.5
    assert result.why() == "onnx differs from the native model on 1 of 2 rows (unseen), by up to 0.5 (tolerance 0.0001)"
    assert [row.group for row in result.worst] == ["unseen"]


@given(st.lists(numbers, min_size=1, max_size=20))
def test_a_model_agrees_with_itself_whatever_it_answers(values: list[float]) -> None:
    result = compare("onnx", np.array(values), np.array(values), plain(len(values)), 0.0)
    assert (result.share, result.largest, result.worst) == (1.0, 0.0, ())


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=20))
def test_a_result_is_always_json_and_counts_exactly_the_rows_beyond_tolerance(pairs: list[tuple[float, float]]) -> None:
    native, packaged = np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])
    result = compare("onnx", native, packaged, plain(len(pairs)), 1e-4)
    json.dumps(result.to_json(), allow_nan=False)
    agree = sum(agrees(float(a), float(b)) for a, b in pairs)
    assert result.share == agree / len(pairs)


def agrees(ours: float, theirs: float) -> bool:
    if ours == theirs or (np.isnan(ours) and np.isnan(theirs)):
        return True
    if np.isnan(ours) or np.isnan(theirs) or np.isinf(ours) or np.isinf(theirs):
        return False
    with np.errstate(over="ignore"):
        return bool(abs(np.float64(ours) - np.float64(theirs)) / max(1, abs(ours)) <= 1e-4)


def test_large_numbers_are_compared_relatively() -> None:
    assert compare("onnx", np.array([1e9]), np.array([1e9 + 10]), plain(1), 1e-4).share == 1
    assert compare("onnx", np.array([1.0]), np.array([1.001]), plain(1), 1e-4).share == 0


def test_every_class_of_a_row_must_agree() -> None:
    native, packaged = np.full((2, 3), 1 / 3), np.full((2, 3), 1 / 3)
    packaged[1, 2] = 0.5
    assert compare("onnx", native, packaged, plain(2), 1e-4).share == 0.5


def test_agreement_says_so_in_words() -> None:
    why = compare("onnx", np.zeros(1234), np.zeros(1234), plain(1234), 1e-4).why()
    assert why == "onnx agrees with the native model on all 1,234 rows (within 0.0001)"
    assert pytest.approx(1) == 1
