"""Answers of many ticks become rows: redacted, sampled by request, bounded; nothing is mixed up between requests."""

import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.predictions.block import Rows, alone
from headgate.predictions.encode import encode
from headgate.predictions.log import Bounds, Buffer
from headgate.predictions.redact import hasher, kept, thin
from headgate.predictions.row import Answered, Layout, Source
from headgate.predictions.stream import schema
from headgate.registry.field import Field

INPUTS = (Field("x", "float32"), Field("who", "string", missing=True), Field("v", "float64", width=2))
OUTPUTS = (Field("prediction", "float32"), Field("label", "string"))
HASHED = hasher(b"salt")


def strings(values: Sequence[str | None]) -> npt.NDArray[Any]:
    made = np.empty(len(values), object)
    made[:] = values
    return made


def name(at: int) -> bytes:
    return str(uuid.UUID(int=at)).encode()


def answered(
    layout: Layout, first: int, rows: list[int] | None, count: int, *, failed: bool = False, units: bool = True
) -> Answered:
    total = count if rows is None else sum(rows)
    values = np.arange(first, first + total, dtype=np.float32)
    inputs = {
        "x": values,
        "who": strings([None if int(value) % 3 == 0 else f"w{int(value)}" for value in values]),
        "v": np.stack([values, -values], axis=1).astype(np.float64),
    }
    outputs = {"prediction": values * 2, "label": strings([f"l{int(value)}" for value in values])}
    ids = [name(first + at) for at in range(count)]
    said = [f"u{first + at}" for at in range(count)] if units else None
    return Answered(Source(layout, "7", "champion"), ids, rows, first, said, None if failed else inputs,
                    None if failed else outputs, 500 if failed else 200, 42)  # fmt: skip


def read(layout: Layout, batches: list[Answered], sample: float = 1.0) -> list[dict[str, Any]]:
    buffer = Buffer(Bounds())
    for batch in batches:
        buffer.put(batch)
    together, blocks = buffer.take()
    rows, data = encoded(layout, [alone(batch) for batch in batches], sample)
    again = encoded(layout, together, sample)[1]
    buffer.give_back(blocks)
    assert parse(layout, again) == parse(layout, data), "copied into blocks they say the same"
    found = parse(layout, data)
    assert len(found) == rows
    return found


def encoded(layout: Layout, parts: list[Rows], sample: float = 1.0) -> tuple[int, bytes]:
    rows, pieces = encode(layout, parts, HASHED, sample)
    return rows, b"".join(pieces)


def parse(layout: Layout, data: bytes) -> list[dict[str, Any]]:
    table = pa.ipc.open_stream(schema(layout.columns) + data).read_all()
    table.validate(full=True)
    found: list[dict[str, Any]] = table.to_pylist()
    return found


def test_every_part_of_an_answer_is_in_its_row() -> None:
    layout = Layout("m", INPUTS, OUTPUTS)
    rows = read(layout, [answered(layout, 0, None, 2), answered(layout, 10, [1, 2], 2, units=False)])
    assert [(row["id"], row["row"], row["unit"], row["input.x"], row["output.label"]) for row in rows] == [
        (name(0).decode(), 0, "u0", 0, "l0"),
        (name(1).decode(), 0, "u1", 1, "l1"),
        (name(10).decode(), 0, None, 10, "l10"),
        (name(11).decode(), 0, None, 11, "l11"),
        (name(11).decode(), 1, None, 12, "l12"),
    ]
    last = rows[-1]
    assert (last["model"], last["version"], last["arm"], last["role"]) == ("m", "7", "champion", "live")
    assert (last["status"], last["latency_us"], last["time"].microsecond) == (200, 42, 10)
    assert (last["input.v"], last["input.who"], last["output.prediction"]) == ([12, -12], None, 24)


def test_a_failed_request_is_logged_with_its_status_and_without_values() -> None:
    layout = Layout("m", INPUTS, OUTPUTS)
    rows = read(layout, [answered(layout, 0, None, 1), answered(layout, 5, None, 1, failed=True)])
    assert [(row["status"], row["input.x"], row["output.prediction"]) for row in rows] == [
        (200, 0, 0),
        (500, None, None),
    ]
    assert rows[1]["unit"] == "u5"


def test_redaction_hashes_or_drops_before_anything_is_written() -> None:
    layout = Layout("m", INPUTS, OUTPUTS, {"who": "hash", "v": "drop", "unit": "hash", "x": "hash"})
    batches = [answered(layout, 1, None, 2), answered(layout, 1, None, 1)]
    rows, data = encoded(layout, [alone(batch) for batch in batches])
    assert rows == 3
    for secret in (b"w1", b"u1", b"input.v"):
        assert secret not in schema(layout.columns) + data
    shown = read(layout, batches)
    assert shown[0]["input.who"] == shown[2]["input.who"] == HASHED("w1") != shown[1]["input.who"]
    assert shown[0]["unit"] == HASHED("u1")
    assert shown[0]["input.x"] == HASHED("1.0")
    missing = read(layout, [answered(layout, 0, None, 1)])
    assert missing[0]["input.who"] is None
    assert HASHED("w1") != hasher(b"other salt")("w1")


