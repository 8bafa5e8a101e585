"""Columns arrive in another process as they were sent, whatever their type and shape."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.registry.wire import Column, pack, unpack

KINDS = ["<f4", "<f8", "<i4", "<i8", "|b1", "<M8[us]"]


@given(st.sampled_from(KINDS), st.lists(st.integers(-1000, 1000), max_size=12), st.sampled_from([None, 1, 3]))
def test_numbers_and_times_arrive(kind: str, values: list[int], width: int | None) -> None:
    column = np.array(values, "<i8").astype(kind)
    if width is not None:
        column = np.repeat(column[:, None], width, axis=1)
    sent = msgspec.msgpack.encode(pack({"x": column}))
    found = unpack(msgspec.msgpack.decode(sent, type=dict[str, Column]))["x"]
    assert found.dtype == column.dtype
    assert found.shape == column.shape
    assert found.tobytes() == column.tobytes()


@given(st.lists(st.none() | st.text(st.characters(codec="utf-8")), max_size=12))
def test_texts_arrive(texts: list[str | None]) -> None:
    column = np.empty(len(texts), object)
    column[:] = texts
    sent = msgspec.msgpack.encode(pack({"x": column}))
    assert unpack(msgspec.msgpack.decode(sent, type=dict[str, Column]))["x"].tolist() == texts


def test_what_pack_did_not_make_is_refused() -> None:
    for column in (Column("<f4", [3], b"1234", []), Column("O", [2], b"", ["a"]), Column("|O8", [1], b"12345678", [])):
        with pytest.raises(ValueError, match=r"."):
            unpack({"x": column})
    with pytest.raises(TypeError):
        unpack({"x": Column("nothing", [1], b"1", [])})
