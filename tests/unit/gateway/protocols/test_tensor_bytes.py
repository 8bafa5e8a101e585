"""Tensors as bytes: what is packed is unpacked; bytes that do not fit are refused with the size that would."""

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.gateway.protocols.v2_json.tensors import pack, unpack
from headgate.gateway.refusal import Refusal
from headgate.registry.field import DType, Field

NUMBERS: dict[DType, Any] = {
    "float32": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "float64": st.floats(allow_nan=False, allow_infinity=False),
    "int32": st.integers(-(2**31), 2**31 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "bool": st.booleans(),
    "string": st.text(),
}


@pytest.mark.parametrize("dtype", list(NUMBERS))
@pytest.mark.parametrize("width", [None, 3])
@given(data=st.data())
def test_what_is_packed_is_unpacked(dtype: DType, width: int | None, data: st.DataObject) -> None:
    field = Field("x", dtype, width)
    rows = data.draw(st.integers(1, 4))
    size = rows * (width or 1)
    values = data.draw(st.lists(NUMBERS[dtype], min_size=size, max_size=size))
    kind = object if dtype == "string" else np.dtype(dtype)
    column = np.array(values, kind).reshape((rows,) if width is None else (rows, width))
    read = unpack(field, pack(field, column), rows)
    assert read.tolist() == column.tolist()
    assert read.dtype == column.dtype


def test_times_are_iso_texts_in_utc() -> None:
    field = Field("at", "timestamp")
    column = np.array(["2013-01-31T14:30:00.000001"], "datetime64[us]")
    assert pack(field, column)[4:] == b"2013-01-31T14:30:00.000001Z"
    assert unpack(field, pack(field, column), 1).tolist() == column.tolist()


def test_nan_is_missing_where_a_value_may_be() -> None:
    data = struct.pack("<2d", 1.0, float("nan"))
    assert np.isnan(unpack(Field("x", "float64", missing=True), data, 2)).tolist() == [False, True]
    with pytest.raises(Refusal, match="row 1: expected a finite number"):
        unpack(Field("x", "float64"), data, 2)


@pytest.mark.parametrize(
    ("field", "data", "words"),
    [
        (Field("x", "float32"), bytes(7), "7 bytes of data, expected 8"),
        (Field("x", "float32"), bytes(9), "9 bytes of data, expected 8"),
        (Field("x", "float32", 2), bytes(8), "expected 16"),
        (Field("x", "float32"), struct.pack("<2f", 1, float("inf")), "row 1"),
        (Field("x", "bool"), b"\x01\x02", "neither 0 nor 1"),
        (Field("x", "string"), b"\x01\x00\x00\x00a", "1 elements, expected 2"),
        (Field("x", "string"), b"\x01\x00\x00\x00a" * 3, "2 or more elements, expected 2"),
        (Field("x", "string"), b"\x01\x00\x00\x00a\xff\xff\xff\xff", "element 1 is longer"),
        (Field("x", "string"), b"\x01\x00\x00\x00a\x00\x00", "element 1 is longer"),
        (Field("x", "string"), b"\x01\x00\x00\x00\xff" * 2, "not UTF-8"),
        (Field("x", "timestamp"), b"\x01\x00\x00\x00a" * 2, "ISO 8601"),
    ],
)
def test_bytes_that_do_not_fit_are_refused(field: Field, data: bytes, words: str) -> None:
    with pytest.raises(Refusal) as caught:
        unpack(field, data, 2)
    assert words in caught.value.what
    assert caught.value.status == 400


def attempt(call: Callable[[], Any]) -> Any:
    """Return what a call returns, or its refusal."""
    try:
        return call()
    except Refusal as refusal:
        return refusal


@given(st.binary(max_size=60), st.sampled_from([Field("x", dtype, width) for dtype in NUMBERS for width in (None, 2)]))
def test_any_bytes_are_a_column_or_a_400(data: bytes, field: Field) -> None:
    column = attempt(lambda: unpack(field, data, 2))
    if isinstance(column, Refusal):
        assert column.status == 400
    else:
        assert len(column) == 2