def test_a_unit_can_be_dropped() -> None:
    layout = Layout("m", INPUTS, OUTPUTS, {"unit": "drop"})
    assert read(layout, [answered(layout, 1, None, 1)])[0]["unit"] is None


@given(st.floats(0, 1), st.lists(st.integers(1, 4), min_size=1, max_size=30))
def test_sampling_keeps_whole_requests_and_always_the_same_ones(sample: float, sizes: list[int]) -> None:
    layout = Layout("m", INPUTS, OUTPUTS)
    rows = read(layout, [answered(layout, 0, sizes, len(sizes))], sample)
    expected = [name(at).decode() for at, size in enumerate(sizes) for _ in range(size) if kept(name(at), sample)]
    assert [row["id"] for row in rows] == expected
    first = {name(at).decode(): sum(sizes[:at]) for at in range(len(sizes))}
    assert [row["input.x"] for row in rows] == [first[row["id"]] + row["row"] for row in rows]


def test_a_sample_holds_about_its_share_of_uuids() -> None:
    ids = [str(uuid.UUID(int=(1 << 80) * 1_700_000_000_000 + at * 7919)).encode() for at in range(20_000)]
    assert sum(kept(one, 0.1) for one in ids) / len(ids) == pytest.approx(0.1, abs=0.01)
    layout = Layout("m", INPUTS, OUTPUTS)
    assert thin(alone(answered(layout, 0, None, 5)), 0.0).ids == []


def test_another_signature_or_redaction_has_another_key() -> None:
    layouts = [
        Layout("m", INPUTS, OUTPUTS),
        Layout("m", INPUTS[:2], OUTPUTS),
        Layout("m", INPUTS, OUTPUTS, {"x": "hash"}),
    ]
    assert len({layout.key for layout in layouts}) == 3
    assert layouts[0].key == Layout("m", INPUTS, OUTPUTS).key


@given(st.lists(st.integers(0, 9) | st.none(), max_size=60))
def test_the_buffer_never_holds_more_than_it_may_and_counts_what_it_drops(steps: list[int | None]) -> None:
    layout = Layout("m", INPUTS, OUTPUTS)
    buffer, put, taken = Buffer(Bounds(rows=15)), 0, 0
    for step in steps:
        if step is None:
            rows, blocks = buffer.take()
            taken += sum(one.count for one in rows)
            buffer.give_back(blocks)
        else:
            put += step
            buffer.put(answered(layout, 0, None, step))
        assert buffer.rows <= 15
        assert put == taken + buffer.rows + buffer.dropped


def test_the_buffer_is_bounded_in_bytes_too_and_takes_one_large_batch_when_empty() -> None:
    layout = Layout("m", (Field("who", "string"),), ())
    long = Answered(Source(layout, "1", "a"), [name(1)], None, 0, None, {"who": strings(["x" * 5000])}, {}, 200, 1)
    buffer = Buffer(Bounds(bytes=1000))
    assert buffer.put(long)
    assert not buffer.put(long)
    assert buffer.dropped == 1
    ((rows,), _) = buffer.take()
    assert rows.ids == [name(1)]
    assert buffer.put(long)


@given(st.lists(st.lists(st.integers(1, 3), max_size=4) | st.integers(0, 700), max_size=12))
def test_blocks_of_any_fill_hold_what_was_put_in_and_nothing_of_before(ticks: list[list[int] | int]) -> None:
    layout = Layout("m", INPUTS, OUTPUTS)
    buffer, first = Buffer(Bounds()), 0
    for _ in range(2):
        expected = []
        for tick in ticks:
            rows, count = (tick, len(tick)) if isinstance(tick, list) else (None, tick)
            buffer.put(answered(layout, first, rows, count, units=first % 2 == 0))
            expected += list(range(first, first + (count if rows is None else sum(rows))))
            first = first + 1000
        taken, blocks = buffer.take()
        shown = parse(layout, encoded(layout, taken)[1])
        buffer.give_back(blocks)
        assert [row["input.x"] for row in shown] == expected
        assert [row["output.label"] for row in shown] == [f"l{number}" for number in expected]
        assert all(row["unit"] in (None, f"u{int(row['time'].timestamp() * 1e6) + at}") for row, at in zip(shown, [
            uuid.UUID(row["id"]).int - int(row["time"].timestamp() * 1e6) for row in shown], strict=True))  # fmt: skip


def test_a_file_is_full_by_size_or_by_age() -> None:
    bounds = Bounds(file_bytes=100, file_seconds=10)
    assert [bounds.is_full(*one) for one in ((99, 9), (100, 0), (0, 10))] == [False, True, True]
