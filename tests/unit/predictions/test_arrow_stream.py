"""What the worker writes by hand is an Arrow stream: pyarrow reads every type, every null and every prefix of it."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.predictions.columns import Column, Kind, missing, pack, repeated
from headgate.predictions.stream import END, batch, schema

ARROW = {
    "utf8": pa.string(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", "UTC"),
}
WHOLE = {
    kind: st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    for kind, bits in (("int16", 16), ("int32", 32), ("int64", 64))
}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    **WHOLE,
    "utf8": st.none() | st.text(st.characters(codec="utf-8")),
    "float32": st.floats(width=32, allow_nan=False),
    "float64": st.floats(allow_nan=False),
    "bool": st.booleans(),
    "timestamp": st.none() | st.integers(-(2**55), 2**55),
}


def array(kind: str, values: list[Any]) -> npt.NDArray[Any]:
    if kind == "utf8":
        made = np.empty(len(values), object)
        made[:] = values
        return made
    if kind == "timestamp":
        return np.array([np.datetime64("NaT") if v is None else np.datetime64(v, "us") for v in values], "M8[us]")
    return np.array(values, kind)


def read(data: bytes) -> pa.Table:
    reader = pa.ipc.open_stream(data)
    table = reader.read_all()
    table.validate(full=True)
    return table


@pytest.mark.parametrize("kind", sorted(ARROW))
@given(data=st.data())
def test_every_kind_of_column_reads_as_it_was(kind: Kind, data: st.DataObject) -> None:
    values = data.draw(st.lists(VALUES[kind], max_size=40))
    column = Column("a column, ä", kind)
    table = read(b"".join([schema([column]), *batch(len(values), [pack(column, array(kind, values))]), END]))
    assert table.schema.field(0) == pa.field("a column, ä", ARROW[kind])
    shown = table.column(0).cast(pa.int64()).to_pylist() if kind == "timestamp" else table.column(0).to_pylist()
    assert shown == values


@given(st.lists(st.sampled_from(sorted(ARROW)), min_size=1, max_size=30), st.integers(0, 20))
def test_any_number_of_columns_stands_in_one_stream(kinds: list[Kind], rows: int) -> None:
    columns = [Column(f"c{at}", kind) for at, kind in enumerate(kinds)]
    lists = [Column(f"v{at}", kind, 3) for at, kind in enumerate(kinds)]
    zeros = {kind: array(kind, [VALUES_OF_ZERO[kind]] * (3 * rows)) for kind in kinds}
    packed = [pack(column, zeros[column.kind][:rows]) for column in columns]
    packed += [pack(column, zeros[column.kind].reshape(rows, 3)) for column in lists]
    packed += [missing(column, rows) for column in (*columns, *lists)]
    every = [*columns, *lists, *[Column(f"no {c.name}", c.kind, c.width) for c in (*columns, *lists)]]
    message = b"".join(batch(rows, packed))
    table = read(schema(every) + message + message)
    assert table.num_rows == 2 * rows
    assert [table.column(at).null_count for at in range(2 * len(kinds))] == [0] * (2 * len(kinds))
    assert {table.column(at).null_count for at in range(2 * len(kinds), len(every))} == {2 * rows}


VALUES_OF_ZERO = {kind: "" if kind == "utf8" else 0 for kind in ARROW}


def test_text_is_repeated_without_being_looked_at() -> None:
    column = Column("version", "utf8")
    table = read(b"".join([schema([column]), *batch(5, [repeated([b"7", b"twelve", b""], [2, 1, 2])])]))
    assert table.column(0).to_pylist() == ["7", "7", "twelve", "", ""]


def test_a_lone_surrogate_ends_nothing() -> None:
    column = Column("word", "utf8")
    table = read(b"".join([schema([column]), *batch(1, [pack(column, array("utf8", ["a\ud800"]))])]))
    assert table.column(0).to_pylist() == ["a\\ud800"]
