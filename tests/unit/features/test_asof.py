"""A row sees the latest observation that was known then; the rows come back as they were, every one of them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.base.errors import BadInput
from headgate.features.asof import join
from headgate.policy.model import ColumnPolicy, StoredFeatures

TIME = pa.timestamp("us", "UTC")
START = datetime(2013, 1, 1, tzinfo=UTC)
NUMBER = ColumnPolicy(type="int", missing=True)


def stored(**changes: Any) -> StoredFeatures:
    plain = {"source": "f.csv", "keys": ("key",), "time": "known", "columns": {"value": NUMBER}, "prefix": "f_"}
    return StoredFeatures.model_validate({**plain, **changes})


def rows_of(keys: list[Any], minutes: list[int], kind: Any = None) -> pa.Table:
    times = [START + timedelta(minutes=minute) for minute in minutes]
    return pa.table(
        {"id": list(range(len(keys))), "key": pa.array(keys, kind or pa.string()), "at": pa.array(times, TIME)}
    )


def table_of(keys: list[Any], minutes: list[int | None], kind: Any = None) -> pa.Table:
    times = [None if minute is None else START + timedelta(minutes=minute) for minute in minutes]
    values = pa.array(range(len(keys)), pa.int64())
    return pa.table({"key": pa.array(keys, kind or pa.string()), "known": pa.array(times, TIME), "value": values})


def seen(rows: pa.Table, table: pa.Table, how: StoredFeatures | None = None) -> list[Any]:
    joined = join(rows, "at", {"f": how or stored()}, {"f": table})
    assert joined.select(rows.column_names).equals(rows)
    found: list[Any] = joined.column("f_value").to_pylist()
    return found


def brute_force(
    rows: pa.Table, table: pa.Table, max_age: timedelta | None, pairs: Mapping[str, str]
) -> list[int | None]:
    """Return what each row sees, the slow and obvious way: look at every observation."""
    answer: list[int | None] = []
    observations = table.to_pylist()
    for row in rows.to_pylist():
        best: dict[str, Any] | None = None
        for one in observations:
            matches = all(row[mine] is not None and row[mine] == one[theirs] for mine, theirs in pairs.items())
            if matches and one["known"] is not None and one["known"] <= row["at"]:
                fresh = max_age is None or row["at"] - one["known"] <= max_age
                if fresh and (best is None or one["known"] >= best["known"]):
                    best = one
        answer.append(None if best is None else best["value"])
    return answer


KEYS = st.sampled_from(["a", "b", "c", None])
MINUTES = st.integers(0, 6)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(KEYS, MINUTES), max_size=80),
    st.lists(st.tuples(KEYS, st.one_of(MINUTES, st.none())), max_size=40),
    st.one_of(st.none(), st.integers(1, 5)),
)
def test_every_row_sees_what_brute_force_sees(
    rows: list[tuple[str | None, int]], table: list[tuple[str | None, int | None]], oldest: int | None
) -> None:
    left = rows_of([key for key, _ in rows], [minute for _, minute in rows])
    right = table_of([key for key, _ in table], [minute for _, minute in table])
    max_age = None if oldest is None else timedelta(minutes=oldest)
    assert seen(left, right, stored(max_age=max_age)) == brute_force(left, right, max_age, {"key": "key"})


@settings(deadline=None, max_examples=20)
@given(
    st.lists(st.tuples(st.integers(0, 2), KEYS, MINUTES), max_size=70),
    st.lists(st.tuples(st.integers(0, 2), KEYS, MINUTES), max_size=40),
)
def test_several_keys_must_all_be_equal(
    rows: list[tuple[int, str | None, int]], table: list[tuple[int, str | None, int]]
) -> None:
    left = rows_of([row[1] for row in rows], [row[2] for row in rows])
    left = left.append_column("number", pa.array([row[0] for row in rows], pa.int64()))
    right = table_of([one[1] for one in table], [one[2] for one in table])
    right = right.append_column("other", pa.array([one[0] for one in table], pa.int32()))
    pairs = {"key": "key", "number": "other"}
    assert seen(left, right, stored(keys=pairs)) == brute_force(left, right, None, pairs)


def oracle(
    keys: npt.NDArray[Any], at: npt.NDArray[Any], their_keys: npt.NDArray[Any], known: npt.NDArray[Any]
) -> npt.NDArray[np.int64]:
    """Return the index of what each row sees, by a stable sort and a binary search within each key."""
    answer = np.full(len(keys), -1, np.int64)
    for key in np.unique(keys):
        mine, theirs = np.flatnonzero(keys == key), np.flatnonzero(their_keys == key)
        theirs = theirs[np.argsort(known[theirs], kind="stable")]
        place = np.searchsorted(known[theirs], at[mine], side="right") - 1
        answer[mine[place >= 0]] = theirs[place[place >= 0]]
    return answer


@pytest.mark.parametrize("as_text", [True, False])
def test_100_000_rows_none_lost_none_reordered_none_from_the_future_duplicates_kept(as_text: bool) -> None:  # noqa: FBT001
    random = np.random.default_rng(7)
    count, observations, names = 100_000, 200_000, 300
    keys, their_keys = random.integers(0, names, count), random.integers(0, names, observations)
    at, known = (
        random.integers(0, 50_000, count),
        random.integers(25_000, 100_000, observations),
    )  # many ties, some future
    keys[-5_000:], at[-5_000:] = keys[:5_000], at[:5_000]  # duplicates of whole rows
    kind = pa.string() if as_text else pa.int64()
    left = pa.table(
        {"id": keys * 1_000_003 + at, "key": pa.array(keys).cast(kind), "at": pa.array(at).cast(TIME)}  # ids repeat too
    )
    right = pa.table(
        {"key": pa.array(their_keys).cast(kind), "known": pa.array(known).cast(TIME), "value": np.arange(observations)}
    )
    joined = join(left, "at", {"f": stored()}, {"f": right})
    assert joined.num_rows == count
    assert joined.select(left.column_names).equals(left)
    found = joined.column("f_value").fill_null(-1).to_numpy()
    assert (known[found[found >= 0]] <= at[found >= 0]).all()
    assert (found < 0).any()
    assert (found >= 0).any()
    np.testing.assert_array_equal(found, oracle(keys, at, their_keys, known))


def test_a_row_whose_only_observation_lies_in_the_future_stays_and_sees_nothing() -> None:
    assert seen(rows_of(["a", "a"], [0, 1]), table_of(["a"], [5])) == [None, None]


def test_the_same_microsecond_counts_as_known_and_the_next_one_does_not() -> None:
    assert seen(rows_of(["a"], [5]), table_of(["a"], [5])) == [0]
    later = table_of(["a"], [5])
    micro = pa.array([START + timedelta(minutes=5, microseconds=1)], TIME)
    assert seen(rows_of(["a"], [5]), later.set_column(1, "known", micro)) == [None]


def test_exactly_the_greatest_age_is_still_seen() -> None:
    how = stored(max_age="10m")
    assert seen(rows_of(["a", "a"], [10, 11]), table_of(["a"], [0]), how) == [0, None]


def test_the_last_of_those_at_the_same_time_is_seen() -> None:
    assert seen(rows_of(["a", "a", "a"], [5, 5, 4]), table_of(["a", "a", "b", "a"], [5, 5, 5, 5])) == [3, 3, None]


def test_a_table_without_keys_is_matched_on_time_alone() -> None:
    assert seen(rows_of(["a", None], [1, 7]), table_of(["x", "y"], [0, 5]), stored(keys={})) == [0, 1]


def test_tables_and_rows_may_be_empty() -> None:
    assert seen(rows_of([], []), table_of(["a"], [0])) == []
    assert seen(rows_of(["a"], [0]), table_of([], [])) == [None]


def test_several_tables_are_joined_to_the_same_rows() -> None:
    left = rows_of(["a"], [9])
    how = {"one": stored(), "two": stored(prefix="g_", max_age="1m")}
    joined = join(left, "at", how, {"one": table_of(["a"], [1]), "two": table_of(["a"], [1])})
    assert joined.to_pylist()[0] == {
        "id": 0,
        "key": "a",
        "at": START + timedelta(minutes=9),
        "f_value": 0,
        "g_value": None,
    }


def test_keys_may_be_dictionaries_times_or_booleans() -> None:
    left, right = rows_of(["a", "b"], [5, 5]), table_of(["b", "a"], [0, 0])
    left = left.set_column(1, "key", left.column("key").dictionary_encode())
    assert seen(left, right) == [1, 0]
    assert seen(rows_of([True, False], [5, 5], pa.bool_()), table_of([False], [0], pa.bool_())) == [None, 0]
    stamps = pa.timestamp("ms", "UTC")
    assert seen(rows_of([START], [5], TIME), table_of([START], [0], stamps)) == [0]


def refusal(rows: pa.Table, table: pa.Table, how: StoredFeatures | None = None) -> str:
    with pytest.raises(BadInput) as caught:
        join(rows, "at", {"f": how or stored()}, {"f": table})
    return str(caught.value)


def test_a_row_without_a_time_is_refused() -> None:
    rows = rows_of(["a", "a"], [0, 1])
    rows = rows.set_column(2, "at", pa.array([START, None], TIME))
    assert "1 of 2 rows have no time, the first at row 2" in refusal(rows, table_of(["a"], [0]))


def test_a_time_without_a_zone_is_refused_on_both_sides() -> None:
    naive = pa.array([START.replace(tzinfo=None)], pa.timestamp("us"))
    rows, table = rows_of(["a"], [0]), table_of(["a"], [0])
    assert "column at: is timestamp[us], not a time with a zone" in refusal(rows.set_column(2, "at", naive), table)
    assert "column known: is timestamp[us]" in refusal(rows, table.set_column(1, "known", naive))


def test_times_finer_than_a_microsecond_are_refused_since_rounding_down_would_leak() -> None:
    fine = pa.array([1_500], pa.timestamp("ns", "UTC"))
    words = refusal(rows_of(["a"], [0]), table_of(["a"], [0]).set_column(1, "known", fine))
    assert "finer than a microsecond" in words
    assert "round observations up" in words


def test_keys_that_cannot_be_compared_are_refused() -> None:
    words = refusal(rows_of(["a"], [0]), table_of([1], [0], pa.int64()))
    assert "key key: cannot match string with int64" in words
    floats = rows_of([1.0], [0], pa.float64())
    assert "cannot match double" in refusal(floats, table_of([1.0], [0], pa.float64()))


def test_a_name_that_is_taken_is_refused() -> None:
    rows = rows_of(["a"], [0]).append_column("f_value", pa.array([1]))
    words = refusal(rows, table_of(["a"], [0]))
    assert "already have a column f_value" in words
    assert "prefix" in words


def test_a_column_that_is_not_there_is_named_with_those_that_are() -> None:
    words = refusal(rows_of(["a"], [0]), table_of(["a"], [0]), stored(columns={"valeu": NUMBER}))
    assert "the table has no column valeu" in words
    assert "key, known, value" in words
    assert "no key column kee" in refusal(rows_of(["a"], [0]), table_of(["a"], [0]), stored(keys={"kee": "key"}))
