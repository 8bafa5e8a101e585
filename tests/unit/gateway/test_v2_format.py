"""Answers say what the outputs hold: row by row from a template, or as a table, in JSON that anybody reads."""

import json
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.gateway.protocols.v2_json.format import Script
from headgate.registry.field import Field

OUTPUTS = (Field("score", "float32"), Field("label", "string"), Field("pair", "float32", width=2), Field("n", "int64"))
floats = st.floats(width=32)
answers = st.lists(st.tuples(floats, st.text(), floats, floats, st.integers(-(2**63), 2**63 - 1)), min_size=1)


def columns(rows: list[tuple[float, str, float, float, int]]) -> dict[str, Any]:
    score, label, left, right, number = zip(*rows, strict=True)
    texts = np.empty(len(rows), object)
    texts[:] = label
    return {
        "score": np.array(score, np.float32),
        "label": texts,
        "pair": np.array([left, right], np.float32).T,
        "n": np.array(number, np.int64),
    }


def plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


@settings(max_examples=40)
@given(answers, st.text(), st.none() | st.text())
def test_every_row_reads_back(rows: list[tuple[float, str, float, float, int]], model: str, name: str | None) -> None:
    script = Script(model, "7%d", OUTPUTS)
    bodies = script.rows(columns(rows), [name] * len(rows))
    for (score, label, left, right, number), body in zip(rows, bodies, strict=True):
        read = json.loads(body)
        assert (read["model_name"], read["model_version"], read.get("id")) == (model, "7%d", name)
        data = {output["name"]: output["data"] for output in read["outputs"]}
        assert data == {"score": [plain(score)], "label": [label], "pair": [plain(left), plain(right)], "n": [number]}
        assert [output["shape"] for output in read["outputs"]] == [[1], [1], [1, 2], [1]]


@settings(max_examples=40)
@given(answers, st.data())
def test_a_table_is_its_own_rows_of_the_wanted_outputs(
    rows: list[tuple[float, str, float, float, int]], data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(rows) - 1))
    count = data.draw(st.integers(1, len(rows) - start))
    script = Script("m", "1", OUTPUTS)
    read = json.loads(script.table(columns(rows), start, count, None, ("pair", "label")))
    pair, label = read["outputs"]
    assert (pair["name"], pair["datatype"], pair["shape"]) == ("pair", "FP32", [count, 2])
    assert pair["data"] == [plain(value) for row in rows[start : start + count] for value in row[2:4]]
    assert (label["datatype"], label["data"]) == ("BYTES", [row[1] for row in rows[start : start + count]])
    assert "id" not in read


def test_one_row_and_a_table_of_one_row_are_the_same_answer() -> None:
    values = columns([(0.25, "a,b],[c", 1.0, 2.0, 3)])
    script = Script("m", "1", OUTPUTS)
    assert json.loads(script.rows(values, ["x"])[0]) == json.loads(script.table(values, 0, 1, "x", None))


@settings(max_examples=40)
@given(
    st.text(),
    st.text(min_size=1),
    st.sampled_from([Field("n", "int64"), Field("flag", "bool"), Field("p", "float32"), Field("q", "float64")]),
    st.data(),
)
def test_one_number_in_its_frame_is_the_body_that_the_template_gives(
    model: str, version: str, field: Field, data: st.DataObject
) -> None:
    numbers = floats if field.dtype.startswith("float") else st.integers(0, 1)
    column = data.draw(st.lists(numbers, min_size=1))
    outputs = {field.name: np.array(column, field.dtype)}
    script = Script(model, version, (field,))
    before, after = script.frame
    assert [before + text + after for text in script.numbers(outputs)] == script.rows(outputs, [None] * len(column))


def test_only_one_number_a_row_has_a_frame() -> None:
    for fields in (OUTPUTS, (Field("label", "string"),), (Field("pair", "float32", width=2),)):
        assert Script("m", "1", fields).frame == (b"", b"")
