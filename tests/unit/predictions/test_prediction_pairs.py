"""Pairs: the live and the shadow answer to one row, how far they lie apart, and what became true."""

from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from headgate.predictions.join import Joined
from headgate.predictions.pairs import Between, parts_of, select, with_outcomes

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def row(identity: str, role: str, version: str, output: float | None, **more: Any) -> dict[str, Any]:
    return {
        "id": identity, "row": 0, "time": NOON, "model": "m", "version": version, "arm": role, "role": role,
        "unit": f"u{identity}", "status": 200 if output is not None else 503, "latency_us": 10,
        "input.x": 1.5, "output.p": output, **more,
    }  # fmt: skip


def ask(wanted: Between, *parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        names = []
        for at, part in enumerate(parts):
            connection.register(f"part{at}", pa.Table.from_pylist(part))
            names.append(f"part{at}")
        union = " UNION ALL BY NAME ".join(f"FROM {name}" for name in names)
        types = {name: kind for name, kind, *_ in connection.sql(f"DESCRIBE {union}").fetchall()}
        query, values = select(names, types, wanted)
        found: list[dict[str, Any]] = connection.sql(query, params=values).to_arrow_table().to_pylist()
        return found


LOG = [
    row("a", "live", "1", 0.5),
    row("b", "live", "1", 0.5, time=NOON + SECOND),
    row("c", "live", "1", 0.5),
    row("a", "shadow", "2", 0.75, time=NOON + 5 * SECOND),
    row("b", "shadow", "2", 0.5, time=NOON + 5 * SECOND),
    row("c", "shadow", "2", None),
    row("a", "shadow", "3", 0.0),
    row("z", "shadow", "2", 0.1),
]


def test_a_request_makes_a_pair_with_each_shadow_and_the_most_different_come_first() -> None:
    pairs = ask(Between(limit=10), LOG)
    assert [(one["id"], one["shadow_version"], one["difference"]) for one in pairs] == [
        ("a", "3", 0.5),
        ("a", "2", 0.25),
        ("b", "2", 0.0),
        ("c", "2", None),
    ]
    first = pairs[1]
    assert (first["live.p"], first["shadow.p"], first["input.x"], first["unit"]) == (0.5, 0.75, 1.5, "ua")
    assert (first["version"], first["arm"], first["shadow"]) == ("1", "live", "shadow")
    assert (pairs[3]["status"], pairs[3]["shadow_status"], pairs[3]["shadow.p"]) == (200, 503, None)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Between(version="3"), {("a", "3")}),
        (Between(since=NOON + SECOND), {("b", "2")}),
        (Between(until=NOON + SECOND), {("a", "2"), ("a", "3"), ("c", "2")}),  # a shadow may answer after the end
        (Between(unit="ub"), {("b", "2")}),
        (Between(id="a", version="2"), {("a", "2")}),
        (Between(version="9"), set()),
    ],
)
def test_pairs_are_chosen_by_the_shadows_version_and_the_live_answer(
    wanted: Between, expected: set[tuple[str, str]]
) -> None:
    assert {(one["id"], one["shadow_version"]) for one in ask(wanted, LOG)} == expected


def test_the_difference_of_vectors_is_the_largest_and_of_words_whether_they_differ() -> None:
    kinds: list[tuple[Any, Any, float | None]] = [
        ([0.25, 0.75], [0.5, 0.5], 0.25),
        ("late", "late", 0.0),
        ("late", "early", 1.0),
        (True, False, 1.0),
        (7, 4, 3.0),
        (None, 4, None),
    ]
    for live, shadow, expected in kinds:
        both = [row("a", "live", "1", 0.0), row("a", "shadow", "2", 0.0)]
        for one, value in zip(both, (live, shadow), strict=True):
            one["output.p"] = value
        assert [one["difference"] for one in ask(Between(), both)] == [expected]


def test_segments_of_other_columns_are_read_together() -> None:
    old = [{key: value for key, value in row("a", "live", "1", 0.5).items() if key != "input.x"}]
    new = [row("a", "shadow", "2", 1.0, **{'output.a "b"': 3.0})]
    (pair,) = ask(Between(), old, new)
    assert (pair["difference"], pair["input.x"], pair['shadow.a "b"'], pair['live.a "b"']) == (0.5, None, 3.0, None)
    shown = parts_of(pair)
    assert shown["live"]["p"] == 0.5
    assert shown["shadow_outputs"]["p"] == 1.0
    assert shown["inputs"] == {"x": None}


def test_a_log_without_outputs_has_pairs_without_a_difference() -> None:
    bare = [{key: value for key, value in one.items() if "." not in key} for one in LOG[:1] + LOG[3:4]]
    assert [one["difference"] for one in ask(Between(limit=5), bare)] == [None]


def test_what_became_true_of_the_id_became_true_of_the_pair() -> None:
    outcomes = pa.table(
        {
            "id": ["a"], "row": pa.array([0], pa.int32()), "model": [""], "unit": [""],
            "time": pa.array([None], pa.int64()), "value": ["true"], "number": [1.0],
            "true_at": pa.array([None], pa.int64()), "received": [int(NOON.timestamp() * 1e6)], "source": ["http"],
        }
    )  # fmt: skip
    joined = Joined("m", pa.Table.from_pylist(LOG[:3]), outcomes, NOON + 60 * SECOND)
    pairs = pa.Table.from_pylist(ask(Between(version="2"), LOG))
    found = with_outcomes(pairs, joined.table()).to_pylist()
    joined.close()
    assert {one["id"]: one["outcome_number"] for one in found} == {"a": 1.0, "b": None, "c": None}
    assert all(one["mature"] for one in found)
