"""Outside values become columns by the signature alone: right ones exactly, wrong ones with a precise error."""

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.errors import BadInput
from headgate.registry.signature import DType, Field, cast

finite = st.floats(allow_nan=False, allow_infinity=False)
int64s = st.integers(-(2**63), 2**63 - 1)
moments = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.binary(max_size=3), st.just([1]),
    st.just({}), moments,
)  # fmt: skip
DTYPES: list[DType] = ["float32", "float64", "int32", "int64", "bool", "string", "timestamp"]


def says(field: Field, values: Any) -> str:
    with pytest.raises(BadInput) as caught:
        cast(field, values)
    return str(caught.value)


@given(st.lists(st.one_of(finite, st.integers(-(2**53), 2**53))))
def test_numbers_come_out_as_they_went_in(values: list[float]) -> None:
    column = cast(Field("x", "float64"), values)
    assert column.dtype == np.float64
    assert column.tolist() == [float(value) for value in values]


@given(st.lists(st.one_of(st.none(), finite), min_size=1))
def test_null_is_missing_and_nothing_else_changes(values: list[float | None]) -> None:
    column = cast(Field("x", "float64", missing=True), values)
    assert [None if math.isnan(value) else value for value in column.tolist()] == values


@given(st.lists(int64s))
def test_whole_numbers_keep_all_their_bits(values: list[int]) -> None:
    column = cast(Field("x", "int64"), values)
    assert column.dtype == np.int64
    assert column.tolist() == values


@given(st.lists(st.one_of(st.none(), st.text())))
def test_strings_stay_python_strings(values: list[str | None]) -> None:
    column = cast(Field("x", "string", missing=True), values)
    assert column.dtype == object
    assert column.tolist() == values


@given(st.lists(st.tuples(moments, st.integers(-14 * 60, 14 * 60))))
def test_times_in_any_zone_become_the_same_instant_in_utc(given_times: list[tuple[datetime, int]]) -> None:
    texts = [at.astimezone(timezone(timedelta(minutes=offset))).isoformat() for at, offset in given_times]
    column = cast(Field("x", "timestamp"), texts)
    assert column.dtype == np.dtype("datetime64[us]")
    assert column.tolist() == [at.replace(tzinfo=None) for at, _ in given_times]


@given(st.sampled_from(DTYPES), st.booleans(), st.lists(anything, max_size=6))
def test_a_list_is_cast_whole_or_refused_naming_its_first_bad_row(
    dtype: DType,
    missing: bool,  # noqa: FBT001 - drawn by hypothesis
    values: list[Any],
) -> None:
    field = Field("x", dtype, missing=missing)
    alone = [fits(field, value) for value in values]
    if all(alone):
        assert len(cast(field, values)) == len(values)
    else:
        assert f"x, row {alone.index(False)}: expected" in says(field, values)


def fits(field: Field, value: Any) -> bool:
    """Say independently of cast() whether a value fits a field."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        allowed = field.missing and field.dtype not in {"int32", "int64"}
        return allowed and (value is None or field.dtype in {"float32", "float64", "string"})
    limit = {"int32": 2**31, "int64": 2**63}.get(field.dtype, 0)
    match field.dtype:
        case "float32" | "float64":
            largest = float(np.finfo(np.float32).max) if field.dtype == "float32" else math.inf
            return type(value) in {int, float} and not math.isinf(value) and abs(value) <= largest
        case "int32" | "int64":
            return type(value) is int and -limit <= value < limit
        case "bool":
            return type(value) is bool
        case "string":
            return type(value) is str
        case "timestamp":
            return isinstance(value, datetime) or (isinstance(value, str) and is_time(value))


def is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


@pytest.mark.parametrize(
    ("dtype", "values", "text"),
    [
        ("float64", [500, None], "x, row 1: expected a finite number, got null (missing)"),
        ("float64", [True, "7"], "x, row 0: expected a finite number, got the boolean true"),
        ("float64", [1.0, "7"], "x, row 1: expected a finite number, got the string '7'"),
        ("float64", [math.inf], "x, row 0: expected a finite number, got the number inf"),
        ("float64", [math.nan], "x, row 0: expected a finite number, got NaN (missing)"),
        ("float64", [10**400], "x, row 0: expected a finite number, got a whole number of 1329 bits"),
        ("float32", [0, 1e39], "x, row 1: expected a finite number within float32, got the number 1e+39"),
        (
            "int64",
            [1, 2**63],
            "x, row 1: expected a whole number within int64, got the whole number 9223372036854775808",
        ),
        ("int32", [2**31], "x, row 0: expected a whole number within int32, got the whole number 2147483648"),
        ("int64", [1.0], "x, row 0: expected a whole number within int64, got the number 1.0"),
        ("int64", [True], "x, row 0: expected a whole number within int64, got the boolean true"),
        ("bool", [True, 1], "x, row 1: expected true or false, got the whole number 1"),
        ("string", ["a", 5], "x, row 1: expected a string, got the whole number 5"),
        ("string", [["a"]], "x, row 0: expected a string, got a list of 1 values"),
        ("timestamp", ["2013-01-01T00:00:00"], "x, row 0: expected an ISO 8601 time with a zone"),
        ("timestamp", ["soon"], "got the string 'soon'"),
        ("timestamp", [0], "got the whole number 0"),
        ("float64", {"a": 1}, "x: expected a list with one value a row, got a value of type dict"),
        ("float64", "12", "x: expected a list with one value a row, got the string '12'"),
    ],
)
def test_a_wrong_value_is_named_with_its_row_its_kind_and_what_was_expected(
    dtype: DType, values: Any, text: str
) -> None:
    assert text in says(Field("x", dtype), values)


def test_a_long_value_is_never_echoed() -> None:
    assert "a string of 5000 characters" in says(Field("x", "float64"), ["secret" * 833 + "ab"])
    assert "secret" not in says(Field("x", "float64"), ["secret" * 833 + "ab"])


def test_what_may_be_missing_says_so_in_the_error() -> None:
    assert "expected a finite number or null, got the string" in says(Field("x", "float64", missing=True), ["a"])


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([[1, 2], [1]], "x, row 1: expected a list of 2 values, got a list of 1 values"),
        ([[1, 2], 3], "x, row 1: expected a list of 2 values, got the whole number 3"),
        ([[1, 2], [1, "a"]], "x, row 1: expected a finite number within float32, got the string 'a'"),
    ],
)
def test_rows_of_a_vector_column_have_its_width(rows: Any, text: str) -> None:
    assert cast(Field("x", "float32", width=2), [[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]
    assert cast(Field("x", "float32", width=2), []).shape == (0, 2)
    assert text in says(Field("x", "float32", width=2), rows)


@pytest.mark.parametrize(
    ("dtype", "array", "text"),
    [
        ("int64", np.array([1.5]), "x: expected a whole number within int64, got an array of float64"),
        ("float64", np.array([True]), "got an array of bool"),
        ("int32", np.array([0, 2**40]), "x, row 1: expected a whole number within int32"),
        ("int64", np.array([2**63], np.uint64), "x, row 0: expected a whole number within int64"),
        ("float64", np.array([1.0, np.nan]), "x, row 1: expected a finite number, got NaN"),
        ("float64", np.array(["a"], object), "x, row 0: expected a finite number, got the string 'a'"),
        ("float64", np.zeros((2, 1)), "x has shape [2, 1], expected [n]"),
        ("timestamp", np.array(["NaT"], "datetime64[us]"), "x, row 0: expected an ISO 8601 time"),
    ],
)
def test_an_array_is_taken_by_its_dtype_or_refused(dtype: DType, array: Any, text: str) -> None:
    assert text in says(Field("x", dtype), array)


def test_arrays_widen_but_never_lose() -> None:
    assert cast(Field("x", "float64"), np.array([1, 2], np.int32)).tolist() == [1.0, 2.0]
    assert cast(Field("x", "int64"), np.array([1, 2], np.int8)).dtype == np.int64
    assert cast(Field("x", "timestamp"), np.array(["2013-01-01T05"], "datetime64[h]")).dtype == "datetime64[us]"
    assert cast(Field("x", "float32", width=2), np.zeros((3, 2))).dtype == np.float32


def test_missing_values_of_every_kind_that_has_one() -> None:
    assert cast(Field("x", "string", missing=True), ["a", math.nan]).tolist() == ["a", None]
    assert np.isnat(cast(Field("x", "timestamp", missing=True), [None, "2013-01-01T00:00:00Z"])).tolist() == [
        True,
        False,
    ]
    assert cast(Field("x", "bool", missing=True), [True, None]).tolist() == [True, None]
    assert "int64 or null" not in says(Field("x", "int64"), [None])
